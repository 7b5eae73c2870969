"""Reading a rich ballot as a plainer one, only where that adds nothing the voter did not say.

* Points and grades give an order; so does an approval, in two tiers. An order gives no points: how far apart two options are is not on it.
* The one option on top of an order is the first choice; with several level on top there is none, and the ballot abstains.
* A grade of `acceptable` or better is an approval, since the word says so. Points and ranks say nothing about what is acceptable.
* A choice among several says nothing about the rest, and a position on one proposal compares nothing.
"""

from collections.abc import Sequence
from dataclasses import replace

from mallku.dialogue.ballot_form import GRADES
from mallku.dialogue.verdict import Ballot, BallotKind
from mallku.firecircle.decisions.preference import ACCEPTABLE, is_abstention, order_of


def derive(ballot: Ballot, kind: BallotKind, labels: Sequence[str]) -> Ballot | None:
    """Return the ballot as one of `kind`, or None if it does not say that much."""
    if ballot.kind == kind:
        return ballot
    if ballot.kind in {"choice", "position"}:
        return None
    bare = replace(ballot, kind=kind, approved=(), ranking=(), scores={}, grades={})
    tiers = () if is_abstention(ballot) else order_of(ballot, labels)
    match kind:
        case "ranking":
            return replace(bare, ranking=_said(ballot, tiers))
        case "choice":
            alone = len(tiers) > 1 and len(tiers[0]) == 1
            only = sum(map(len, tiers)) == 1 and any(_said(ballot, tiers))
            return replace(bare, choice=tiers[0][0] if alone or only else None)
        case "approval" if ballot.kind == "grades":
            return replace(bare, approved=tuple(label for label, grade in ballot.grades.items() if GRADES.index(grade) <= ACCEPTABLE))
        case _:
            return None


def _said(ballot: Ballot, tiers: Sequence[tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    """Return the tiers without a last one that is only made of what the ballot leaves out."""
    named = {
        "approval": set(ballot.approved),
        "ranking": {label for tier in ballot.ranking for label in tier},
        "scores": set(ballot.scores),
        "grades": set(ballot.grades),
    }.get(ballot.kind, set())
    return tuple(tier for tier in tiers if named & set(tier))
