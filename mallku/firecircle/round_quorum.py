"""The quorum of a round: how many of its seats must take part, and whether they still can."""

from dataclasses import dataclass
from typing import Any

from mallku.events import kinds
from mallku.firecircle.decisions.quorum import ballots_needed
from mallku.firecircle.plan import RoundPlan
from mallku.firecircle.state import DeliberationState

TAKES_PART = frozenset({"statement", "partial", "pass"})
"""Outcomes of a turn by which a seat takes part in a round: it spoke, or it was there and passed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attendance:
    """Who takes part in a round, held against its quorum."""

    round_index: int
    """Index of the round."""
    seats: tuple[str, ...]
    """Seats of the round, lost ones included."""
    took_part: tuple[str, ...]
    """Seats that have spoken in it or passed."""
    may_yet: tuple[str, ...]
    """Seats that have not, and have not left the circle."""
    needed: int
    """How many must take part."""

    @property
    def reached(self) -> bool:
        """Whether enough seats have taken part."""
        return len(self.took_part) >= self.needed

    @property
    def out_of_reach(self) -> bool:
        """Whether too many seats have left for it ever to be reached."""
        return len(self.took_part) + len(self.may_yet) < self.needed

    def missed(self) -> tuple[type[Any], dict[str, Any]]:
        """Return the fact that the round lacks its quorum."""
        return kinds.QuorumMissed, {
            "round_index": self.round_index,
            "took_part": self.took_part,
            "seats": self.seats,
            "needed": self.needed,
        }


def attendance(state: DeliberationState, index: int, plan: RoundPlan) -> Attendance:
    """Return who takes part in the round."""
    seats = tuple(name for name in state.seats if not plan.seats or name in plan.seats)
    here = {taken.seat for taken in state.floor.get(index, {}).values() if taken.outcome in TAKES_PART}
    return Attendance(
        round_index=index,
        seats=seats,
        took_part=tuple(name for name in seats if name in here),
        may_yet=tuple(name for name in seats if name not in here and name not in state.lost),
        needed=ballots_needed(float(plan.quorum), len(seats)),
    )


def in_words(missed: kinds.QuorumMissed, title: str) -> str:
    """Say by how much a round missed its quorum."""
    there = ", ".join(missed.took_part) or "nobody"
    return (
        f"Round {missed.round_index + 1} ({title}) lacked its quorum: {len(missed.took_part)} of {len(missed.seats)} seats took part "
        f"({there}), {missed.needed} were needed."
    )
