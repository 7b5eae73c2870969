"""What happened, in plain words: the sentences that the live view, the plain lines and the lists share."""

from collections.abc import Iterable, Sequence
from typing import Final

from mallku.console.printable import one_line
from mallku.dialogue.response import Timings, Usage
from mallku.dialogue.score import Score
from mallku.dialogue.verdict import Ballot, Secrecy, Verdict
from mallku.events import kinds
from mallku.firecircle.state import DeliberationState

DIMENSION_TITLES: Final = {"resource_use": "resources"}
"""Titles of score dimensions that are not their own name."""

BALLOT_TITLES: Final = {
    "before": "private ballot before the exchange",
    "control": "private ballot, asked again alone",
    "selection": "which proposal is put to the circle",
    "final": "final ballot",
}
"""Titles of the ballots by stage."""

UNDECIDED: Final = {
    "not decided": "Nothing was decided.",
    "tied": "The vote is tied and the tie was left standing.",
    "no ballot": "No ballot could be counted.",
}
"""What is said in place of an outcome, by the verdict's status."""

A_VOTER: Final = "A voter"
"""Name of whoever cast a secret ballot."""

SHORT_TITLES: Final = {"sovereignty": "sovereign", "reciprocity": "reciproc.", "resource_talk": "res. talk"}
"""Titles of score dimensions where there is little room."""

_MINUTE: Final = 60
_LONG_S: Final = 10


def dimension_title(dimension: str, *, short: bool = False) -> str:
    """Return the title of a score dimension."""
    if short and dimension in SHORT_TITLES:
        return SHORT_TITLES[dimension]
    return DIMENSION_TITLES.get(dimension, dimension.replace("_", " "))


def seconds(figure: float) -> str:
    """Return a duration: `2.1 s`, `48 s`, `3 min 05 s`."""
    if figure < _LONG_S:
        return f"{figure:.1f} s"
    if figure < _MINUTE:
        return f"{figure:.0f} s"
    return f"{int(figure) // _MINUTE} min {int(figure) % _MINUTE:02d} s"


def cost(usage: Usage, timings: Timings) -> str:
    """Return what a turn cost, as far as it is known: `34 tokens · 2.1 s`."""
    parts = []
    if usage.completion_tokens is not None:
        about = "about " if usage.estimated else ""
        parts.append(f"{about}{usage.completion_tokens} tokens")
    if timings.total_s is not None:
        parts.append(seconds(timings.total_s))
    return " · ".join(parts)


def ballot_title(stage: str) -> str:
    """Return the title of a ballot."""
    kind, _, number = stage.partition("-")
    return f"poll after round {int(number) + 1}" if kind == "poll" and number.isdecimal() else BALLOT_TITLES.get(stage, stage)


def secrecy(state: DeliberationState) -> Secrecy:
    """Return whether it may be shown who cast which ballot."""
    decision = state.convened.plan.get("decision", {}) if state.convened else {}
    return "secret" if decision.get("secrecy") == "secret" else "public"


def other_rules(counted: kinds.BallotCounted) -> str:
    """Return where the same ballots would come out otherwise under another rule, or nothing."""
    winners = (counted.verdict.option,)
    differing = [f"{tally.rule}: {' = '.join(tally.winners) or 'nothing'}" for tally in counted.recounts if tally.winners != winners]
    return "; ".join(differing) if counted.verdict.option else ""


def ballot_words(ballot: Ballot) -> str:
    """Return what a ballot says, by labels."""
    match ballot.kind:
        case "choice":
            return ballot.choice or "abstains"
        case "approval":
            return ", ".join(ballot.approved) or "none"
        case "ranking":
            return " > ".join(" = ".join(tier) for tier in ballot.ranking)
        case "scores":
            return "  ".join(f"{label} {points:g}" for label, points in ballot.scores.items())
        case "grades":
            return "  ".join(f"{label} {grade}" for label, grade in ballot.grades.items())
        case "position":
            return ballot.position or ""


