"""Score: each voter gives every option points; the option with the most points wins."""

from collections.abc import Sequence
from fractions import Fraction

from mallku.dialogue.verdict import Ballot, Tally
from mallku.firecircle.decisions.figures import as_support, best, figures_line, order_by, outcome_line, share_lines, shares, weight_of
from mallku.firecircle.decisions.preference import is_abstention


def count_score(ballots: Sequence[Ballot], labels: Sequence[str]) -> Tally:
    """Add up points; an option left out of a ballot gets 0 from it. Options are compared by their mean over ballots not silent on them."""
    cast = [ballot for ballot in ballots if not is_abstention(ballot)]
    points = total_points(cast, labels)
    means = shares(points, cast)
    winners = best(means) if any(points.values()) else ()
    return Tally(
        rule="score",
        winners=winners,
        ranking=order_by(means) if winners else (),
        support=as_support(points),
        support_unit="points",
        counted=len(cast),
        abstained=len(ballots) - len(cast),
        passed=bool(winners),
        steps=(figures_line(points, "points"), *share_lines(means, cast, "points"), outcome_line(winners, "with the most points")),
    )


def total_points(ballots: Sequence[Ballot], labels: Sequence[str]) -> dict[str, Fraction]:
    """Return the weighted points of each label."""
    points = dict.fromkeys(labels, Fraction())
    for ballot in ballots:
        for label, given in ballot.scores.items():
            if label not in ballot.silent:
                points[label] += Fraction(str(given)) * weight_of(ballot)
    return points
