"""The ballots in the minutes: each in words, the count, the count under other rules."""

import re
from collections.abc import Sequence

from mallku.dialogue.verdict import Ballot
from mallku.events import kinds
from mallku.events.kinds import AnyEvent
from mallku.firecircle.decisions import compare, count_under_all
from mallku.firecircle.decisions.preference import is_abstention
from mallku.firecircle.minutes.values import BallotMinutes, CastBallot
from mallku.firecircle.state import BallotRecord, DeliberationState

# A label in running text. `A` and `I` are words of English, so they count only where no such word can be meant.
_AFTER_ITS_KIND = "".join(rf"(?<={kind} )|" for kind in ("ption", "raft", "tatement", "roposal", "nswer")).rstrip("|")
_LABELS = re.compile(rf"(?:{_AFTER_ITS_KIND})([A-Z])(?!\w)|(?<![\w'])([B-HJ-Z])(?![\w'])|(?<!\w)(A)(?!\w|\s+[a-z])")


def ballots_of(events: Sequence[AnyEvent], state: DeliberationState) -> tuple[BallotMinutes, ...]:
    """Return all ballots in the order in which they were opened."""
    return tuple(_ballot(events, record, state.seats) for record in state.ballots.values())


def _ballot(events: Sequence[AnyEvent], record: BallotRecord, seats: Sequence[str]) -> BallotMinutes:
    opened, counted = record.opened, record.counted
    cast = [event for event in events if isinstance(event, kinds.BallotCast) and event.stage == opened.stage]
    cast.sort(key=lambda event: seats.index(event.ballot.seat) if event.ballot.seat in seats else len(seats))
    spoiled = [event for event in events if isinstance(event, kinds.BallotSpoiled) and event.stage == opened.stage]
    recounts = counted.recounts if counted else ()
    struck = {one.seat for one in counted.verdict.spoiled} if counted else set()
    valid = [event.ballot for event in cast if event.ballot.seat not in struck]
    if counted and counted.verdict.tally and not recounts:
        recounts = count_under_all(valid, opened.options)
    recounts = tuple(tally for tally in recounts if counted and tally.rule != counted.verdict.rule)
    tallies = (counted.verdict.tally, *recounts) if counted and counted.verdict.tally else ()
    return BallotMinutes(
        stage=opened.stage,
        ballot_kind=opened.ballot_kind,
        rule=opened.rule,
        options=opened.options,
        masked=opened.relabelled,
        cast=tuple(
            CastBallot(
                turn=event.turn,
                seat=event.ballot.seat,
                vote=in_words(event.ballot),
                reason=event.ballot.reason,
                confidence=event.ballot.confidence,
                weight=event.ballot.weight,
                repaired=event.repaired,
                read_as=_read_as(event, opened),
            )
            for event in cast
        ),
        spoiled=tuple((event.turn, event.spoiled) for event in spoiled),
        verdict=counted.verdict if counted else None,
        recounts=recounts,
        comparison=compare(tallies, valid, opened.options).lines if len(tallies) > 1 else (),
    )


def _read_as(event: kinds.BallotCast, opened: kinds.BallotOpened) -> tuple[tuple[str, str], ...]:
    """Return the labels in the voter's reason that meant another option on its own paper, each with the label of the record."""
    if not opened.relabelled:
        return ()
    shown = [option.label for option in opened.options]
    paper = dict(zip(shown, opened.readings.get(event.ballot.seat, ()), strict=False))
    named = ["".join(found) for found in _LABELS.findall(event.ballot.reason)]
    return tuple((label, paper[label]) for label in dict.fromkeys(named) if label in paper and paper[label] != label)


def in_words(ballot: Ballot) -> str:
    """Say what stands on a ballot."""
    if is_abstention(ballot):
        return "abstains"
    match ballot.kind:
        case "choice":
            return str(ballot.choice)
        case "approval":
            return ", ".join(ballot.approved) or "accepts none"
        case "ranking":
            return " > ".join(" = ".join(tier) for tier in ballot.ranking if tier)
        case "scores":
            return ", ".join(f"{label} {points:g}" for label, points in ballot.scores.items())
        case "grades":
            return ", ".join(f"{label} {grade}" for label, grade in ballot.grades.items())
        case "position":
            return str(ballot.position)
