"""How many requests an endpoint serves at once, and who goes next."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass


@dataclass(slots=True)
class _Waiter:
    tokens: int
    model: str
    turn: asyncio.Future[None]


class Admission:
    """Lets requests in by slots, by the tokens of a pool that all share, and model by model.

    First come, first served; where `one_model` holds, those who want the model that is in memory go first, and another model waits
    until nobody uses that one.
    """

    def __init__(self, *, slots: int, pool: int | None = None, one_model: bool = False) -> None:
        """Admit at most `slots` requests, of at most `pool` tokens together."""
        self.slots = slots
        """Requests at once."""
        self.pool = pool
        """Tokens that simultaneous requests share, or None if each has its own memory."""
        self._one_model = one_model
        self._running = 0
        self._held = 0
        self._model = ""
        self._waiting: deque[_Waiter] = deque()

    @property
    def running(self) -> int:
        """Requests inside now."""
        return self._running

    @asynccontextmanager
    async def admitted(self, *, tokens: int, model: str) -> AsyncIterator[None]:
        """Wait for a place, keep it for the length of the block."""
        waiter = _Waiter(tokens, model, asyncio.get_running_loop().create_future())
        self._waiting.append(waiter)
        self._let_in()
        try:
            await waiter.turn
        except asyncio.CancelledError:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            elif waiter.turn.done() and not waiter.turn.cancelled():
                self._leave(waiter)
            raise
        try:
            yield
        finally:
            self._leave(waiter)

    def halve(self, *, seen: int) -> None:
        """Admit half as many from now on, at least one.

        Args:
            seen: Requests admitted at once when the failed one began; if somebody learnt from the same failure already, nothing changes.
        """
        if self.slots >= seen:
            self.slots = max(1, seen // 2)

    def serialise(self) -> None:
        """Admit one at a time from now on."""
        self.slots = 1

    def _leave(self, waiter: _Waiter) -> None:
        self._running -= 1
        self._held -= waiter.tokens
        self._let_in()

    def _let_in(self) -> None:
        while self._running < self.slots and (waiter := self._next()):
            self._waiting.remove(waiter)
            self._running += 1
            self._held += waiter.tokens
            self._model = waiter.model
            waiter.turn.set_result(None)

    def _next(self) -> _Waiter | None:
        while self._waiting and self._waiting[0].turn.cancelled():
            self._waiting.popleft()
        if self._one_model:
            same = next((waiter for waiter in self._waiting if waiter.model == self._model and not waiter.turn.cancelled()), None)
            candidate = same or (self._waiting[0] if self._waiting and self._running == 0 else None)
        else:
            candidate = self._waiting[0] if self._waiting else None
        if candidate is None or self._running == 0 or self.pool is None:
            return candidate
        return candidate if self._held + candidate.tokens <= self.pool else None
