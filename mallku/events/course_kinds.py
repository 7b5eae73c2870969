"""The course of a deliberation: who sits in it, which rounds are held, and how it ends."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from mallku.dialogue.participant import Location
from mallku.dialogue.transcript import Option
from mallku.events.event import Event

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
