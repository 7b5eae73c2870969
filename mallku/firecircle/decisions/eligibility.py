"""Which ballots enter the count: one a seat, well formed, and not for one's own statement."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from mallku.dialogue.transcript import Option
from mallku.dialogue.verdict import Ballot, BallotKind, SpoiledBallot
from mallku.firecircle.decisions.figures import listed
from mallku.firecircle.decisions.rule import ballot_fault, named_labels


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorted:
    """Ballots sorted into those that count and those that do not."""

    valid: tuple[Ballot, ...]
    """Ballots that enter the count, own statements struck out."""
    spoiled: tuple[SpoiledBallot, ...]
    """Ballots that do not, with the reason."""
    notes: tuple[str, ...]
    """What was struck from which ballot."""


def sort_ballots(
    kind: BallotKind, ballots: Iterable[Ballot], options: Sequence[Option], seats: Sequence[str], *, exclude_self_votes: bool
) -> Sorted:
    """Set aside what cannot be counted and strike voters' own statements from their ballots.

    A struck ballot is silent on the statement: that neither helps nor hurts it. A ballot that says nothing else is spoiled. In a circle
    of one seat there is nobody else to vote, so own statements count there. Positions on a proposal always count, its author's too.
    """
    labels = tuple(option.label for option in options)
    strike = exclude_self_votes and len(seats) > 1 and kind != "position"
    own = {seat: tuple(option.label for option in options if option.author == seat) for seat in seats} if strike else {}
    valid: dict[str, Ballot] = {}
    spoiled: list[SpoiledBallot] = []
    notes: list[str] = []
    for ballot in ballots:
        fault = _fault(ballot, kind, labels, seats, valid)
        struck = ballot if fault else strike_own(ballot, own.get(ballot.seat, ()))
        if not fault and struck is None:
            fault = f"it names only the voter's own statement, {listed(own[ballot.seat])}"
        if fault or struck is None:
            spoiled.append(SpoiledBallot(seat=ballot.seat, reason=fault))
            continue
        mine = [label for label in own.get(ballot.seat, ()) if label in named_labels(ballot)]
        if mine:
            notes.append(f"{ballot.seat}'s own statement {listed(mine)} was struck from its ballot.")
        valid[ballot.seat] = struck
    return Sorted(valid=tuple(valid.values()), spoiled=tuple(spoiled), notes=tuple(notes))


def valid_ballots(
    kind: BallotKind, ballots: Iterable[Ballot], options: Sequence[Option], seats: Sequence[str], *, exclude_self_votes: bool = True
) -> tuple[Ballot, ...]:
    """Return the ballots as they enter the count, for a recount of exactly what `decide` counted."""
    return sort_ballots(kind, ballots, options, seats, exclude_self_votes=exclude_self_votes).valid


def _fault(ballot: Ballot, kind: BallotKind, labels: Sequence[str], seats: Sequence[str], valid: Mapping[str, Ballot]) -> str:
    if ballot.seat not in seats:
        return "it comes from nobody who sits in the circle"
    if ballot.seat in valid:
        return "the seat had already cast a ballot"
    return ballot_fault(ballot, kind, labels)


def strike_own(ballot: Ballot, own: Sequence[str]) -> Ballot | None:
    """Make a ballot silent on its voter's own statements; None if it named nothing else."""
    if not own:
        return ballot
    named = named_labels(ballot)
    if named and all(label in own for label in named):
        return None
    return replace(
        ballot,
        silent=tuple(dict.fromkeys((*ballot.silent, *own))),
        approved=tuple(label for label in ballot.approved if label not in own),
        ranking=tuple(kept for tier in ballot.ranking if (kept := tuple(label for label in tier if label not in own))),
        scores={label: points for label, points in ballot.scores.items() if label not in own},
        grades={label: grade for label, grade in ballot.grades.items() if label not in own},
    )
