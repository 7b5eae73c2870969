"""Orders in which a participant names the next speaker: a facilitator, or whoever holds the talking stick."""

from typing import Final

from mallku.firecircle.turn_orders.floor import Floor, RoundOver, Speak, Step
from mallku.firecircle.turn_orders.forms import ask_for_name
from mallku.firecircle.turn_orders.limits import within_limits
from mallku.firecircle.turn_orders.turn_order import NextStep

_MOST_AHEAD: Final = 1


def talking_stick(floor: Floor) -> Step:
    """Let the holder speak and then name the next; the first holder is drawn.

    The fairness guard: nobody may be named who would come to be more than one turn ahead of the least heard seat, or the holder itself; and
    when only as many turns are left as there are seats without one, only those may be named. Where the holder names nobody that may be
    named, the stick goes to the seat with the fewest turns, then words.
    """
    if not floor.turns:
        names = may_be_named(floor, ())
        return Speak(seats=floor.drawn(names, "stick")[:1], why="drawn as the first holder") if names else _over(floor)
    holder = floor.turns[-1].seat
    return _after_naming(floor, asked=holder, barred=(holder,), may_close=False)


def facilitated_by(facilitator: str) -> NextStep:
    """Return the order in which one seat, named beforehand, gives the floor and may close the round.

    It may give the floor to itself like to any other. The round can be closed once everybody has had a turn. The fairness guard is that of
    the talking stick. If the facilitator has left, the floor goes to the least heard.
    """

    def next_step(floor: Floor) -> Step:
        last = floor.turns[-1:]
        return _after_naming(floor, asked=facilitator, barred=tuple(taken.seat for taken in last), may_close=True)

    return next_step


def _after_naming(floor: Floor, *, asked: str, barred: tuple[str, ...], may_close: bool) -> Step:
    names = may_be_named(floor, barred)
    if not names:
        return _over(floor)
    may_close = may_close and all(floor.turns_of(seat) for seat in floor.seats)
    answer = next((answer for answer in floor.answers_now() if answer.kind == "naming" and answer.seat == asked), None)
    if len(names) == 1 and not may_close:
        return Speak(seats=names, why="the only one the fairness guard allows")
    if answer is None and asked in floor.seats:
        return ask_for_name(asked, names, may_close=may_close)
    if answer is not None and answer.named in names:
        return Speak(seats=(answer.named,), why=f"named by {asked}")
    if answer is not None and may_close and not answer.named and not answer.fault:
        return RoundOver(why=f"closed by {asked}")
    next_up = min(floor.drawn(names, "fallback"), key=lambda seat: (floor.turns_of(seat), floor.words_of(seat)))
    return Speak(seats=(next_up,), why=f"the least heard, since {asked} named nobody who may be named")


def may_be_named(floor: Floor, barred: tuple[str, ...]) -> tuple[str, ...]:
    """Return the seats the fairness guard allows; none when the round is out of turns or of seats."""
    able = within_limits(floor)
    if floor.turns_left <= 0 or not able:
        return ()
    others = tuple(seat for seat in able if seat not in barred) or able
    unheard = tuple(seat for seat in others if not floor.turns_of(seat))
    if unheard and floor.turns_left <= len(unheard):
        return unheard
    fewest = min(floor.turns_of(seat) for seat in able)
    return tuple(seat for seat in others if floor.turns_of(seat) + 1 - fewest <= _MOST_AHEAD) or others


def _over(floor: Floor) -> RoundOver:
    if floor.turns_left <= 0:
        return RoundOver(why="the turns of the round are used up")
    return RoundOver(why="every seat has used its share of the floor")
