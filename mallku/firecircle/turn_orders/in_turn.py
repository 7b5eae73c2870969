"""Orders in which everybody speaks once, one after the other: round robin, seeded shuffle, least heard first."""

from collections.abc import Callable

from mallku.firecircle.turn_orders.floor import Floor, RoundOver, Speak, Step
from mallku.firecircle.turn_orders.limits import within_limits


def round_robin(floor: Floor) -> Step:
    """Go round the circle; each round starts one seat further on, so that nobody always speaks first."""
    start = floor.round_index % max(len(floor.seats), 1)
    return _next_of(floor, lambda _: floor.seats[start:] + floor.seats[:start])


def seeded_shuffle(floor: Floor) -> Step:
    """Go through the seats in an order drawn for this round."""
    return _next_of(floor, lambda waiting: floor.drawn(waiting, "order"))


def least_heard(floor: Floor) -> Step:
    """Let the seat speak that has said the fewest words in the whole deliberation; equals in an order drawn for this round."""
    return _next_of(floor, lambda waiting: tuple(sorted(floor.drawn(waiting, "order"), key=floor.words_of)))


def _next_of(floor: Floor, order: Callable[[tuple[str, ...]], tuple[str, ...]]) -> Step:
    """Take the first in order of those with the fewest turns; the round has as many laps as its turns allow."""
    able = within_limits(floor)
    if floor.turns_left <= 0 or not able:
        return RoundOver(why="the turns of the round are used up" if able else "every seat has used its share of the floor")
    fewest = min(floor.turns_of(seat) for seat in able)
    if fewest and floor.most_turns is None:
        return RoundOver(why="everyone has had a turn")
    waiting = tuple(seat for seat in able if floor.turns_of(seat) == fewest)
    return Speak(seats=(next(seat for seat in order(waiting) if seat in waiting),))
