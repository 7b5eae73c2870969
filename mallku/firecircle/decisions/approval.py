"""Approval: each voter names all options it can accept; the most accepted option wins."""

from collections.abc import Sequence
from fractions import Fraction

from mallku.dialogue.verdict import Ballot, Tally
from mallku.firecircle.decisions.figures import as_support, best, figures_line, order_by, outcome_line, share_lines, shares, weight_of


def count_approval(ballots: Sequence[Ballot], labels: Sequence[str]) -> Tally:
    """Count approvals; options are compared by the share of approvals among the ballots that are not silent on them."""
    approvals = dict.fromkeys(labels, Fraction())
    for ballot in ballots:
        for label in set(ballot.approved) - set(ballot.silent):
            approvals[label] += weight_of(ballot)
    compared = shares(approvals, ballots)
    winners = best(compared) if any(approvals.values()) else ()
    return Tally(
        rule="approval",
        winners=winners,
        ranking=order_by(compared) if winners else (),
        support=as_support(approvals),
        support_unit="approvals",
        counted=len(ballots),
        passed=bool(winners),
        steps=(
            figures_line(approvals, "approvals"),
            *share_lines(compared, ballots, "approvals"),
            outcome_line(winners, "with the most approvals"),
        ),
    )
