"""The recorder: a fact is written into the journal, folded into the state and told on the bus, in this order."""

import asyncio
from collections.abc import Sequence
from typing import Any

from mallku.events.bus import EventBus
from mallku.events.codec import now
from mallku.events.kinds import EVENT_KINDS, AnyEvent
from mallku.firecircle.state import DeliberationState
from mallku.journal import Journal

_TURN_ENDS = frozenset(
    EVENT_KINDS[kind]
    for kind in ("statement_made", "ballot_cast", "ballot_spoiled", "dissent_recorded", "deliberation_convened", "deliberation_ended")
)


class Recorder:
    """Makes the events of one deliberation. Safe to use from many tasks of one event loop."""

    def __init__(self, deliberation: str, journal: Journal, bus: EventBus, state: DeliberationState) -> None:
        self.deliberation = deliberation
        """Id of the deliberation."""
        self.state = state
        """The fold of everything recorded so far."""
        self._journal = journal
        self._bus = bus
        self._turnstile = asyncio.Lock()

    async def record(self, kind: type[Any], *, caused_by: str = "", **fields: Any) -> str:
        """Record one fact and return the id of its event; it is durable before anything acts on it."""
        return await self.record_all([(kind, fields)], caused_by=caused_by)

    async def record_all(self, facts: Sequence[tuple[type[Any], dict[str, Any]]], *, caused_by: str = "") -> str:
        """Record facts that belong together: all or none of them are kept. Returns the id of the last event."""
        async with self._turnstile:
            cause = caused_by or self.state.last_id
            events: list[AnyEvent] = []
            for offset, (kind, fields) in enumerate(facts, start=1):
                seq = self.state.seq + offset
                events.append(kind(deliberation=self.deliberation, seq=seq, at=now(), caused_by=cause, **fields))
                cause = events[-1].id
            # A turn's end is fsynced; an opening that a power failure takes away is simply asked again.
            try:
                await self._journal.append(events, durable=any(type(event) in _TURN_ENDS for event in events))
            except asyncio.CancelledError:
                # The journal carries an append out even if its caller is cancelled: what it holds must be in the state too.
                self._tell(events)
                raise
            self._tell(events)
            return events[-1].id

    def _tell(self, events: Sequence[AnyEvent]) -> None:
        for event in events:
            self.state.apply(event)
            self._bus.publish(event)

    def pass_on(self, kind: type[Any], **fields: Any) -> None:
        """Tell something on the bus that the journal does not keep."""
        self._bus.publish(kind(deliberation=self.deliberation, seq=self.state.seq, at=now(), caused_by=self.state.last_id, **fields))
