"""Who sat in the circle, and where their words went."""

from collections.abc import Sequence
from typing import Final

from mallku.dialogue.participant import Location
from mallku.events import kinds
from mallku.events.kinds import AnyEvent, SeatFacts
from mallku.firecircle.minutes.values import Claim, SeatMinutes
from mallku.firecircle.state import DeliberationState
from mallku.firecircle.words import count_words

PLACES: Final[dict[Location, str]] = {
    "in-process": "in the program itself",
    "loopback": "on this machine",
    "private": "on the local network",
    "public": "outside the local network",
    "person": "by a person",
}
"""Where words are made, in words."""


def seats_of(events: Sequence[AnyEvent], state: DeliberationState) -> tuple[SeatMinutes, ...]:
    """Return the seats in the order in which they were convened."""
    seats = state.convened.seats if state.convened else ()
    return tuple(_seat(seat, seats, events, state) for seat in seats)


def _seat(seat: SeatFacts, seats: Sequence[SeatFacts], events: Sequence[AnyEvent], state: DeliberationState) -> SeatMinutes:
    said = [event for event in events if isinstance(event, kinds.StatementMade) and event.seat == seat.name]
    changes = [event for event in events if isinstance(event, kinds.SeatSubstituted) and event.seat == seat.name]
    return SeatMinutes(
        name=seat.name,
        role=seat.role,
        model=seat.model,
        server=seat.server,
        location=seat.location,
        address=seat.address,
        weight=seat.weight,
        shares_weights_with=tuple(other.name for other in seats if other is not seat and seat.weights and other.weights == seat.weights),
        answered_as=tuple(dict.fromkeys(event.model for event in said if event.model and event.model != seat.model)),
        substitutes=tuple(Claim(text=f"{change.model} took over ({PLACES[change.location]}): {change.reason}") for change in changes),
        lost=state.lost.get(seat.name, ""),
        statements=len(said),
        words=sum(count_words(event.text) for event in said),
    )


def locality_of(events: Sequence[AnyEvent], state: DeliberationState) -> Claim:
    """Sum up where the words went: every seat reads every statement, so the seat farthest away decides."""
    seats = state.convened.seats if state.convened else ()
    where: dict[Location, list[str]] = {}
    for seat in seats:
        where.setdefault(seat.location, []).append(seat.name)
    for event in events:
        if isinstance(event, kinds.SeatSubstituted):
            where.setdefault(event.location, []).append(f"{event.seat} (substitute)")
    addresses = {seat.name: seat.address for seat in seats if seat.address}
    if "public" in where:
        told = ", ".join(f"{name} ({addresses[name]})" if name in addresses else name for name in where["public"])
        return Claim(text=f"Statements left the local network: they were read and answered outside it by {told}.")
    if "private" in where:
        return Claim(text=f"No statement left the local network. Read on other machines in it by: {', '.join(where['private'])}.")
    return Claim(text="No statement left this machine.")
