"""Pairwise comparison: every option against every other, as if only the two stood for election."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import permutations

from mallku.dialogue.verdict import Ballot
from mallku.firecircle.decisions.figures import in_words, weight_of
from mallku.firecircle.decisions.preference import is_abstention, order_of

Duels = Mapping[tuple[str, str], Fraction]
"""For each ordered pair of labels the weight of the ballots that prefer the first."""


def duels(ballots: Sequence[Ballot], labels: Sequence[str]) -> dict[tuple[str, str], Fraction]:
    """Compare every pair. A ballot prefers what it ranks to what it leaves out, and says nothing on a pair it is silent on."""
    preferring = {pair: Fraction() for pair in permutations(labels, 2)}
    for ballot in ballots:
        if is_abstention(ballot):
            continue
        weight = weight_of(ballot)
        tiers = order_of(ballot, labels)
        for place, tier in enumerate(tiers):
            for worse in (label for lower in tiers[place + 1 :] for label in lower):
                for better in tier:
                    preferring[better, worse] += weight
    return preferring


def margin(preferring: Duels, one: str, other: str) -> Fraction:
    """Return by how much `one` leads over `other`; negative if it trails."""
    return preferring[one, other] - preferring[other, one]


def condorcet_winner(preferring: Duels, labels: Sequence[str]) -> str:
    """Return the option that beats every other one, or an empty text if there is none."""
    for label in labels:
        if all(margin(preferring, label, other) > 0 for other in labels if other != label):
            return label
    return ""


def smith_set(preferring: Duels, labels: Sequence[str]) -> tuple[str, ...]:
    """Return the smallest set of options each of which beats every option outside the set."""
    reach = {label: {label} for label in labels}
    for label in labels:
        waiting = [label]
        while waiting:
            current = waiting.pop()
            for other in labels:
                if other not in reach[label] and other != current and margin(preferring, current, other) >= 0:
                    reach[label].add(other)
                    waiting.append(other)
    return tuple(label for label in labels if len(reach[label]) == len(labels))


def duel_lines(preferring: Duels, labels: Sequence[str]) -> tuple[str, ...]:
    """Put every duel in words, once."""
    lines = []
    for index, one in enumerate(labels):
        for other in labels[index + 1 :]:
            ahead, behind = (one, other) if margin(preferring, one, other) >= 0 else (other, one)
            figures = f"{in_words(preferring[ahead, behind])} to {in_words(preferring[behind, ahead])}"
            tied = margin(preferring, one, other) == 0
            lines.append(f"{one} and {other} are even, {figures}." if tied else f"{ahead} beats {behind} {figures}.")
    return tuple(lines)
