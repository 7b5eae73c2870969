"""The floor: what has happened in a round so far, and what comes next."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from mallku.dialogue.prompt import JsonSchema
from mallku.dialogue.transcript import TurnOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnTaken:
    """A turn of this round that is over."""

    seat: str
    """Who had it."""
    outcome: TurnOutcome = "statement"
    """How it ended."""
    words: int = 0
    """Words said in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorAnswer:
    """What a seat answered when it was asked about the floor."""

    seat: str
    """Who answered."""
    after: int
    """Turns taken in this round when it was asked."""
    kind: Literal["naming", "bid"]
    """Whether it names the next speaker or bids for the floor itself."""
    named: str = ""
    """For `naming`: the seat named, or empty to close the round."""
    bid: int = 0
    """For `bid`: how much it wants to speak; 0 is silence."""
    reason: str = ""
    """Its reason in its own words."""
    fault: str = ""
    """What was wrong with an answer that could not be read; such an answer names nobody and bids 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of the floor one seat may take."""

    turns: int | None = None
    """Most turns of one seat in a round, or None."""
    share: float | None = None
    """Largest share of all words said, 0..1, or None. It binds once every seat has had a turn, and never below an equal share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """A round so far."""

    seats: tuple[str, ...]
    """Seats that can speak, in the order of the circle."""
    round_index: int = 0
    """Index of the round."""
    seed: int = 0
    """Seed of all draws."""
    turns: tuple[TurnTaken, ...] = ()
    """Turns taken in this round, oldest first; passes and failures too."""
    answers: tuple[FloorAnswer, ...] = ()
    """Answers given about the floor in this round, oldest first."""
    words_before: Mapping[str, int] = field(default_factory=dict)
    """Words each seat said in earlier rounds."""
    most_turns: int | None = None
    """Turns of the round; None is one for each seat."""
    limits: Limits = field(default_factory=Limits)
    """How much of the floor one seat may take."""

    @property
    def turns_left(self) -> int:
        """Turns that the round still has."""
        # a seat that was lost after its turn took none from the others
        each = len({*self.seats, *(taken.seat for taken in self.turns)})
        return (each if self.most_turns is None else self.most_turns) - len(self.turns)

    def turns_of(self, seat: str) -> int:
        """Count the turns a seat had in this round."""
        return sum(taken.seat == seat for taken in self.turns)

    def words_of(self, seat: str) -> int:
        """Count the words a seat has said in all rounds."""
        return self.words_before.get(seat, 0) + sum(taken.words for taken in self.turns if taken.seat == seat)

    def answers_now(self) -> tuple[FloorAnswer, ...]:
        """Return the answers given since the last turn."""
        return tuple(answer for answer in self.answers if answer.after == len(self.turns))

    def drawn(self, seats: tuple[str, ...], purpose: str) -> tuple[str, ...]:
        """Return seats in an order drawn by the seed: the same for the same seed, round and purpose."""
        return tuple(
            sorted(seats, key=lambda seat: hashlib.sha256(f"{self.seed}/{self.round_index}/{purpose}/{seat}".encode()).hexdigest())
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Speak:
    """These seats speak now; several speak at the same time, blind to each other."""

    seats: tuple[str, ...]
    """Who."""
    why: str = ""
    """Why they and not others, where an order had a choice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """These seats are asked about the floor, each alone, before anybody speaks on."""

    seats: tuple[str, ...]
    """Who is asked."""
    kind: Literal["naming", "bid"]
    """What is asked: who speaks next, or how much the seat itself wants to."""
    names: tuple[str, ...] = ()
    """For `naming`: the seats that may be named."""
    may_close: bool = False
    """For `naming`: whether the round may be closed instead."""
    instruction: str
    """What the seats are asked, with an example of the answer."""
    schema: JsonSchema
    """JSON Schema of the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundOver:
    """Nobody speaks any more in this round."""

    why: str
    """Why."""


Step = Speak | Ask | RoundOver
"""What comes next in a round."""
