"""Simultaneous: all seats speak at once, blind to each other."""

from mallku.firecircle.turn_orders.floor import Floor, RoundOver, Speak, Step
from mallku.firecircle.turn_orders.limits import within_limits


def simultaneous(floor: Floor) -> Step:
    """Let everybody who has not had a turn speak at the same time."""
    waiting = tuple(seat for seat in within_limits(floor) if not floor.turns_of(seat))
    return Speak(seats=waiting) if waiting else RoundOver(why="everyone has had a turn")
