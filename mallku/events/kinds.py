"""Every kind of event, in one tagged union.

*Recorded* events are facts of a deliberation: they go into the journal before anything acts on them, and a deliberation's state is
folded from them alone. *Passing* events (token deltas, progress, a subscriber's failure) are only carried by the bus.
"""

from collections.abc import Mapping
from typing import get_args

from mallku.events.ballot_kinds import (
    BallotCast,
    BallotCounted,
    BallotOpened,
    BallotSpoiled,
    BallotStage,
    DissentRecorded,
    LedgerKept,
    PositionChanged,
)
from mallku.events.course_kinds import (
    ConvenerRemarked,
    DeliberationConvened,
    DeliberationEnded,
    DeliberationInterrupted,
    DeliberationResumed,
    DriftNoticed,
    EndStatus,
    QuorumMissed,
    RoundClosed,
    RoundOpened,
    RoundsEnded,
    SeatFacts,
    SeatLost,
    SeatSubstituted,
    SeatWarned,
    TranscriptCondensed,
)
from mallku.events.event import Event
from mallku.events.passing_kinds import (
    ModelLoading,
    SubscriberFailed,
    TurnDelta,
)
from mallku.events.turn_kinds import (
    FloorAnswered,
    StatementMade,
    SummaryWritten,
    TurnFailed,
    TurnOpened,
    TurnPassed,
    TurnScored,
)

__all__ = [
    "EVENT_KINDS",
    "AnyEvent",
    "BallotCast",
    "BallotCounted",
    "BallotOpened",
    "BallotSpoiled",
    "BallotStage",
    "ConvenerRemarked",
    "DeliberationConvened",
    "DeliberationEnded",
    "DeliberationInterrupted",
    "DeliberationResumed",
    "DissentRecorded",
    "DriftNoticed",
    "EndStatus",
    "Event",
    "FloorAnswered",
    "LedgerKept",
    "ModelLoading",
    "PositionChanged",
    "QuorumMissed",
    "RoundClosed",
    "RoundOpened",
    "RoundsEnded",
    "SeatFacts",
    "SeatLost",
    "SeatSubstituted",
    "SeatWarned",
    "StatementMade",
    "SubscriberFailed",
    "SummaryWritten",
    "TranscriptCondensed",
    "TurnDelta",
    "TurnFailed",
    "TurnOpened",
    "TurnPassed",
    "TurnScored",
]

AnyEvent = (
    DeliberationConvened
    | DeliberationResumed
    | SeatWarned
    | RoundOpened
    | RoundClosed
    | FloorAnswered
    | TranscriptCondensed
    | TurnOpened
    | TurnDelta
    | StatementMade
    | TurnPassed
    | TurnFailed
    | SeatSubstituted
    | SeatLost
    | TurnScored
    | BallotOpened
    | BallotCast
    | BallotSpoiled
    | BallotCounted
    | PositionChanged
    | LedgerKept
    | DissentRecorded
    | SummaryWritten
    | ConvenerRemarked
    | DriftNoticed
    | RoundsEnded
    | QuorumMissed
    | DeliberationInterrupted
    | DeliberationEnded
    | SubscriberFailed
    | ModelLoading
)
"""Any event, told apart by `kind`."""

EVENT_KINDS: Mapping[str, type[Event]] = {cls.__dataclass_fields__["kind"].default: cls for cls in get_args(AnyEvent)}
"""Classes of event by `kind`."""
