"""Majority judgment: each voter grades every option in words; the option with the best middle grade wins."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import pairwise

from mallku.dialogue.ballot_form import GRADES
from mallku.dialogue.verdict import Ballot, Tally
from mallku.firecircle.decisions.figures import as_support, outcome_line, total_weight, weight_of
from mallku.firecircle.decisions.preference import is_abstention

Shares = tuple[Fraction, ...]
"""Share of the ballots that give each grade, worst grade first."""

_HALF = Fraction(1, 2)


def count_majority_judgment(ballots: Sequence[Ballot], labels: Sequence[str]) -> Tally:
    """Compare middle grades; where they are equal, the grades next to the middle decide, step by step outwards.

    This is the majority value of Balinski and Laraki (2011): the middle grade, the lower of two; then the middle grade of what is left
    when that one is taken away, and so on. It is computed on shares, so that weights and silent ballots need no special case. An option
    left out of a ballot gets the worst grade from it.
    """
    cast = [ballot for ballot in ballots if not is_abstention(ballot)]
    shares = {label: grade_shares(cast, label) for label in labels}
    values = {label: majority_value(shares[label], cuts_of(shares.values())) for label in labels}
    order = sorted(set(values.values()), reverse=True) if cast else []
    ranking = tuple(tuple(label for label in labels if values[label] == value) for value in order)
    winners = ranking[0] if ranking else ()
    middle = {label: Fraction(values[label][0]) for label in labels}
    return Tally(
        rule="majority-judgment",
        winners=winners,
        ranking=ranking,
        support=as_support(middle),
        support_unit=f"middle grade, {GRADES[-1]} being 0",
        counted=len(cast),
        abstained=len(ballots) - len(cast),
        passed=bool(winners),
        steps=(
            *(f"{label}: {_profile(cast, label)}; middle grade {GRADES[-1 - values[label][0]]}." for tier in ranking for label in tier),
            outcome_line(winners, "by majority judgment"),
        ),
    )


def grade_shares(ballots: Sequence[Ballot], label: str) -> Shares:
    """Return which share of the ballots not silent on an option gives it each grade; all worst if there are none."""
    heard = [ballot for ballot in ballots if label not in ballot.silent]
    everyone = total_weight(heard)
    if not everyone:
        return (Fraction(1), *(Fraction() for _ in GRADES[1:]))
    graded = dict.fromkeys(GRADES, Fraction())
    for ballot in heard:
        graded[ballot.grades.get(label, GRADES[-1])] += weight_of(ballot)
    return tuple(graded[grade] / everyone for grade in reversed(GRADES))


def cuts_of(profiles: Iterable[Shares]) -> list[Fraction]:
    """Return the distances from the middle at which the grade of some option changes."""
    cuts = {Fraction(), _HALF}
    for shares in profiles:
        reached = Fraction()
        for share in shares:
            reached += share
            cuts.add(abs(reached - _HALF))
    return sorted(cut for cut in cuts if cut <= _HALF)


def majority_value(shares: Shares, cuts: Sequence[Fraction]) -> tuple[int, ...]:
    """Return the grades met on the way from the middle outwards, the lower side first, once between any two cuts."""
    value: list[int] = []
    for near, far in pairwise(cuts):
        distance = (near + far) / 2
        value += [_grade_at(shares, _HALF - distance), _grade_at(shares, _HALF + distance)]
    return tuple(value)


def _grade_at(shares: Shares, quantile: Fraction) -> int:
    """Return the grade, 0 being the worst, that stands at a share of the ballots sorted from the worst grade up."""
    reached = Fraction()
    for grade, share in enumerate(shares):
        reached += share
        if quantile < reached:
            return grade
    return len(shares) - 1


def _profile(ballots: Sequence[Ballot], label: str) -> str:
    given = [ballot.grades.get(label, GRADES[-1]) for ballot in ballots if label not in ballot.silent]
    return ", ".join(f"{given.count(grade)} {grade}" for grade in GRADES if grade in given) or "no grades"
