"""The seam of a detector: one statement in its conversation goes in, one score comes out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, runtime_checkable

from mallku.dialogue.score import Score
from mallku.dialogue.transcript import Statement


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedTurn:
    """A statement together with everything a detector may look at."""

    statement: Statement
    """What is judged."""
    previous: tuple[Statement, ...] = ()
    """What was said before it, oldest first."""
    question: str = ""
    """The question of the deliberation, or empty."""
    seats: tuple[str, ...] = ()
    """Names of all who sit in the circle, as far as known."""

    @property
    def others(self) -> tuple[Statement, ...]:
        """Earlier statements of other speakers, oldest first."""
        return tuple(earlier for earlier in self.previous if earlier.seat != self.statement.seat)


@runtime_checkable
class Detector(Protocol):
    """Judges one dimension of a statement.

    `judge` is a pure, quick function of its argument: no clock, no network, no state that changes. It returns
    `Score.unscored` with a reason where there is nothing to judge, and evidence whose contributions add up to
    `Score.raw` otherwise. It may raise; the panel turns that into an unscored score that names the error.
    """

    @property
    def dimension(self) -> str:
        """What is judged, such as `sovereignty`; unique within a panel."""
        ...

    def judge(self, turn: JudgedTurn, /) -> Score:
        """Judge the statement."""
        ...


@runtime_checkable
class Preparing(Protocol):
    """A detector that needs something first which takes its time, such as vectors from a model."""

    async def prepare(self, turn: JudgedTurn, /) -> None:
        """Get what `judge` needs for this turn and keep it. A detector that was not prepared judges without it, and its tiers say so."""
        ...

    async def close(self) -> None:
        """Give back what it holds; idempotent."""
        ...


def names_of(turn: JudgedTurn) -> frozenset[str]:
    """Return the first names of all who speak, in lower case: addressing somebody names no holder of anything."""
    return _first_names(turn.seats)


@lru_cache(maxsize=256)
def _first_names(seats: tuple[str, ...]) -> frozenset[str]:
    return frozenset(seat.split()[0].lower() for seat in seats if seat.split())


Said = Statement | tuple[str, str] | Mapping[str, str]
"""An earlier turn: a statement, a pair of speaker and text, or a mapping with `speaker` and `text`."""


def judged_turn(text: str, *, previous: Iterable[Said] = (), question: str = "", speaker: str = "") -> JudgedTurn:
    """Make a judged turn out of plain text, for use without a circle."""
    earlier = tuple(_statement(said, index) for index, said in enumerate(previous))
    statement = Statement(turn=f"t{len(earlier)}", seat=speaker, round_index=0, round_kind="text", text=text)
    names = dict.fromkeys([*(said.seat for said in earlier), speaker])
    return JudgedTurn(statement=statement, previous=earlier, question=question, seats=tuple(name for name in names if name))


def _statement(said: Said, index: int) -> Statement:
    if isinstance(said, Statement):
        return said
    speaker, text = (said.get("speaker", ""), said.get("text", "")) if isinstance(said, Mapping) else said
    return Statement(turn=f"t{index}", seat=speaker, round_index=0, round_kind="text", text=text)
