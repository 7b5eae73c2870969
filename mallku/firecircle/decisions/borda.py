"""Borda: a ballot gives an option one point for every option it ranks below it, half a point for every one it ranks level."""

from collections.abc import Sequence
from fractions import Fraction

from mallku.dialogue.verdict import Ballot, Tally
from mallku.firecircle.decisions.figures import as_support, best, figures_line, order_by, outcome_line, share_lines, shares, weight_of
from mallku.firecircle.decisions.preference import is_abstention, order_of


def count_borda(ballots: Sequence[Ballot], labels: Sequence[str]) -> Tally:
    """Add up points. Options left out share the last place, so that a short ballot gives away exactly as many points as a full one.

    A ballot that is silent on some options compares fewer; its points are scaled up to the number of rivals the others compare with.
    Options are compared by their mean over ballots not silent on them; a ballot that compares nothing does not enter it.
    """
    cast = [ballot for ballot in ballots if not is_abstention(ballot)]
    points = dict.fromkeys(labels, Fraction())
    comparing = []
    for ballot in cast:
        tiers = order_of(ballot, labels)
        heard = sum(map(len, tiers))
        if heard == 1 < len(labels):
            continue
        comparing.append(ballot)
        scale = Fraction(len(labels) - 1, heard - 1) if heard > 1 else Fraction()
        below = heard
        for tier in tiers:
            below -= len(tier)
            for label in tier:
                points[label] += weight_of(ballot) * scale * (below + Fraction(len(tier) - 1, 2))
    means = shares(points, comparing)
    winners = best(means) if cast else ()
    return Tally(
        rule="borda",
        winners=winners,
        ranking=order_by(means) if winners else (),
        support=as_support(points),
        support_unit="points",
        counted=len(cast),
        abstained=len(ballots) - len(cast),
        passed=bool(winners),
        steps=(figures_line(points, "points"), *share_lines(means, comparing, "points"), outcome_line(winners, "with the most points")),
    )
