"""Turns: who was asked, and what came of it."""

from dataclasses import dataclass, field
from typing import Literal

from mallku.dialogue.response import FinishReason, Timings, Usage
from mallku.dialogue.score import Score
from mallku.events.event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorAnswered(Event):
    """A seat was asked about the floor: whom it names as the next speaker, or how much it wants to speak itself."""

    kind: Literal["floor_answered"] = "floor_answered"
    turn: str
    """Id of the turn in which it was asked."""
    seat: str
    """Who answered."""
    round_index: int
    """Index of the round."""
    after: int
    """Turns taken in the round when it was asked."""
    asked: Literal["naming", "bid"]
    """Whether it was to name the next speaker or to bid for the floor."""
    named: str = ""
    """For `naming`: the seat named, or empty to close the round."""
    bid: int = 0
    """For `bid`: how much it wants to speak; 0 is silence."""
    reason: str = ""
    """Its reason in its own words."""
    fault: str = ""
    """What was wrong with an answer that could not be read; such an answer names nobody and bids 0."""
    usage: Usage = field(default_factory=Usage)
    """Tokens."""
    timings: Timings = field(default_factory=Timings)
    """Measurements."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnOpened(Event):
    """A participant was asked to speak."""

    kind: Literal["turn_opened"] = "turn_opened"
    turn: str
    """Id of the turn."""
    seat: str
    """Seat that is asked."""
    round_index: int
    """Index of the round."""
    attempt: int = 1
    """Which attempt this is, from 1."""
    seed: int = 0
    """Seed of the sampler for this turn."""
    prompt_sha256: str = ""
    """SHA-256 of the whole prompt as UTF-8, so that it can be checked without keeping it."""
    prompt_chars: int = 0
    """Length of the prompt in characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementMade(Event):
    """A turn ended with a statement."""

    kind: Literal["statement_made"] = "statement_made"
    turn: str
    """Id of the turn."""
    seat: str
    """Seat that spoke."""
    round_index: int
    """Index of the round."""
    round_kind: str
    """Kind of the round."""
    text: str
    """The public text."""
    reasoning: str = ""
    """Private reasoning; kept here, never shown to peers."""
    partial: bool = False
    """True if the answer broke off and this is what had arrived."""
    trimmed: str = ""
    """Text that was cut off because it spoke for another seat; kept here, not part of the statement."""
    as_written: str = ""
    """The answer as it came, where names were put back for the masks in it; empty where nothing was changed."""
    finish_reason: FinishReason = "stop"
    """Why the answer ended."""
    model: str = ""
    """Model that answered, by its own word."""
    usage: Usage = field(default_factory=Usage)
    """Tokens."""
    timings: Timings = field(default_factory=Timings)
    """Measurements."""
    notes: tuple[str, ...] = ()
    """Remarks of the participant, such as suspected truncation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnPassed(Event):
    """A participant chose not to speak."""

    kind: Literal["turn_passed"] = "turn_passed"
    turn: str
    """Id of the turn."""
    seat: str
    """Seat that passed."""
    round_index: int
    """Index of the round."""
    reason: str = ""
    """Its reason, if it gave one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnFailed(Event):
    """An attempt to get a statement or a ballot failed."""

    kind: Literal["turn_failed"] = "turn_failed"
    turn: str
    """Id of the turn."""
    seat: str
    """Seat that was asked."""
    round_index: int
    """Index of the round."""
    attempt: int
    """Which attempt failed, from 1."""
    error: str
    """Class of the error."""
    message: str
    """What happened and what to do, without any key."""
    partial_text: str = ""
    """Public text that had arrived."""
    will_retry: bool = False
    """Whether the same seat is asked again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnScored(Event):
    """The detectors judged a statement."""

    kind: Literal["turn_scored"] = "turn_scored"
    turn: str
    """Id of the turn."""
    seat: str
    """Seat that spoke."""
    scores: tuple[Score, ...]
    """One per dimension."""
    judge: str = ""
    """Why a judge was asked as well, and what came of it; empty if none was."""
    usage: Usage = field(default_factory=Usage)
    """Tokens of the judge."""
    timings: Timings = field(default_factory=Timings)
    """Seconds and resources of the judge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryWritten(Event):
    """A seat summed the deliberation up for people who were not there."""

    kind: Literal["summary_written"] = "summary_written"
    turn: str
    """Id of the turn."""
    seat: str
    """Who wrote it."""
    text: str
    """The summary."""
    model: str = ""
    """Model that wrote it, by its own word."""
    quotations: int = 0
    """How many quotations it has."""
    invented: tuple[str, ...] = ()
    """Quotations that nobody said."""
    reasoning: str = ""
    """Private reasoning."""
    usage: Usage = field(default_factory=Usage)
    """Tokens."""
    timings: Timings = field(default_factory=Timings)
    """Measurements."""
