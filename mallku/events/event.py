"""What every event carries.

Events are plain values. Constructors read no clock and no surroundings: whoever makes an event gives it its place and time.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar


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
