"""Visibility: which statements a seat sees when it speaks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Literal, get_args

from mallku.dialogue.transcript import REMARK, Statement, Transcript
from mallku.errors import ConfigurationError

Visibility = Literal["sealed", "previous-rounds", "all"]
"""How far a round looks: at nothing the others said, at the rounds before it, or at everything so far."""

Paradigm = Literal["memory", "relay", "report", "debate"]
"""Whom a seat hears at all, as the literature on multi-agent discussion names it (Yin et al. 2023, arXiv 2312.01823)."""

_Hears = Callable[[Statement], bool]


def visible(
    transcript: Transcript,
    seat: str,
    round_index: int,
    visibility: Visibility = "all",
    *,
    paradigm: Paradigm = "memory",
    seats: Sequence[str] = (),
) -> tuple[Statement, ...]:
    """Return what a seat sees, oldest first. It always sees its own words and the convener's remarks.

    * `memory`: everybody hears everybody.
    * `relay`: a seat hears only the one before it in the circle.
    * `report`: everybody reports to the first seat, which hears all; the others hear only the first.
    * `debate`: as `memory` among the others; the first seat hears only the latest statement of each, their conclusions.

    Args:
        transcript: Everything said so far.
        seat: Who sees.
        round_index: Index of the round in which the seat speaks.
        visibility: How far the round looks.
        paradigm: Whom a seat hears.
        seats: The circle's order; that of first appearance if empty. In it the last comes before the first.
    """
    _check("visibility", visibility, get_args(Visibility))
    _check("paradigm", paradigm, get_args(Paradigm))
    said = transcript.statements
    circle = tuple(seats) or tuple(dict.fromkeys(statement.seat for statement in said if statement.round_kind != REMARK))
    hears = _hearing(paradigm, seat, circle, said)
    return tuple(
        statement
        for statement in said
        if statement.round_kind == REMARK
        or statement.seat == seat
        or (visibility == "all" and hears(statement))
        or (visibility == "previous-rounds" and statement.round_index < round_index and hears(statement))
    )


def as_seen(transcript: Transcript, seen: Sequence[Statement]) -> Transcript:
    """Return the transcript cut down to the statements seen; a digest stays only where all of its round is seen."""
    hidden = {statement.round_index for statement in transcript.statements if statement not in seen}
    digests: Mapping[int, str] = {index: text for index, text in (transcript.digests or {}).items() if index not in hidden}
    return replace(transcript, statements=tuple(seen), digests=digests or None)


def _hearing(paradigm: Paradigm, seat: str, circle: Sequence[str], said: Sequence[Statement]) -> _Hears:
    first = circle[0] if circle else seat
    match paradigm:
        case "memory":
            return lambda _: True
        case "relay":
            before = circle[circle.index(seat) - 1] if seat in circle else (circle[-1] if circle else "")
            return lambda statement: statement.seat == before
        case "report":
            return lambda statement: first in {seat, statement.seat}
        case "debate":
            latest = {statement.seat: statement for statement in said}
            return lambda statement: seat != first or latest[statement.seat] is statement


def _check(what: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise ConfigurationError(f"There is no {what} {value!r}.", hint=f"Use one of {', '.join(known)}.")
