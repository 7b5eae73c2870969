"""Ranked pairs: victories are locked in from the widest to the narrowest, leaving out any that would close a circle."""

from collections.abc import Collection, Sequence
from fractions import Fraction
from typing import Final

from mallku.dialogue.verdict import Ballot, Tally
from mallku.firecircle.decisions.figures import as_support, in_words, listed, order_in_words, outcome_line
from mallku.firecircle.decisions.pairwise import Duels, duel_lines, duels, margin
from mallku.firecircle.decisions.preference import is_abstention

_MOST_WAYS: Final = 1_000
"""Ways to lock equal margins that are followed before equal margins that contradict each other are all left out."""

Pair = tuple[int, int]
"""Places of two options, the better one first."""

Locked = tuple[int, ...]
"""For the option at each place a set of bits: the places of all options locked in below it, directly or through others."""


def count_ranked_pairs(ballots: Sequence[Ballot], labels: Sequence[str]) -> Tally:
    """Lock in victories by margin (Tideman 1987).

    Where margins are equal, every order of locking them is followed, and all winners are tied. (Beyond a thousand ways, equal margins
    that contradict each other are all left out.)
    """
    cast = [ballot for ballot in ballots if not is_abstention(ballot)]
    preferring = duels(cast, labels)
    results, lines = _lock_all(preferring, labels)
    on_top = {place for locked in results for place in _top(locked, range(len(labels)))}
    winners = tuple(label for place, label in enumerate(labels) if place in on_top) if cast else ()
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
    places = range(len(labels))
    leads = {(one, other): margin(preferring, labels[one], labels[other]) for one in places for other in places if one != other}
    states: set[Locked] = {(0,) * len(labels)}
    lines: list[str] = []
    for width in sorted({lead for lead in leads.values() if lead > 0}, reverse=True):
        group = [pair for pair, lead in leads.items() if lead == width]
        states = {after for state in states for after in _lock_group(state, group, most=_MOST_WAYS // len(states))}
        lines.append(f"Margin {in_words(width)}: {_in_words(group, states, labels)}")
    return sorted(states), lines


def _in_words(group: Sequence[Pair], states: Collection[Locked], labels: Sequence[str]) -> str:
    """Say what became of a group of equal margins."""
    named = {pair: f"{labels[pair[0]]} over {labels[pair[1]]}" for pair in group}
    kept = [name for pair, name in named.items() if all(_has(state, pair) for state in states)]
    left = [name for pair, name in named.items() if not any(_has(state, pair) for state in states)]
    open_ones = [name for name in named.values() if name not in kept and name not in left]
    told = [f"{listed(kept)} locked in"] if kept else []
    told += [f"{listed(left)} left out, since it would close a circle"] if left else []
    told += [f"{listed(open_ones)} would close a circle together, so {len(states)} ways to go on are followed"] if open_ones else []
    return "; ".join(told) + "."


def _lock_group(locked: Locked, group: Sequence[Pair], *, most: int) -> set[Locked]:
    """Return every result of locking a group of equal margins in some order; beyond `most` steps leave out what is contested."""
    fitting = [pair for pair in group if not _has(locked, pair[::-1])]
    joined = locked
    for pair in fitting:
        joined = _lock(joined, pair)
    contested = [pair for pair in fitting if _has(joined, pair[::-1])]
    start = locked
    for pair in fitting:
        if pair not in contested:
            start = _lock(start, pair)
    found: set[Locked] = set()
    seen: set[Locked] = {start}
    waiting = [start]
    while waiting:
        state = waiting.pop()
        open_pairs = [pair for pair in contested if not _has(state, pair) and not _has(state, pair[::-1])]
        if not open_pairs:
            found.add(state)
        for after in {_lock(state, pair) for pair in open_pairs} - seen:
            seen.add(after)
            waiting.append(after)
        if len(seen) > max(most, 1):
            return {start}
    return found


def _has(locked: Locked, pair: Pair) -> bool:
    return bool(locked[pair[0]] >> pair[1] & 1)


def _lock(locked: Locked, pair: Pair) -> Locked:
    """Add a pair and all that follows from it."""
    better, worse = pair
    below = 1 << worse | locked[worse]
    return tuple(held | below if place == better or held >> better & 1 else held for place, held in enumerate(locked))


def _top(locked: Locked, places: Collection[int]) -> list[int]:
    """Return those of some places above which none of the others is locked in."""
    return [place for place in places if not any(_has(locked, (other, place)) for other in places if other != place)]


def _tiers(locked: Locked, labels: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Peel off those above whom nobody stands, tier by tier."""
    left = list(range(len(labels)))
    tiers = []
    while left:
        top = _top(locked, left)
        tiers.append(tuple(labels[place] for place in top))
        left = [place for place in left if place not in top]
    return tuple(tiers)
