"""Masks: speakers without their names, so that words weigh by what they say."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from mallku.dialogue.transcript import Statement


def masks_for(seats: Sequence[str], *, seed: int, round_index: int = 0) -> dict[str, str]:
    """Give every seat a mask, `Voice 1`, `Voice 2` …, numbered in an order drawn for the round.

    All readers see the same masks, so that they share one prompt and can refer to each other; a reader's own words are masked too, which is
    what keeps it from favouring or deferring to them.
    """
    drawn = sorted(seats, key=lambda seat: hashlib.sha256(f"{seed}/masks/{round_index}/{seat}".encode()).hexdigest())
    return {seat: f"Voice {number}" for number, seat in enumerate(drawn, 1)}


def names_restored(text: str, masks: Mapping[str, str]) -> str:
    """Put the names back where a speaker named others by their masks, in whatever case it wrote them."""
    names = {mask.casefold(): seat for seat, mask in masks.items()}
    if not names:
        return text
    ordered = sorted(names, key=len, reverse=True)
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, ordered))})(?!\w)", re.IGNORECASE)
    return pattern.sub(lambda found: names[found[0].casefold()], text)


def reading_orders(turns: Sequence[str], readers: Sequence[str], *, seed: int, round_index: int) -> dict[str, tuple[str, ...]]:
    """Give every reader an order of its own in which it reads these turns.

    They are drawn into one order; each further reader begins one turn later, and after a full circle they run backwards, so that every turn
    stands first about equally often, which independent shuffles do not give to a handful of readers.
    """
    drawn = sorted(turns, key=lambda turn: hashlib.sha256(f"{seed}/reading/{round_index}/{turn}".encode()).hexdigest())
    orders = {}
    for place, reader in enumerate(readers):
        laps, start = divmod(place, max(len(drawn), 1))
        order = [*drawn[start:], *drawn[:start]]
        orders[reader] = tuple(reversed(order) if laps % 2 else order)
    return orders


def mask_names(text: str, masks: Mapping[str, str]) -> str:
    """Replace every name that stands as a word of its own by its mask, longest names first."""
    names = sorted((name for name in masks if name.strip()), key=len, reverse=True)
    if not names:
        return text
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, names))})(?!\w)")
    return pattern.sub(lambda found: masks[found[0]], text)


def mask_statements(statements: Iterable[Statement], masks: Mapping[str, str]) -> tuple[Statement, ...]:
    """Return the statements under masks, names inside the texts included. The record keeps the names."""
    return tuple(
        replace(statement, seat=masks.get(statement.seat, statement.seat), text=mask_names(statement.text, masks))
        for statement in statements
    )
