"""The figures in the minutes: scores by seat and dimension, and what was spent. Unknown is kept apart from nothing."""

from collections.abc import Iterable, Sequence

from mallku.dialogue.response import Timings, Usage
from mallku.dialogue.score import Score
from mallku.firecircle.minutes.values import MeanScore, Measure, Spending
from mallku.firecircle.state import JUDGE, DeliberationState

JOULES_PER_KWH = 3_600_000
"""Joules of a kilowatt hour."""

CIRCLE = ""
"""The name under which the whole circle's figures stand."""


def mean_scores(state: DeliberationState) -> dict[str, dict[str, MeanScore]]:
    """Return mean scores by seat and dimension, and the circle's, in which each statement weighs as its seat's scores do."""
    seats = {statement.turn: statement.seat for statement in state.transcript.statements}
    weights = {seat.name: seat.score_weight for seat in state.convened.seats} if state.convened else {}
    by_seat: dict[str, list[tuple[float, Score]]] = {}
    for turn, scores in state.scores.items():
        seat = seats.get(turn, "")
        by_seat.setdefault(seat, []).extend((weights.get(seat, 1.0), score) for score in scores)
    means = {seat: _means((1.0, score) for _, score in by_seat[seat]) for seat in state.seats if seat in by_seat}
    everything = [pair for pairs in by_seat.values() for pair in pairs]
    return {**means, CIRCLE: _means(everything)} if everything else {}


def _means(weighted: Iterable[tuple[float, Score]]) -> dict[str, MeanScore]:
    by_dimension: dict[str, list[tuple[float, Score]]] = {}
    for weight, score in weighted:
        by_dimension.setdefault(score.dimension, []).append((weight, score))
    return {dimension: _mean(pairs) for dimension, pairs in sorted(by_dimension.items())}


def _mean(pairs: Sequence[tuple[float, Score]]) -> MeanScore:
    known = [(weight, score.value) for weight, score in pairs if score.value is not None]
    total = sum(weight for weight, _ in known)
    sure = [score.confidence for _, score in pairs if score.value is not None and score.confidence is not None]
    return MeanScore(
        value=sum(weight * value for weight, value in known) / total if total > 0 else None,
        scored=len(known),
        unscored=len(pairs) - len(known),
        tiers=tuple(sorted({tier for _, score in pairs if score.value is not None for tier in score.tiers})),
        confidence=sum(sure) / len(sure) if sure else None,
    )


def spending(state: DeliberationState) -> dict[str, Spending]:
    """Return what each seat used, and the whole circle."""
    by_seat = {seat: _spending(state.spent[seat]) for seat in (*state.seats, JUDGE) if seat in state.spent}
    return {**by_seat, CIRCLE: _spending([request for requests in state.spent.values() for request in requests])}


def round_spending(state: DeliberationState) -> dict[int, Spending]:
    """Return what the statements of each round used."""
    return {index: _spending([(said.usage, said.timings) for said in state.spoken_in(index)]) for index in sorted(state.rounds)}


def co2_grams(state: DeliberationState, used: Spending) -> float | None:
    """Return grams of CO2 equivalent, if every request was measured and the plan names a carbon intensity."""
    intensity = state.convened.plan.get("grams_co2_per_kwh") if state.convened else None
    if used.joules.value is None or not used.joules.whole or not isinstance(intensity, int | float):
        return None
    return used.joules.value / JOULES_PER_KWH * intensity


def _spending(requests: Sequence[tuple[Usage, Timings]]) -> Spending:
    timings = [one for _, one in requests]
    return Spending(
        requests=len(requests),
        prompt_tokens=_sum([usage.prompt_tokens for usage, _ in requests]),
        cached_tokens=_sum([usage.cached_tokens for usage, _ in requests]),
        answer_tokens=_sum([usage.completion_tokens for usage, _ in requests]),
        seconds=_sum([one.total_s for one in timings]),
        joules=_sum([one.energy_j for one in timings]),
        cpu_seconds=_sum([one.cpu_s for one in timings]),
        tokens_per_second=_speed(requests),
        peak_memory_bytes=max((one.peak_rss_bytes for one in timings if one.peak_rss_bytes is not None), default=None),
        accelerator_bytes=max((one.vram_bytes for one in timings if one.vram_bytes is not None), default=None),
        energy_source=" and ".join(sorted({one.energy_source for one in timings if one.energy_j is not None})) or "none",
        energy_uncertainty=_doubt(timings),
        estimated=any(usage.estimated for usage, _ in requests),
    )


def _speed(requests: Sequence[tuple[Usage, Timings]]) -> float | None:
    known = [(usage.completion_tokens, timings.total_s) for usage, timings in requests if usage.completion_tokens and timings.total_s]
    seconds = sum(spent for _, spent in known)
    return sum(tokens for tokens, _ in known) / seconds if seconds else None


def _doubt(timings: Sequence[Timings]) -> float | None:
    """Return the relative uncertainty of the sum; errors of one counter go the same way, so they add up and do not average out."""
    known = [(one.energy_j, one.energy_uncertainty) for one in timings if one.energy_j]
    if not known or any(doubt is None for _, doubt in known):
        return None
    return sum(joules * doubt for joules, doubt in known if doubt is not None) / sum(joules for joules, _ in known)


def _sum(values: Sequence[float | None]) -> Measure:
    known = [value for value in values if value is not None]
    return Measure(value=sum(known) if known else None, whole=len(known) == len(values))
