"""What was said for and against, agreed and left open: taken from ballots, dissent and questions as they stand, judged by no model."""

import re
from collections.abc import Iterator, Sequence

from mallku.dialogue.transcript import Option
from mallku.dialogue.verdict import Ballot, Verdict
from mallku.events import kinds
from mallku.events.kinds import AnyEvent
from mallku.firecircle.decisions.preference import is_abstention, order_of
from mallku.firecircle.minutes.values import BallotMinutes, Claim, OptionArguments
from mallku.firecircle.state import CONVENER, DeliberationState

_SENTENCE = re.compile(r"[^.!?…\n]+[.!?…]*")
_MOST_QUESTIONS = 6


def deciding(ballots: Sequence[BallotMinutes]) -> BallotMinutes | None:
    """Return the ballot that decided, or None if there was none."""
    return next((ballot for ballot in ballots if ballot.stage == "final"), None)


def dissent_of(events: Sequence[AnyEvent]) -> tuple[Claim, ...]:
    """Return the words of those who did not support the outcome."""
    return tuple(
        Claim(text=event.text, turns=(event.turn,), seat=event.seat) for event in events if isinstance(event, kinds.DissentRecorded)
    )


def arguments_of(events: Sequence[AnyEvent], ballot: BallotMinutes | None) -> tuple[OptionArguments, ...]:
    """Return for and against each option that has any, the outcome first."""
    if ballot is None:
        return ()
    cast = [event for event in events if isinstance(event, kinds.BallotCast) and event.stage == ballot.stage]
    outcome = ballot.verdict.option if ballot.verdict else ""
    dissent = dissent_of(events)
    found = []
    for option in ballot.options:
        against = tuple(claim for event in cast for claim in _against(event, option.label))
        found.append(
            OptionArguments(
                label=option.label,
                text=option.text,
                author=option.author,
                won=option.label == outcome,
                reasons_for=tuple(claim for event in cast for claim in _in_favour(event, ballot.options, option.label)),
                reasons_against=(*against, *(dissent if option.label == outcome else ())),
            )
        )
    worth_showing = [one for one in found if one.won or one.reasons_for or one.reasons_against]
    return tuple(sorted(worth_showing, key=lambda one: (not one.won, -len(one.reasons_for), one.label)))


def _in_favour(event: kinds.BallotCast, options: Sequence[Option], label: str) -> Iterator[Claim]:
    if event.ballot.reason.strip() and label in _favoured(event.ballot, [option.label for option in options]):
        yield _reason(event)


def _against(event: kinds.BallotCast, label: str) -> Iterator[Claim]:
    unwilling = event.ballot.kind == "position" and event.ballot.position != "consent"
    if event.ballot.reason.strip() and unwilling and label not in event.ballot.silent:
        yield _reason(event)


def _reason(event: kinds.BallotCast) -> Claim:
    return Claim(text=event.ballot.reason, turns=(event.turn,), seat=event.ballot.seat)


def _favoured(ballot: Ballot, labels: Sequence[str]) -> Sequence[str]:
    """Return the labels a ballot puts first, or none if it prefers nothing."""
    if is_abstention(ballot):
        return ()
    if ballot.kind == "position":
        return labels if ballot.position in {"consent", "reservations"} else ()
    tiers = order_of(ballot, labels)
    return tiers[0] if len(tiers) > 1 or (len(labels) == 1 and tiers) else ()


def agreed_points(ballot: BallotMinutes | None) -> tuple[Claim, ...]:
    """Return what nobody stood against."""
    verdict = ballot.verdict if ballot else None
    if ballot is None or verdict is None or not verdict.option or verdict.dissent or not verdict.support:
        return ()
    turns = tuple(cast.turn for cast in ballot.cast if cast.seat in verdict.support)
    if verdict.abstained or verdict.missing:
        silent = len(verdict.abstained) + len(verdict.missing)
        others = "one seat took no side or cast no valid ballot" if silent == 1 else f"{silent} seats took no side or cast no valid ballot"
        return (Claim(text=f"Nobody stood against option {verdict.option}; {others}.", turns=turns),)
    return (Claim(text=f"All {len(verdict.support)} seats support option {verdict.option}.", turns=turns),)


def open_points(events: Sequence[AnyEvent], state: DeliberationState, ballot: BallotMinutes | None) -> tuple[Claim, ...]:
    """Return reservations, questions asked in the last round of talk, and what the ballot left undecided."""
    found: list[Claim] = []
    verdict = ballot.verdict if ballot else None
    if ballot and verdict and not verdict.option:
        found.append(Claim(text=_undecided(verdict), turns=tuple(cast.turn for cast in ballot.cast)))
    for event in events:
        cautious = isinstance(event, kinds.BallotCast) and ballot is not None and event.stage == ballot.stage
        if cautious and isinstance(event, kinds.BallotCast) and event.ballot.position in {"reservations", "stand-aside"}:
            said = event.ballot.reason.strip()
            yours = Claim(text=event.ballot.reason, turns=(event.turn,), seat=event.ballot.seat)
            found.append(yours if said else Claim(text=f"{event.ballot.seat}: {event.ballot.position}.", turns=(event.turn,)))
    return (*found, *_questions(state))


def _undecided(verdict: Verdict) -> str:
    why = f" {verdict.notes[-1]}" if verdict.notes else ""
    return f"The ballot carried nothing ({verdict.status}).{why}"


def _questions(state: DeliberationState) -> list[Claim]:
    """Return the questions of the last round in which the seats spoke, word for word."""
    spoken = [one for one in state.transcript.statements if one.seat != CONVENER]
    last = max((one.round_index for one in spoken), default=0)
    found = [
        Claim(text=match.group().strip(), turns=(one.turn,), seat=one.seat)
        for one in spoken
        if one.round_index == last
        for match in _SENTENCE.finditer(one.text)
        if match.group().endswith("?")
    ]
    return found[:_MOST_QUESTIONS]
