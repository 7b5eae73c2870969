"""The Deliberative Reason Index: whether people who think alike about a matter also want the same (Niemeyer and Veri)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

_FULL = 0.2
"""Correlations from this size on count fully in the corrected index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonIndex:
    """The index of a group, from -1 to 1; higher means that reasons and preferences go together."""

    value: float
    """The plain index: 1 - 2 mean(d) / lambda, with lambda = sqrt(2) / 2."""
    corrected: float
    """The index in which pairs with correlations near zero count less, since they inflate the plain one."""
    pairs: int
    """Pairs of participants it rests on."""


def reason_index(considerations: Sequence[Sequence[float]], preferences: Sequence[Sequence[float]]) -> ReasonIndex | None:
    """Compute the index from one row of ratings and one row of rankings per participant, or None if fewer than two rows can be used.

    For each pair c is the Spearman correlation of considerations, p that of preferences, d = |c - p| / sqrt(2).
    """
    distances: list[float] = []
    corrected: list[float] = []
    for one in range(len(considerations)):
        for other in range(one):
            c = spearman(considerations[one], considerations[other])
            p = spearman(preferences[one], preferences[other])
            if c is None or p is None:
                continue
            distance = abs(c - p) / math.sqrt(2)
            distances.append(distance)
            corrected.append(1 - (1 - distance) * min(1.0, max(abs(c), abs(p)) / _FULL))
    if not distances:
        return None
    return ReasonIndex(value=_index(distances), corrected=_index(corrected), pairs=len(distances))


def _index(distances: Sequence[float]) -> float:
    bound = math.sqrt(2) / 2
    return (bound - 2 * (sum(distances) / len(distances))) / bound


def spearman(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Return the rank correlation of two rows with ties, or None if one of them does not vary."""
    first, second = _ranks(one), _ranks(other)
    mean = (len(first) + 1) / 2
    above = sum((x - mean) * (y - mean) for x, y in zip(first, second, strict=True))
    spread = math.sqrt(sum((x - mean) ** 2 for x in first) * sum((y - mean) ** 2 for y in second))
    return above / spread if spread else None


def _ranks(figures: Sequence[float]) -> list[float]:
    order = sorted(range(len(figures)), key=figures.__getitem__)
    ranks = [0.0] * len(figures)
    index = 0
    while index < len(order):
        end = index
        while end + 1 < len(order) and figures[order[end + 1]] == figures[order[index]]:
            end += 1
        for position in range(index, end + 1):
            ranks[order[position]] = (index + end) / 2 + 1
        index = end + 1
    return ranks
