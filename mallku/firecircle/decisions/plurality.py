"""Plurality: each voter names one option; the option named most often wins."""

from collections.abc import Sequence
from fractions import Fraction

from mallku.dialogue.verdict import Ballot, Tally
from mallku.firecircle.decisions.figures import as_support, best, figures_line, order_by, outcome_line, weight_of


def count_plurality(ballots: Sequence[Ballot], labels: Sequence[str]) -> Tally:
    """Count first choices; with no vote cast nobody wins."""
    votes = choices(ballots, labels)
    cast = sum(1 for ballot in ballots if ballot.choice is not None)
    winners = best(votes) if any(votes.values()) else ()
    return Tally(
        rule="plurality",
        winners=winners,
        ranking=order_by(votes) if winners else (),
        support=as_support(votes),
        counted=cast,
        abstained=len(ballots) - cast,
        passed=bool(winners),
        steps=(figures_line(votes, "votes"), outcome_line(winners, "with the most votes")),
    )


def choices(ballots: Sequence[Ballot], labels: Sequence[str]) -> dict[str, Fraction]:
    """Return the weight of the votes for each label."""
    votes = dict.fromkeys(labels, Fraction())
    for ballot in ballots:
        if ballot.choice is not None:
            votes[ballot.choice] += weight_of(ballot)
    return votes
