"""Ranked pairs: victories are locked in from the widest to the narrowest, leaving out any that would close a circle."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import permutations
from typing import Final

from mallku.dialogue.verdict import Ballot, Tally
from mallku.firecircle.decisions.figures import as_support, in_words, listed, order_in_words, outcome_line
from mallku.firecircle.decisions.pairwise import Duels, duel_lines, duels, margin
from mallku.firecircle.decisions.preference import is_abstention

_MOST_WAYS: Final = 2_000
"""Ways to lock equal margins that are followed before equal margins that contradict each other are all left out."""

Locked = frozenset[tuple[str, str]]
"""Pairs (better, worse), closed under chains."""


def count_ranked_pairs(ballots: Sequence[Ballot], labels: Sequence[str]) -> Tally:
    """Lock in victories by margin (Tideman 1987).

    Where margins are equal, every order of locking them is followed, and all winners are tied. (Beyond two thousand ways, equal margins
    that contradict each other are all left out.)
    """
    cast = [ballot for ballot in ballots if not is_abstention(ballot)]
    preferring = duels(cast, labels)
    results, lines = _lock_all(preferring, labels)
    on_top = {label for locked in results for label in labels if not any(worse == label for _, worse in locked)}
    winners = tuple(label for label in labels if label in on_top) if cast else ()
    ranking = _tiers(results[0], labels) if cast and len(results) == 1 else ()
    wins = {label: Fraction(sum(margin(preferring, label, other) > 0 for other in labels if other != label)) for label in labels}
    return Tally(
        rule="ranked-pairs",
        winners=winners,
        ranking=ranking,
        support=as_support(wins),
        support_unit="duels won",
        counted=len(cast),
        abstained=len(ballots) - len(cast),
        passed=bool(winners),
        steps=(
            *duel_lines(preferring, labels),
            *lines,
            *((f"Order: {order_in_words(ranking)}.",) if ranking else ()),
            outcome_line(winners, "by ranked pairs"),
        ),
    )


def _lock_all(preferring: Duels, labels: Sequence[str]) -> tuple[list[Locked], list[str]]:
    """Follow all groups of equal margins, widest first; return every locked order that can come of it."""
    victories = {pair: margin(preferring, *pair) for pair in permutations(labels, 2) if margin(preferring, *pair) > 0}
    states: set[Locked] = {frozenset()}
    lines: list[str] = []
    for width in sorted(set(victories.values()), reverse=True):
        group = [pair for pair, lead in victories.items() if lead == width]
        followed = {after for state in states for after in _lock_group(state, group, most=_MOST_WAYS // len(states))}
        lines.append(f"Margin {in_words(width)}: {_in_words(group, followed)}")
        states = followed
    return sorted(states, key=sorted), lines


def _in_words(group: Sequence[tuple[str, str]], followed: set[Locked]) -> str:
    """Say what became of a group of equal margins."""
    named = {pair: f"{pair[0]} over {pair[1]}" for pair in group}
    kept = [name for pair, name in named.items() if all(pair in state for state in followed)]
    left = [name for pair, name in named.items() if not any(pair in state for state in followed)]
    open_ones = [name for name in named.values() if name not in kept and name not in left]
    told = [f"{listed(kept)} locked in"] if kept else []
    told += [f"{listed(left)} left out, since it would close a circle"] if left else []
    told += [f"{listed(open_ones)} would close a circle together, so {len(followed)} ways to go on are followed"] if open_ones else []
    return "; ".join(told) + "."


def _lock_group(locked: Locked, group: Sequence[tuple[str, str]], *, most: int) -> set[Locked]:
    """Return every result of locking a group of equal margins in some order; beyond `most` steps leave out what is contested."""
    fitting = [pair for pair in group if pair[::-1] not in locked]
    contested = _on_circles(locked, fitting)
    start = locked
    for pair in fitting:
        if pair not in contested:
            start = _lock(start, pair)
    found: set[Locked] = set()
    seen: set[Locked] = {start}
    waiting = [start]
    while waiting:
        state = waiting.pop()
        open_pairs = [pair for pair in contested if pair not in state and pair[::-1] not in state]
        if not open_pairs:
            found.add(state)
        for pair in open_pairs:
            after = _lock(state, pair)
            if after not in seen:
                seen.add(after)
                waiting.append(after)
        if len(seen) > max(most, 1):
            return {start}
    return found


def _on_circles(locked: Locked, group: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the pairs of a group that lie on a circle made of the group and what is locked."""
    joined = _closure([*locked, *group])
    return [(better, worse) for better, worse in group if (worse, better) in joined]


def _lock(locked: Locked, pair: tuple[str, str]) -> Locked:
    """Add a pair and all that follows from it."""
    above = {better for better, worse in locked if worse == pair[0]} | {pair[0]}
    below = {worse for better, worse in locked if better == pair[1]} | {pair[1]}
    return locked | {(better, worse) for better in above for worse in below}


def _closure(pairs: Iterable[tuple[str, str]]) -> Locked:
    locked: Locked = frozenset()
    for pair in pairs:
        locked = _lock(locked, pair)
    return locked


def _tiers(locked: Locked, labels: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Peel off those above whom nobody stands, tier by tier."""
    left = list(labels)
    tiers = []
    while left:
        top = tuple(label for label in left if not any((other, label) in locked for other in left))
        tiers.append(top)
        left = [label for label in left if label not in top]
    return tuple(tiers)
