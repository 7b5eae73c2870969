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
