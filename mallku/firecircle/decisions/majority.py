"""Majority: an option passes with more than half of the votes cast."""

from collections.abc import Sequence
from fractions import Fraction

from mallku.dialogue.verdict import Ballot, Tally
from mallku.firecircle.decisions.figures import as_support, figures_line, in_words, order_by
from mallku.firecircle.decisions.plurality import choices


def count_majority(ballots: Sequence[Ballot], labels: Sequence[str]) -> Tally:
    """Count first choices; abstentions are not votes cast. Without a majority nothing passes."""
    votes = choices(ballots, labels)
    cast = sum(votes.values(), Fraction())
    winners = tuple(label for label in labels if votes[label] * 2 > cast)
    counted = sum(1 for ballot in ballots if ballot.choice is not None)
    if winners:
        outcome = f"{winners[0]} has {in_words(votes[winners[0]])} of {in_words(cast)} votes cast, more than half, and passes."
    else:
        outcome = f"No option has more than half of the {in_words(cast)} votes cast; nothing passes."
    return Tally(
        rule="majority",
        winners=winners,
        ranking=order_by(votes) if cast else (),
        support=as_support(votes),
        counted=counted,
        abstained=len(ballots) - counted,
        passed=bool(winners),
        steps=(figures_line(votes, "votes"), outcome),
    )
