"""Schulze: an option wins if no rival has a stronger chain of victories to it than it has to the rival."""

from collections.abc import Sequence
from fractions import Fraction

from mallku.dialogue.verdict import Ballot, Tally
from mallku.firecircle.decisions.figures import as_support, in_words, order_in_words, outcome_line
from mallku.firecircle.decisions.pairwise import Duels, duel_lines, duels, margin
from mallku.firecircle.decisions.preference import is_abstention


def count_schulze(ballots: Sequence[Ballot], labels: Sequence[str]) -> Tally:
    """Compare chains of pairwise victories; a chain is as strong as its weakest link, a link as its margin (Schulze 2011)."""
    cast = [ballot for ballot in ballots if not is_abstention(ballot)]
    preferring = duels(cast, labels)
    strength = strongest_chains(preferring, labels)
    beaten = {one: sum(strength[one, other] > strength[other, one] for other in labels if other != one) for one in labels}
    # The relation is transitive, so an option stands above another exactly if it beats more of them, ties apart.
    losses = {one: sum(strength[other, one] > strength[one, other] for other in labels if other != one) for one in labels}
    winners = tuple(label for label in labels if not losses[label]) if cast else ()
    ranking = _tiers(strength, labels) if cast else ()
    return Tally(
        rule="schulze",
        winners=winners,
        ranking=ranking,
        support=as_support({label: Fraction(wins) for label, wins in beaten.items()}),
        support_unit="rivals beaten",
        counted=len(cast),
        abstained=len(ballots) - len(cast),
        passed=bool(winners),
        steps=(
            *duel_lines(preferring, labels),
            *_chain_lines(strength, preferring, labels),
            *((f"Order: {order_in_words(ranking)}.",) if ranking else ()),
            outcome_line(winners, "by strongest chains"),
        ),
    )


def strongest_chains(preferring: Duels, labels: Sequence[str]) -> dict[tuple[str, str], Fraction]:
    """Return for each ordered pair the strength of the strongest chain of victories; 0 where there is none."""
    strength = {pair: max(margin(preferring, *pair), Fraction()) for pair in preferring}
    for middle in labels:
        for start, end in preferring:
            if middle not in {start, end}:
                strength[start, end] = max(strength[start, end], min(strength[start, middle], strength[middle, end]))
    return strength


def _tiers(strength: Duels, labels: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Peel off the unbeaten, tier by tier."""
    left = list(labels)
    tiers = []
    while left:
        top = tuple(one for one in left if all(strength[one, other] >= strength[other, one] for other in left if other != one))
        tiers.append(top)
        left = [label for label in left if label not in top]
    return tuple(tiers)


def _chain_lines(strength: Duels, preferring: Duels, labels: Sequence[str]) -> list[str]:
    """Name the duels that a chain turns round or breaks even."""
    lines = []
    for one in labels:
        for other in labels:
            if one != other and margin(preferring, one, other) < 0 and strength[one, other] >= strength[other, one]:
                there, back = in_words(strength[one, other]), in_words(strength[other, one])
                lines.append(f"Yet a chain of victories leads from {one} to {other} with strength {there}, back with {back}.")
    return lines
