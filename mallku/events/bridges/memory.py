"""A bridge within one process: for tests, and for several loops of listeners over one run."""

import asyncio
from collections.abc import AsyncIterator, Mapping

from mallku.errors import BridgeError
from mallku.events.bridges.bridge import InOrder
from mallku.events.bridges.cloudevents import from_bytes, to_bytes
from mallku.events.kinds import AnyEvent


class MemoryBridge:
    """A `Bridge` in memory. It keeps the last `capacity` events, as bytes, so that what comes out is never the object that went in."""

    def __init__(self, *, capacity: int = 100_000) -> None:
        self._kept: list[bytes] = []
        self._dropped = 0
        self._capacity = capacity
        self._news = asyncio.Condition()
        self._open = True

    async def publish(self, event: AnyEvent) -> None:
        """Carry an event to all who listen."""
        if not self._open:
            raise BridgeError("the bridge is closed.", hint="Open another.")
        async with self._news:
            self._kept.append(to_bytes(event))
            if len(self._kept) > self._capacity:
                self._kept.pop(0)
                self._dropped += 1
            self._news.notify_all()

    async def listen(
        self, *, deliberation: str = "", known: Mapping[str, int] | None = None, history: bool = True
    ) -> AsyncIterator[AnyEvent]:
        """Yield events of one deliberation or all."""
        order = InOrder(deliberation, known)
        place = 0 if history else self._dropped + len(self._kept)
        while True:
            await self._news_after(place)
            place = max(place, self._dropped)
            waiting = self._kept[place - self._dropped :]
            if not waiting and not self._open:
                return
            place += len(waiting)
            for event in map(from_bytes, waiting):
                if order.admits(event):
                    yield event

    async def _news_after(self, place: int) -> None:
        async with self._news:
            await self._news.wait_for(lambda: not self._open or self._dropped + len(self._kept) > place)

    async def close(self) -> None:
        """End those who listen once they have had everything."""
        self._open = False
        async with self._news:
            self._news.notify_all()
