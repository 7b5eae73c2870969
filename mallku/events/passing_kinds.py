"""Passing events: only the bus carries them, and no result rests on them."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from mallku.dialogue.response import Channel
from mallku.events.event import Event


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
