"""The veil: a person who has yet to speak or vote at the same time as others does not see their words before."""

from collections.abc import Iterator
from contextlib import contextmanager

from mallku.console.view import View
from mallku.events import kinds
from mallku.events.kinds import AnyEvent


class Veil:
    """Stands between the bus and a view, and hands on each event as soon as the people at this terminal may see it."""

    def __init__(self, view: View) -> None:
        """Hand on events to `view`."""
        self._view = view
        self._people: set[str] = set()
        self._awaited: set[str] = set()
        self._waiting: list[AnyEvent] = []
        self._form_is_open = False

    def __call__(self, event: AnyEvent) -> None:
        """Hand on the event now or later; the order stays."""
        was_drawn = bool(self._awaited)
        self._take(event)
        if was_drawn or self._form_is_open:
            self._waiting.append(event)
            self._lift()
        else:
            self._view(event)

    @contextmanager
    def form(self) -> Iterator[None]:
        """Leave the terminal to a form: the view is closed and what happens meanwhile is shown afterwards."""
        self._form_is_open = True
        self._view.close()
        try:
            yield
        finally:
            self._form_is_open = False
            self._view.open()
            self._lift()

    def _lift(self) -> None:
        if self._awaited or self._form_is_open:
            return
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            self._view(event)

    def _take(self, event: AnyEvent) -> None:
        match event:
            case kinds.DeliberationConvened():
                self._people = {seat.name for seat in event.seats if seat.location == "person"}
            case kinds.RoundOpened():
                self._awaited = self._people & set(event.order) if event.simultaneous else set()
            case kinds.BallotOpened():
                self._awaited = self._people & set(event.readings)
            case kinds.StatementMade() | kinds.TurnPassed() | kinds.SeatLost():
                self._awaited.discard(event.seat)
            case kinds.TurnFailed() if not event.will_retry:
                self._awaited.discard(event.seat)
            case kinds.BallotCast():
                self._awaited.discard(event.ballot.seat)
            case kinds.BallotSpoiled():
                self._awaited.discard(event.spoiled.seat)
            case kinds.DeliberationEnded() | kinds.DeliberationInterrupted():
                self._awaited.clear()
            case _:
                pass
