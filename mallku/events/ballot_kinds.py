"""Ballots: what was voted on, how each seat voted, what it came to, and who changed position or dissents."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from mallku.dialogue.response import Timings, Usage
from mallku.dialogue.transcript import Option
from mallku.dialogue.verdict import Ballot, SpoiledBallot, Tally, Verdict
from mallku.events.event import Event

BallotStage = str
"""Which ballot: `before` (private, before any exchange), `poll-N` (private, after round N), `control` (the isolated re-ask), `selection`
(which proposal is put to a consensus) or `final` (the deciding one)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BallotOpened(Event):
    """A ballot began."""

    kind: Literal["ballot_opened"] = "ballot_opened"
    stage: BallotStage
    """Which ballot."""
    ballot_kind: str
    """What voters fill in."""
    options: tuple[Option, ...]
    """What they choose between."""
    rule: str
    """Rule under which it will be counted."""
    readings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """For each seat the order of labels in which it reads the options."""
    relabelled: bool = False
    """Whether each reader sees its options labelled A, B, C in its own order; recorded ballots always carry the real labels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BallotCast(Event):
    """A seat cast a valid ballot."""

    kind: Literal["ballot_cast"] = "ballot_cast"
    turn: str
    """Id of the voter's turn."""
    stage: BallotStage
    """Which ballot."""
    ballot: Ballot
    """The ballot."""
    reasoning: str = ""
    """Private reasoning of the voter."""
    repaired: bool = False
    """Whether the voter was asked a second time because its first answer could not be read."""
    usage: Usage = field(default_factory=Usage)
    """Tokens."""
    timings: Timings = field(default_factory=Timings)
    """Measurements."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BallotSpoiled(Event):
    """A seat's answer could not be read as a ballot, or it gave none."""

    kind: Literal["ballot_spoiled"] = "ballot_spoiled"
    turn: str
    """Id of the voter's turn."""
    stage: BallotStage
    """Which ballot."""
    spoiled: SpoiledBallot
    """What came instead, and why it cannot be counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BallotCounted(Event):
    """A ballot was counted."""

    kind: Literal["ballot_counted"] = "ballot_counted"
    stage: BallotStage
    """Which ballot."""
    verdict: Verdict
    """The outcome under the declared rule."""
    recounts: tuple[Tally, ...] = ()
    """The same ballots under every other rule that fits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionChanged(Event):
    """A seat's ballot after the exchange differs from the one before."""

    kind: Literal["position_changed"] = "position_changed"
    seat: str
    """The seat."""
    before: str
    """What it had chosen."""
    after: str
    """What it chose in the end."""
    cause: str
    """Kind of the change, such as `after a reasoned argument`."""
    turns: tuple[str, ...] = ()
    """Turns that bear on it."""
    explanation: str = ""
    """The finding in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerKept(Event):
    """The last ballot was held against the one before the exchange; every change of position has its own event."""

    kind: Literal["ledger_kept"] = "ledger_kept"
    baseline: BallotStage = ""
    """The ballot before, or empty where none can be compared."""
    compared: BallotStage = ""
    """The last ballot among the same options, or empty where none was held."""
    held: tuple[str, ...] = ()
    """Seats that stand where they stood."""
    unjudged: Mapping[str, str] = field(default_factory=dict)
    """Seats of which it cannot be said, with the reason."""
    reason: str = ""
    """Why no change can be judged at all, or empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DissentRecorded(Event):
    """A seat that did not support the outcome said why, in its own words."""

    kind: Literal["dissent_recorded"] = "dissent_recorded"
    turn: str
    """Id of the turn."""
    seat: str
    """The seat."""
    text: str
    """Its words."""
    reasoning: str = ""
    """Private reasoning."""
    usage: Usage = field(default_factory=Usage)
    """Tokens."""
    timings: Timings = field(default_factory=Timings)
    """Measurements."""
