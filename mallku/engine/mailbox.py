"""Where one task waits for what others put there: a queue without limits or locks, for one event loop."""

import asyncio
from collections import deque
from typing import Generic, TypeVar

_Item = TypeVar("_Item")


class Mailbox(Generic[_Item]):
    """Items in order, for one reader. `asyncio.Queue` can do more and takes longer."""

    def __init__(self) -> None:
        self._items: deque[_Item] = deque()
        self._reader: asyncio.Future[None] | None = None

    def put(self, item: _Item) -> None:
        """Add an item; to be called on the event loop."""
        self._items.append(item)
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def get(self) -> _Item:
        """Take the next item, waiting for it if need be."""
        while not self._items:
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        return self._items.popleft()
