"""The recorder: a fact is written into the journal, folded into the state and told on the bus, in this order.

Facts that come while the journal is writing wait and are then written together, so that seats which speak at once share a flush to disk.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mallku.errors import JournalError
from mallku.events.bus import EventBus
from mallku.events.codec import now
from mallku.events.kinds import EVENT_KINDS, AnyEvent
from mallku.firecircle.state import DeliberationState
from mallku.journal import Journal

_TURN_ENDS = frozenset(
    EVENT_KINDS[kind]
    for kind in ("statement_made", "ballot_cast", "ballot_spoiled", "dissent_recorded", "deliberation_convened", "deliberation_ended")
)

Fact = tuple[type[Any], dict[str, Any]]
"""Kind of an event, and what it says."""


@dataclass(slots=True, eq=False)
class _Group:
    """Facts that are written together or not at all, and what came of it."""

    facts: Sequence[Fact]
    caused_by: str
    at: datetime = field(default_factory=now)
    last_id: str = ""
    error: JournalError | None = None

    @property
    def settled(self) -> bool:
        return bool(self.last_id) or self.error is not None


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
        self._waiting: list[_Group] = []

    async def record(self, kind: type[Any], *, caused_by: str = "", **fields: Any) -> str:
        """Record one fact and return the id of its event; it is durable before anything acts on it."""
        return await self.record_all([(kind, fields)], caused_by=caused_by)

    async def record_all(self, facts: Sequence[Fact], *, caused_by: str = "") -> str:
        """Record facts that belong together: all or none of them are kept. Returns the id of the last event."""
        group = _Group(facts, caused_by)
        self._waiting.append(group)
        try:
            async with self._turnstile:
                if not group.settled:
                    await self._write()
        finally:
            if group in self._waiting:
                self._waiting.remove(group)
        if group.error is not None:
            raise group.error
        return group.last_id

    async def _write(self) -> None:
        """Write all that waits in one append: each group keeps its own sequence, and if the journal refuses, none is kept."""
        groups, self._waiting = self._waiting, []
        events: list[AnyEvent] = []
        for group in groups:
            cause = group.caused_by or (events[-1].id if events else self.state.last_id)
            for kind, fields in group.facts:
                seq = self.state.seq + len(events) + 1
                events.append(kind(deliberation=self.deliberation, seq=seq, at=group.at, caused_by=cause, **fields))
                cause = events[-1].id
        try:
            # A turn's end is fsynced; an opening that a power failure takes away is simply asked again.
            await self._journal.append(events, durable=any(type(event) in _TURN_ENDS for event in events))
        except JournalError as error:
            for group in groups:
                group.error = error
            return
        except asyncio.CancelledError:
            # The journal carries an append out even if its caller is cancelled: what it holds must be in the state too.
            self._tell(groups, events)
            raise
        self._tell(groups, events)

    def _tell(self, groups: Sequence[_Group], events: Sequence[AnyEvent]) -> None:
        told = iter(events)
        for group in groups:
            for _, event in zip(group.facts, told, strict=False):
                self.state.apply(event)
                self._bus.publish(event)
                group.last_id = event.id

    def pass_on(self, kind: type[Any], **fields: Any) -> None:
        """Tell something on the bus that the journal does not keep."""
        if self._bus.heard:
            self._bus.publish(kind(deliberation=self.deliberation, seq=self.state.seq, at=now(), caused_by=self.state.last_id, **fields))
