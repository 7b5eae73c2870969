"""Every kind of event, in one tagged union.

*Recorded* events are facts of a deliberation: they go into the journal before anything acts on them, and a deliberation's state is
folded from them alone. *Passing* events (token deltas, progress, a subscriber's failure) are only carried by the bus.

Events are plain values. Constructors read no clock and no surroundings: whoever makes an event gives it its place and time.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal, get_args

from mallku.dialogue.participant import Location
from mallku.dialogue.response import Channel, FinishReason, Timings, Usage
from mallku.dialogue.score import Score
from mallku.dialogue.transcript import Option
from mallku.dialogue.verdict import Ballot, SpoiledBallot, Tally, Verdict

BallotStage = str
"""Which ballot: `before` (private, before any exchange), `poll-N` (private, after round N), `control` (the isolated re-ask), `selection`
(which proposal is put to a consensus) or `final` (the deciding one)."""

EndStatus = Literal["complete", "degraded", "failed", "stopped"]
"""Whether a deliberation ran as planned, lost seats or turns on the way, could not finish, or was stopped by a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatFacts:
    """A seat as it was when the circle convened."""

    name: str
    """Name of the seat."""
    role: str = ""
    """Role of its persona."""
    persona: str = ""
    """Instructions of its persona."""
    weight: float = 1.0
    """Weight of its ballot."""
    score_weight: float = 1.0
    """Weight of its pattern scores in the circle's aggregate."""
    track_reciprocity: bool = True
    """Whether its statements are scored for reciprocity."""
    spec: str = ""
    """How to seat the same participant again; never a key."""
    model: str = ""
    """Model id or file name."""
    server: str = ""
    """Kind of server, or empty in process."""
    location: Location = "in-process"
    """Where its words are made."""
    address: str = ""
    """The address really dialled, or empty in process."""
    weights: str = ""
    """Equal for two seats exactly when they share weights, as far as known."""
    context_window: int | None = None
    """Tokens it can hold, or None if unknown."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Generation settings of this seat that differ from the circle's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What every event carries."""

    recorded: ClassVar[bool] = True
    """Whether the journal keeps events of this kind."""

    deliberation: str
    """Id of the deliberation."""
    seq: int
    """Place among the recorded events of the deliberation, from 1. A passing event has that of the last recorded one before it."""
    at: datetime
    """When it happened, in UTC."""
    caused_by: str = ""
    """Id of the event that led to this one, or empty."""

    @property
    def id(self) -> str:
        """Id of the event: deliberation and sequence number; a passing event has that of the last recorded one with `~` behind it."""
        return f"{self.deliberation}:{self.seq}" if self.recorded else f"{self.deliberation}:{self.seq}~"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliberationConvened(Event):
    """A circle was convened; everything needed to run its plan again stands here."""

    kind: Literal["deliberation_convened"] = "deliberation_convened"
    question: str
    """What the circle deliberates on."""
    context: str = ""
    """Background for all seats."""
    options: tuple[Option, ...] = ()
    """Options given with the question."""
    seats: tuple[SeatFacts, ...]
    """Who sits in the circle."""
    plan: Mapping[str, Any]
    """The plan of rounds and the decision rule, as plain data."""
    seed: int
    """Seed from which all orders, shuffles, ties and samplers are derived."""
    version: str = ""
    """Version of mallku."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliberationResumed(Event):
    """A deliberation that had broken off went on in a new process."""

    kind: Literal["deliberation_resumed"] = "deliberation_resumed"
    open_turns: tuple[str, ...] = ()
    """Turns that were open when it broke off; they are asked again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatWarned(Event):
    """Something a reader of the minutes should know about one seat or all."""

    kind: Literal["seat_warned"] = "seat_warned"
    seat: str = ""
    """The seat, or empty if it concerns the circle."""
    warning: str
    """What it is, in a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundOpened(Event):
    """A round began."""

    kind: Literal["round_opened"] = "round_opened"
    round_index: int
    """Index of the round, from 0."""
    round_kind: str
    """Kind of the round."""
    title: str
    """Title shown to people and participants."""
    instruction: str
    """What the seats are asked."""
    order: tuple[str, ...]
    """Seats in the order in which they are asked."""
    simultaneous: bool
    """Whether all are asked at once."""
    rounds_planned: int
    """How many rounds the plan has."""
    masks: Mapping[str, str] = field(default_factory=dict)
    """Masks shown instead of names in this round, by seat; empty if names are shown."""
    readings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """For each seat the order in which it reads the turns of the round before; empty if all read them as they were said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundClosed(Event):
    """A round ended."""

    kind: Literal["round_closed"] = "round_closed"
    round_index: int
    """Index of the round."""
    reason: str = ""
    """Why it ended there: everyone has had a turn, its turns are used up, nobody wants to speak …"""


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
class TranscriptCondensed(Event):
    """A round's statements no longer fit and are replaced by a digest in all later prompts."""

    kind: Literal["transcript_condensed"] = "transcript_condensed"
    round_index: int
    """The round that is replaced."""
    digest: str
    """What stands in its place."""
    tokens: int
    """Tokens the prompt would have taken."""
    window: int
    """Tokens the smallest seat can hold."""


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
class TurnDelta(Event):
    """A piece of an answer arrived."""

    recorded: ClassVar[bool] = False
    kind: Literal["turn_delta"] = "turn_delta"
    turn: str
    """Id of the turn."""
    seat: str
    """Seat that speaks."""
    channel: Channel
    """Public text or private reasoning."""
    text: str
    """The new characters."""


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
class SeatSubstituted(Event):
    """Another participant took a seat whose own had failed."""

    kind: Literal["seat_substituted"] = "seat_substituted"
    seat: str
    """The seat."""
    model: str
    """Model that sits there from now on."""
    spec: str = ""
    """How to seat the same substitute again."""
    location: Location = "in-process"
    """Where its words are made."""
    reason: str = ""
    """Why the first participant left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatLost(Event):
    """A seat takes no further part."""

    kind: Literal["seat_lost"] = "seat_lost"
    seat: str
    """The seat."""
    reason: str
    """Why."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvenerRemarked(Event):
    """The person who convened the circle added a remark that all seats read."""

    kind: Literal["convener_remarked"] = "convener_remarked"
    turn: str
    """Id of the remark."""
    round_index: int
    """Round in which it was made."""
    text: str
    """The remark."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftNoticed(Event):
    """The statements of a round have left the question."""

    kind: Literal["drift_noticed"] = "drift_noticed"
    round_index: int
    """The round."""
    figure: float
    """Share of the round's statements that take up none of the question's content words, 0..1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundsEnded(Event):
    """A condition of the plan ended the rounds before all were held; what is left is the decision."""

    kind: Literal["rounds_ended"] = "rounds_ended"
    reason: str
    """The reason in a word: agreement, stability, impasse, budget …"""
    detail: str
    """The figures behind it, in a sentence."""
    in_round: int | None = None
    """Index of the round that was broken off by it; None if it came between rounds."""
    unheard: tuple[str, ...] = ()
    """Seats that had not had a turn in that round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuorumMissed(Event):
    """Fewer seats took part in a round than its quorum asks for."""

    kind: Literal["quorum_missed"] = "quorum_missed"
    round_index: int
    """Index of the round."""
    took_part: tuple[str, ...]
    """Seats that spoke in it or passed."""
    seats: tuple[str, ...]
    """Seats of the round, lost ones included."""
    needed: int
    """How many had to take part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliberationInterrupted(Event):
    """A person or the surroundings stopped the run; it can be resumed."""

    kind: Literal["deliberation_interrupted"] = "deliberation_interrupted"
    reason: str
    """Why it stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliberationEnded(Event):
    """The deliberation is over."""

    kind: Literal["deliberation_ended"] = "deliberation_ended"
    status: EndStatus
    """How it ended."""
    reason: str
    """Why it ended there: plan done, agreement, impasse, budget …"""
    remarks: tuple[str, ...] = ()
    """What a reader must know to trust the result rightly: seats lost, partial turns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriberFailed(Event):
    """A subscriber of the bus raised an error, or could not keep up; the others were not affected."""

    recorded: ClassVar[bool] = False
    kind: Literal["subscriber_failed"] = "subscriber_failed"
    subscriber: str
    """Name of the subscriber."""
    event_kind: str
    """Kind of the event it was handling."""
    error: str
    """What went wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelLoading(Event):
    """A model is being loaded."""

    recorded: ClassVar[bool] = False
    kind: Literal["model_loading"] = "model_loading"
    model: str
    """The model."""
    progress: float
    """Share loaded, 0..1."""


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
