"""Judge: one seat, named beforehand, decides; the votes of the others are advice and stay in the record."""

from collections.abc import Sequence

from mallku.dialogue.verdict import Ballot, Tally
from mallku.firecircle.decisions.figures import as_support, figures_line
from mallku.firecircle.decisions.plurality import choices
from mallku.firecircle.decisions.rule import DecisionRule


def judge(seat: str) -> DecisionRule:
    """Return the rule under which this seat decides."""

    def count(ballots: Sequence[Ballot], labels: Sequence[str]) -> Tally:
        return count_judge(ballots, labels, seat)

    return DecisionRule(name=f"judge({seat})", ballot_kind="choice", counter=count)


def count_judge(ballots: Sequence[Ballot], labels: Sequence[str], seat: str) -> Tally:
    """Take the judge's choice; without one nothing passes."""
    chosen = next((ballot.choice for ballot in ballots if ballot.seat == seat), None)
    votes = choices(ballots, labels)
    counted = sum(1 for ballot in ballots if ballot.choice is not None)
    return Tally(
        rule=f"judge({seat})",
        winners=() if chosen is None else (chosen,),
        support=as_support(votes),
        counted=counted,
        abstained=len(ballots) - counted,
        passed=chosen is not None,
        steps=(
            figures_line(votes, "votes, the judge's included"),
            f"{seat} decided nothing; nothing passes." if chosen is None else f"{seat} decides for {chosen}.",
        ),
    )
