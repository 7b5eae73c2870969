"""What a ballot of any kind says about the order of options, and whether it stands behind the outcome."""

from collections.abc import Sequence
from typing import Final, Literal

from mallku.dialogue.ballot_form import GRADES
from mallku.dialogue.verdict import Ballot

Stand = Literal["support", "dissent", "abstained"]
"""Where a ballot stands towards the outcome."""

ACCEPTABLE: Final = GRADES.index("acceptable")
"""Grades up to this one accept an option."""


def order_of(ballot: Ballot, labels: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return tiers of those labels the ballot is not silent on, best first; what is left out shares the last tier."""
    heard = [label for label in labels if label not in ballot.silent]
    levels = {label: _level(ballot, label) for label in heard}
    return tuple(tuple(label for label in heard if levels[label] == level) for level in sorted(set(levels.values())))


def _level(ballot: Ballot, label: str) -> float:
    """Return how far down a ballot puts an option: less is better."""
    match ballot.kind:
        case "choice":
            return label != ballot.choice
        case "approval":
            return label not in ballot.approved
        case "ranking":
            return next((place for place, tier in enumerate(ballot.ranking) if label in tier), len(ballot.ranking))
        case "scores":
            return -ballot.scores.get(label, 0.0)
        case "grades":
            return GRADES.index(ballot.grades.get(label, GRADES[-1]))
        case "position":
            return 0


def stand_towards(ballot: Ballot, outcome: str, labels: Sequence[str]) -> Stand:
    """Say whether a ballot stands behind the outcome.

    A choice or an approval names it; a ranking puts at most as many options above it as below it; points for it are at least the
    ballot's own mean; its grade is `acceptable` or better; a position is consent, with or without reservations. Only a block dissents
    from a proposal: who stands aside takes no side.
    """
    if outcome in ballot.silent or is_abstention(ballot) or ballot.position == "stand-aside":
        return "abstained"
    return "support" if _is_behind(ballot, outcome, labels) else "dissent"


def _is_behind(ballot: Ballot, outcome: str, labels: Sequence[str]) -> bool:
    match ballot.kind:
        case "choice":
            return ballot.choice == outcome
        case "approval":
            return outcome in ballot.approved
        case "ranking":
            tiers = order_of(ballot, labels)
            place = next(index for index, tier in enumerate(tiers) if outcome in tier)
            ranked = any(outcome in tier for tier in ballot.ranking)
            return ranked and sum(map(len, tiers[:place])) <= sum(map(len, tiers[place + 1 :]))
        case "scores":
            heard = [label for label in labels if label not in ballot.silent]
            points = ballot.scores.get(outcome, 0.0)
            return points > 0 and points * len(heard) >= sum(ballot.scores.get(label, 0.0) for label in heard)
        case "grades":
            return GRADES.index(ballot.grades.get(outcome, GRADES[-1])) <= ACCEPTABLE
        case "position":
            return ballot.position != "block"


def is_abstention(ballot: Ballot) -> bool:
    """Whether a ballot chooses nothing. An approval of nothing is a choice: it accepts no option."""
    match ballot.kind:
        case "choice":
            return ballot.choice is None
        case "ranking":
            return not any(ballot.ranking)
        case "scores":
            return not ballot.scores
        case "grades":
            return not ballot.grades
        case "approval" | "position":
            return False
