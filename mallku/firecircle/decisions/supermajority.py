"""Supermajority: an option passes with at least a declared share of the votes cast."""

import re
from collections.abc import Sequence
from fractions import Fraction
from math import ceil
from typing import Final

from mallku.dialogue.verdict import Ballot, Tally
from mallku.errors import ConfigurationError
from mallku.firecircle.decisions.figures import as_support, figures_line, in_words, order_by
from mallku.firecircle.decisions.plurality import choices
from mallku.firecircle.decisions.rule import DecisionRule

_THRESHOLD: Final = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)(?:/0*([1-9]\d{0,5}))?(%?)")

TWO_THIRDS: Final = Fraction(2, 3)
"""The share that is meant where none is named."""


def supermajority(threshold: Fraction = TWO_THIRDS) -> DecisionRule:
    """Return the rule with this threshold; 1 asks for unanimity among those who vote."""

    def count(ballots: Sequence[Ballot], labels: Sequence[str]) -> Tally:
        return count_supermajority(ballots, labels, threshold)

    return DecisionRule(name=f"supermajority({threshold})", ballot_kind="choice", counter=count)


def count_supermajority(ballots: Sequence[Ballot], labels: Sequence[str], threshold: Fraction) -> Tally:
    """Count first choices; abstentions are not votes cast. Exactly the threshold is enough."""
    votes = choices(ballots, labels)
    cast = sum(votes.values(), Fraction())
    winners = tuple(label for label in labels if cast and votes[label] >= threshold * cast)
    counted = sum(1 for ballot in ballots if ballot.choice is not None)
    whole = all(Fraction(ballot.weight).denominator == 1 for ballot in ballots)
    needed = in_words(Fraction(ceil(threshold * cast)) if whole else threshold * cast)
    if winners:
        outcome = f"{winners[0]} has {in_words(votes[winners[0]])} of {in_words(cast)} votes cast; {needed} are needed, so it passes."
    else:
        outcome = f"No option has {threshold} of the {in_words(cast)} votes cast, for which {needed} are needed; nothing passes."
    return Tally(
        rule=f"supermajority({threshold})",
        winners=winners,
        ranking=order_by(votes) if cast else (),
        support=as_support(votes),
        counted=counted,
        abstained=len(ballots) - counted,
        passed=bool(winners),
        steps=(figures_line(votes, "votes"), outcome),
    )


def read_threshold(text: str) -> Fraction:
    """Read `2/3`, `0.75` or `75%`: more than a half, at most 1."""
    form = _THRESHOLD.fullmatch(text.strip())
    if form:
        threshold = Fraction(form[1]) / int(form[2] or 1) / (100 if form[3] else 1)
        if Fraction(1, 2) < threshold <= 1:
            return threshold
    raise ConfigurationError(f"The threshold of the supermajority is {text!r}.", hint="Give more than a half and at most 1, such as 2/3.")