def outcome(verdict: Verdict) -> str:
    """Return how a count came out, in a line: `C wins under majority: A 1, C 2 votes`."""
    tally = verdict.tally
    figures = ""
    if tally and tally.support:
        figures = ": " + ", ".join(f"{label} {figure:g}" for label, figure in tally.support.items()) + f" {tally.support_unit}"
    rule = f" under {one_line(verdict.rule)}" if verdict.rule else ""
    if verdict.option:
        how = " after a tie" if verdict.status == "tied" else ""
        return f"{verdict.option} wins{rule}{how}{figures}"
    return f"nothing passes{rule}{figures}"


def shift(before: Verdict | None, after: Verdict | None) -> str:
    """Return how the verdict relates to the vote before the exchange, or nothing where there was no such vote."""
    if before is None or after is None:
        return ""
    if not before.option:
        return f"before the exchange: {before.status}"
    same = " ".join(before.text.split()) == " ".join(after.text.split())
    return "the same as before the exchange" if same else f"before the exchange: {one_line(before.text, 160)}"


def listed(names: Iterable[str]) -> str:
    """Return names in a row, or `nobody`."""
    return ", ".join(one_line(name) for name in names) or "nobody"


def scores_in_line(scores: Sequence[Score]) -> str:
    """Return the figures of scores in one line; an unscored dimension is a dash."""
    return "  ".join(f"{dimension_title(score.dimension)} {figure(score.value)}" for score in scores)


def figure(value: float | None) -> str:
    """Return a score's figure, or a dash where there is none."""
    return "-" if value is None else f"{value:.2f}"


def seat_words(seat: kinds.SeatFacts) -> str:
    """Return who speaks for a seat: the model, and where it runs if it is not in this process."""
    model = one_line(seat.model or seat.spec or "unknown", 40)
    if seat.location == "person":
        return "a person"
    if seat.location == "in-process":
        return model
    place = {"loopback": "this machine", "private": "local network", "public": "PUBLIC ADDRESS"}[seat.location]
    return f"{model} · {place}"


def spent(state: DeliberationState) -> str:
    """Return what the whole deliberation cost: turns, tokens, seconds."""
    pairs = [pair for seat in state.spent.values() for pair in seat]
    tokens = [usage.completion_tokens for usage, _ in pairs if usage.completion_tokens is not None]
    parts = [f"{len(state.transcript.statements)} statements"]
    if tokens:
        about = "about " if any(usage.estimated for usage, _ in pairs) else ""
        parts.append(f"{about}{sum(tokens)} tokens written")
    return ", ".join(parts)


def failure_words(event: kinds.TurnFailed) -> str:
    """Return what went wrong in a turn."""
    again = " It is asked again." if event.will_retry else ""
    return f"{one_line(event.seat)} could not answer: {one_line(event.message, 400)}{again}"


def drift_words(event: kinds.DriftNoticed) -> str:
    """Return that a round has left the question."""
    return f"Round {event.round_index + 1} has left the question: {event.figure:.0%} of its statements take up nothing of it."


def quorum_words(event: kinds.QuorumMissed) -> str:
    """Return that too few seats took part in a round."""
    took_part = f"{len(event.took_part)} of {len(event.seats)} seats took part"
    return f"Round {event.round_index + 1} lacks its quorum: {took_part} ({listed(event.took_part)}), {event.needed} were needed."


def ending_words(event: kinds.RoundsEnded) -> str:
    """Return why the rounds end before all were held."""
    unheard = f" Not heard in this round: {listed(event.unheard)}." if event.unheard else ""
    return f"The rounds end here, {event.reason}: {event.detail}{unheard}"


def record_words(deliberation: str, journal: str | None) -> str:
    """Return where the record is and how to come back to it."""
    named = f" --journal {journal}" if journal else ""
    return f"mallku show {deliberation}{named}   mallku verify {deliberation}{named}"
