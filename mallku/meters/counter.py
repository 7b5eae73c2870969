"""The seam of an energy counter: something that tells how many joules a part of this machine has used."""

from dataclasses import dataclass
from typing import Literal, Protocol

Source = Literal["rapl", "nvml"]
"""Which counter."""


class Counter(Protocol):
    """A counter of energy.

    `joules` is quick, and never falls: wrap-around is the counter's business. From the first reading on that cannot be trusted it
    returns None, for good; a counter that has lost its place has no way to find it again.
    """

    @property
    def source(self) -> Source:
        """Which counter this is."""
        ...

    @property
    def name(self) -> str:
        """What it measures, in words."""
        ...

    def joules(self) -> float | None:
        """Return the joules since the counter was opened, or None if they are not known any more."""
        ...

    def uncertainty(self, seconds: float) -> float:
        """Return the relative uncertainty of a difference of two readings that lie `seconds` apart."""
        ...

    def close(self) -> None:
        """Let go of what it holds open."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """A counter that cannot be read here."""

    source: Source
    """Which counter."""
    reason: str
    """Why it cannot be read."""
    remedy: str = ""
    """How it can be made readable, or empty."""
