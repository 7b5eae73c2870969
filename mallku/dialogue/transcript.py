"""The transcript: who said what, in the order in which it was said."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from mallku.dialogue.response import FinishReason, Timings, Usage

OPTION_LABELS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""Options of a ballot are labelled with these, in order."""


REMARK = "remark"
"""Round kind of a convener's remark, which everybody always sees, also where its round is condensed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What was said in a turn."""

    turn: str
    """Id of the turn, unique within the deliberation, such as `r1.Ada`."""
    seat: str
    """Name of the seat that spoke."""
    round_index: int
    """Index of the round, counted from 0."""
    round_kind: str
    """Kind of the round, such as `opening`."""
    text: str
    """The public text."""
    partial: bool = False
    """True if the answer broke off and this is what had arrived."""
    finish_reason: FinishReason = "stop"
    """Why it ended."""
    usage: Usage = field(default_factory=Usage)
    """Tokens of the turn."""
    timings: Timings = field(default_factory=Timings)
    """Measurements of the turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """Something one can vote for."""

    label: str
    """Short label used on ballots, such as `A`."""
    text: str
    """What a vote for it means."""
    author: str = ""
    """Seat whose statement this is, or empty if it was given from outside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """The question and everything said so far. Immutable: `said` returns a new one."""

    question: str
    """What the circle deliberates on."""
    context: str = ""
    """Background that every seat reads, or empty."""
    options: tuple[Option, ...] = ()
    """The options given with the question, or none."""
    statements: tuple[Statement, ...] = ()
    """What was said, oldest first."""
    digests: Mapping[int, str] | None = None
    """Texts that replace rounds which no longer fit, by round index."""

    def said(self, *statements: Statement) -> "Transcript":
        """Return this transcript with `statements` at its end."""
        return replace(self, statements=(*self.statements, *statements))


def given_options(texts: tuple[str, ...] | list[str]) -> tuple[Option, ...]:
    """Label option texts A, B, C and so on."""
    return tuple(Option(label=OPTION_LABELS[index], text=text) for index, text in enumerate(texts))


TurnOutcome = Literal["statement", "pass", "partial", "failure"]
"""How a turn ended."""
