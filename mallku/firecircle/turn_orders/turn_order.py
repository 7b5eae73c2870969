"""A turn order: who speaks next, given what has happened in the round."""

from collections.abc import Callable
from dataclasses import dataclass

from mallku.firecircle.turn_orders.floor import Floor, Step

NextStep = Callable[[Floor], Step]
"""Says what comes next.

It is pure: the same floor gives the same step, so that a round goes on where its record breaks off. Asked seats' answers are added to
`Floor.answers`, turns that ended in any way to `Floor.turns`; a seat that has left is no longer in `Floor.seats`. Every sequence of steps
ends in `RoundOver`, whatever the answers are.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnOrder:
    """A declared way to give the floor."""

    name: str
    """The whole order as `turn_order` reads it, such as `facilitator(Ada)`."""
    next_step: NextStep
    """What comes next."""
    names_seats: bool = False
    """Whether participants name each other; then names must be shown, not masks."""
    fixed: bool = True
    """Whether the order is known when the round opens."""
