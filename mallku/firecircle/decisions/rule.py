"""A decision rule: its name, the ballot it needs, and how it counts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mallku.dialogue.ballot_form import GRADES, MAX_SCORE, POSITIONS
from mallku.dialogue.transcript import Option
from mallku.dialogue.verdict import Ballot, BallotKind, Tally
from mallku.errors import UsageError

Counter = Callable[[Sequence[Ballot], Sequence[str]], Tally]
"""Counts ballots over the options with these labels.

The counter reads only the field of the rule's ballot kind, the weight and the silent labels, never a seat's name or the order of ballots
or labels (the chair's rule apart, which is about one seat). Ties are all returned as winners; breaking them is not its business.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRule:
    """A declared way to come from ballots to an outcome."""

    name: str
    """The whole rule as `decision_rule` reads it, its argument included, such as `supermajority(3/4)`."""
    ballot_kind: BallotKind
    """What a voter fills in."""
    counter: Counter
    """The count itself."""

    def count(self, ballots: Sequence[Ballot], options: Sequence[Option]) -> Tally:
        """Count `ballots`; a `UsageError` if one is of another kind, names an option that is not there, or has no proper weight."""
        labels = tuple(option.label for option in options)
        for ballot in ballots:
            fault = ballot_fault(ballot, self.ballot_kind, labels)
            if fault:
                raise UsageError(
                    f"The ballot of {ballot.seat!r} cannot be counted under {self.name!r}: {fault}.",
                    hint="`decide` sets such ballots aside as spoiled.",
                )
        return self.counter(ballots, labels)


def ballot_fault(ballot: Ballot, kind: BallotKind, labels: Sequence[str]) -> str:
    """Say what keeps a ballot from being counted, or return an empty text."""
    if ballot.kind != kind:
        return f"it is a ballot of kind {ballot.kind!r} and the rule counts {kind!r}"
    if not 0 <= ballot.weight < float("inf"):
        return f"its weight is {ballot.weight!r}; a weight is 0 or more"
    named = named_labels(ballot)
    for label in named:
        if label not in labels:
            return f"it names {label!r}; there are only {', '.join(labels)}"
        if kind == "ranking" and named.count(label) > 1:
            return f"it ranks {label!r} more than once"
    return _field_fault(ballot)


def _field_fault(ballot: Ballot) -> str:
    """Say what is wrong with points, grades or a position, or return an empty text."""
    for label, points in ballot.scores.items():
        if not 0 <= points <= MAX_SCORE:
            return f"it gives {label} {points!r} points; points go from 0 to {MAX_SCORE}"
    for label, grade in ballot.grades.items():
        if grade not in GRADES:
            return f"it grades {label} {grade!r}; grades are {', '.join(GRADES)}"
    if ballot.kind == "position" and ballot.position not in POSITIONS:
        return f"its position is {ballot.position!r}; positions are {', '.join(POSITIONS)}"
    return ""


def named_labels(ballot: Ballot) -> list[str]:
    """Return the labels that stand on a ballot, in its order."""
    match ballot.kind:
        case "choice":
            return [] if ballot.choice is None else [ballot.choice]
        case "approval":
            return list(ballot.approved)
        case "ranking":
            return [label for tier in ballot.ranking for label in tier]
        case "scores":
            return list(ballot.scores)
        case "grades":
            return list(ballot.grades)
        case "position":
            return []
