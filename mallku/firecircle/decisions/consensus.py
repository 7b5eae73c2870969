"""Consensus: a proposal passes if nobody blocks it; a declared fallback may decide where somebody does."""

from collections.abc import Sequence
from fractions import Fraction

from mallku.dialogue.ballot_form import POSITIONS
from mallku.dialogue.verdict import Ballot, Tally
from mallku.errors import UsageError
from mallku.firecircle.decisions.figures import in_words, total_weight
from mallku.firecircle.decisions.rule import DecisionRule


def consensus(fallback: Fraction | None = None, name: str = "consensus") -> DecisionRule:
    """Return the rule.

    Args:
        fallback: If somebody blocks, the share of consents among consents and blocks from which the proposal passes all the same;
            one half means more than half. None: a block stands.
        name: The rule as it was declared.
    """

    def count(ballots: Sequence[Ballot], labels: Sequence[str]) -> Tally:
        return count_consensus(ballots, labels, fallback, name)

    return DecisionRule(name=name, ballot_kind="position", counter=count)


def count_consensus(ballots: Sequence[Ballot], labels: Sequence[str], fallback: Fraction | None, name: str = "consensus") -> Tally:
    """Count positions on the one proposal.

    It passes if nobody blocks and more seats consent, with or without reservations, than stand aside.
    """
    if len(labels) != 1:
        raise UsageError(
            f"Consensus was asked for on {len(labels)} options.", hint="Positions are taken on one proposal; choose or write it first."
        )
    weights = {position: total_weight(ballot for ballot in ballots if ballot.position == position) for position in POSITIONS}
    consents = weights["consent"] + weights["reservations"]
    passed, how = _outcome(consents, weights["stand-aside"], weights["block"], fallback)
    return Tally(
        rule=name,
        winners=tuple(labels) if passed else (),
        support={labels[0]: float(consents)},
        support_unit="consents",
        counted=len(ballots),
        abstained=sum(ballot.position == "stand-aside" for ballot in ballots),
        passed=passed,
        steps=(", ".join(f"{position} {in_words(weight)}" for position, weight in weights.items()), how),
    )


def _outcome(consents: Fraction, aside: Fraction, blocks: Fraction, fallback: Fraction | None) -> tuple[bool, str]:
    if not blocks:
        if consents > aside:
            return True, "Nobody blocks, and more consent than stand aside: the proposal passes."
        return False, "Nobody blocks, but no more consent than stand aside: there is no consensus."
    if fallback is None:
        return False, f"Blocked by {in_words(blocks)}: there is no consensus."
    share = consents / (consents + blocks)
    half = fallback == Fraction(1, 2)
    needed = "more than half" if half else f"at least {fallback}"
    figures = f"{in_words(consents)} of {in_words(consents + blocks)} consents and blocks"
    if share > fallback or (share == fallback and not half):
        return True, f"Blocked by {in_words(blocks)}; by the declared fallback ({needed}) the proposal passes with {figures}."
    return False, f"Blocked by {in_words(blocks)}; the declared fallback ({needed}) is not met with {figures}."
