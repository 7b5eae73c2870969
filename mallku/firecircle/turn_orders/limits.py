"""Speaking shares: measured for the report, limited for fairness."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mallku.dialogue.transcript import Statement
from mallku.errors import ConfigurationError
from mallku.firecircle.turn_orders.floor import Floor, Limits
from mallku.firecircle.words import count_words


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakingShare:
    """How much of a deliberation one seat spoke."""

    seat: str
    """The seat."""
    turns: int
    """Statements made."""
    words: int
    """Words said."""
    share: float
    """Share of all words said, 0..1; 0 where nobody said any."""


def speaking_shares(statements: Iterable[Statement], seats: Sequence[str]) -> tuple[SpeakingShare, ...]:
    """Measure every seat's share of the words, in the order of the circle."""
    said = list(statements)
    words = {seat: sum(count_words(statement.text) for statement in said if statement.seat == seat) for seat in seats}
    everything = sum(words.values())
    return tuple(
        SpeakingShare(
            seat=seat,
            turns=sum(statement.seat == seat for statement in said),
            words=words[seat],
            share=words[seat] / everything if everything else 0.0,
        )
        for seat in seats
    )


def check_limits(limits: Limits) -> None:
    """Refuse limits that make no sense."""
    if limits.turns is not None and limits.turns < 1:
        raise ConfigurationError(f"A seat may take {limits.turns!r} turns in a round.", hint="Give at least 1.")
    if limits.share is not None and not 0.0 < limits.share <= 1.0:
        raise ConfigurationError(f"A seat may take {limits.share!r} of all words.", hint="Give a share above 0 and at most 1.")


def within_limits(floor: Floor) -> tuple[str, ...]:
    """Return the seats that may still speak, in the order of the circle."""
    check_limits(floor.limits)
    return tuple(seat for seat in floor.seats if _may_speak(floor, seat))


def _may_speak(floor: Floor, seat: str) -> bool:
    limits = floor.limits
    if limits.turns is not None and floor.turns_of(seat) >= limits.turns:
        return False
    if limits.share is None:
        return True
    words = {other: floor.words_of(other) for other in floor.seats}
    everything = sum(words.values())
    if not everything or not all(words.values()):
        return True
    return words[seat] / everything <= max(limits.share, 1 / len(floor.seats))
