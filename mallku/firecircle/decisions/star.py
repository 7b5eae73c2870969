"""STAR: score, then automatic run-off between the two options with the most points."""

from collections.abc import Sequence
from itertools import combinations

from mallku.dialogue.verdict import Ballot, Tally
from mallku.firecircle.decisions.figures import (
    Figures,
    as_support,
    figures_line,
    in_words,
    listed,
    order_by,
    outcome_line,
    share_lines,
    shares,
)
from mallku.firecircle.decisions.pairwise import duels, margin
from mallku.firecircle.decisions.preference import is_abstention
from mallku.firecircle.decisions.score import total_points


def count_star(ballots: Sequence[Ballot], labels: Sequence[str]) -> Tally:
    """Let the two highest scorers meet; the one more ballots give more points wins.

    Where points are tied, every pair of finalists that the tie allows is run off, and all their winners are tied.
    """
    cast = [ballot for ballot in ballots if not is_abstention(ballot)]
    points = total_points(cast, labels)
    means = shares(points, cast)
    if any(points.values()):
        winners, lines = _run_off(cast, labels, means)
    else:
        winners, lines = (), ()
    return Tally(
        rule="star",
        winners=winners,
        support=as_support(points),
        support_unit="points",
        counted=len(cast),
        abstained=len(ballots) - len(cast),
        passed=bool(winners),
        steps=(figures_line(points, "points"), *share_lines(means, cast, "points"), *lines, outcome_line(winners, "after the run-off")),
    )


def _run_off(ballots: Sequence[Ballot], labels: Sequence[str], means: Figures) -> tuple[tuple[str, ...], tuple[str, ...]]:
    tiers = order_by(means)
    if len(labels) == 1:
        return tiers[0], ()
    pairs = list(combinations(tiers[0], 2)) or [(tiers[0][0], second) for second in tiers[1]]
    preferring = duels(ballots, labels)
    winners: set[str] = set()
    lines = []
    for one, other in pairs:
        lead = margin(preferring, one, other)
        ahead = {one, other} if lead == 0 else {one if lead > 0 else other}
        winners |= ahead
        figures = f"{in_words(preferring[one, other])} prefer {one}, {in_words(preferring[other, one])} prefer {other}"
        lines.append(f"Run-off of {one} and {other}: {figures}.")
    if len(pairs) > 1:
        lines.insert(0, f"The finalists are tied on points; {len(pairs)} pairs are run off, among {listed(sorted({*sum(pairs, ())}))}.")
    return tuple(label for label in labels if label in winners), tuple(lines)
