"""Where a deliberation stands, in the figures that its endings look at: folded from the state, so that a resumed run ends alike."""

from collections.abc import Sequence
from dataclasses import replace

from mallku.dialogue.transcript import OPTION_LABELS
from mallku.firecircle.endings import Poll, Progress
from mallku.firecircle.focus import drift, novelty
from mallku.firecircle.independence import position_of
from mallku.firecircle.state import BallotRecord, DeliberationState


def progress_of(state: DeliberationState) -> Progress:
    """Return the figures. Seconds run from the convening to the last recorded event."""
    indexes = sorted(state.closed_rounds)
    earlier = [[said for before in indexes if before < index for said in state.spoken_in(before)] for index in indexes]
    judged = Progress(
        rounds_done=len(indexes),
        rounds_planned=max((opened.rounds_planned for opened in state.rounds.values()), default=0),
        polls=tuple(_poll(record, state.seats) for record in _comparable(state)),
        novelty=tuple(novelty(state.spoken_in(index), before) for index, before in zip(indexes, earlier, strict=True)),
        drift=tuple(drift(state.transcript, state.spoken_in(index)) for index in indexes),
    )
    return spent_since(judged, state)


def spent_since(progress: Progress, state: DeliberationState) -> Progress:
    """Return the figures with what time and means have been used by now; what is judged by whole rounds and ballots stays as it is."""
    began = state.convened.at if state.convened else None
    seconds = (state.last_at - began).total_seconds() if began and state.last_at else 0.0
    return replace(progress, seconds=seconds, away_s=state.away_s, tokens=_tokens(state), joules=_joules(state))


def _comparable(state: DeliberationState) -> list[BallotRecord]:
    """Return the ballots counted so far that are about the same options as the latest one."""
    counted = [record for record in state.ballots.values() if record.counted]
    return [record for record in counted if record.opened.options == counted[-1].opened.options]


def _poll(record: BallotRecord, seats: Sequence[str]) -> Poll:
    """Return where every seat stands; one without a valid ballot stands nowhere, so that few voters cannot pass for all."""
    labels = [option.label for option in record.opened.options] or list(OPTION_LABELS)
    return {seat: position_of(record.cast[seat], labels) if seat in record.cast else () for seat in seats}


def _tokens(state: DeliberationState) -> int | None:
    """Add up what was read and written; None if nobody counted any of it."""
    figures = [
        figure
        for spent in state.spent.values()
        for usage, _ in spent
        for figure in (usage.prompt_tokens, usage.completion_tokens)
        if figure is not None
    ]
    return sum(figures) if figures else None


def _joules(state: DeliberationState) -> float | None:
    figures = [timings.energy_j for spent in state.spent.values() for _, timings in spent if timings.energy_j is not None]
    return sum(figures) if figures else None
