"""Bidding: before each turn everybody says how much it wants to speak; the highest bid gets the floor, and silence is allowed."""

from mallku.firecircle.turn_orders.floor import Floor, RoundOver, Speak, Step
from mallku.firecircle.turn_orders.forms import ask_for_bids
from mallku.firecircle.turn_orders.limits import within_limits


def bidding(floor: Floor) -> Step:
    """Ask everybody but the last speaker, then give the floor to the highest bid; equal bids go to the fewest turns, then words.

    The round is over when its turns are used up or nobody wants to speak.
    """
    able = within_limits(floor)
    if floor.turns_left <= 0 or not able:
        return RoundOver(why="the turns of the round are used up" if able else "every seat has used its share of the floor")
    last = floor.turns[-1].seat if floor.turns else ""
    bidders = tuple(seat for seat in able if seat != last) or able
    bids = {answer.seat: answer.bid for answer in floor.answers_now() if answer.kind == "bid"}
    unasked = tuple(seat for seat in bidders if seat not in bids)
    if unasked:
        return ask_for_bids(unasked)
    highest = max(bids[seat] for seat in bidders)
    if not highest:
        return RoundOver(why="nobody wants to speak")
    equal = tuple(seat for seat in bidders if bids[seat] == highest)
    chosen = min(floor.drawn(equal, f"bids after {len(floor.turns)}"), key=lambda seat: (floor.turns_of(seat), floor.words_of(seat)))
    return Speak(seats=(chosen,), why=f"bid {highest}")
