"""How much is let in: a rate for each caller, and room for the requests that are worked on."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from mallku.server.errors import Refusal

_CALLERS_KEPT: Final = 10_000

_Part = TypeVar("_Part")


class RateLimit:
    """A token bucket for each caller: a minute's requests at once, then one by one as they come back."""

    def __init__(self, per_minute: int | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, caller: str) -> None:
        """Count one request; raises `Refusal` 429 with `Retry-After` if it is one too many."""
        if self._per_minute is None:
            return
        now = self._clock()
        left, since = self._buckets.pop(caller, (float(self._per_minute), now))
        left = min(float(self._per_minute), left + (now - since) * self._per_minute / 60)
        while len(self._buckets) >= _CALLERS_KEPT:
            del self._buckets[next(iter(self._buckets))]
        self._buckets[caller] = (max(0.0, left - 1) if left >= 1 else left, now)
        if left < 1:
            wait = (1 - left) * 60 / self._per_minute
            message = f"More than {self._per_minute} requests in a minute. Try again in {wait:.0f} seconds."
            raise Refusal(429, message, code="rate_limit_exceeded", headers={"retry-after": str(max(1, round(wait)))})


class Admission:
    """Room for requests that are worked on; some more may wait for it, in order."""

    def __init__(self, *, at_once: int, waiting: int) -> None:
        self._room = asyncio.Semaphore(at_once)
        self._most_waiting = waiting
        self.waiting = 0
        """Requests that wait."""
        self.running = 0
        """Requests that are worked on."""

    def room(self, deadline: float | None = None) -> "_Room":
        """Wait for room until `deadline` (the event loop's time) and hold it; raises `Refusal` 429 if too many wait already."""
        return _Room(self, deadline)

    async def enter(self, deadline: float | None) -> None:
        """Wait for room and take it."""
        if self._room.locked() and self.waiting >= self._most_waiting:
            message = f"The server is busy and {self.waiting} requests wait already. Try again later."
            raise Refusal(429, message, kind="overloaded_error", code="queue_full", headers={"retry-after": "5"})
        if self._room.locked():
            self.waiting += 1
            try:
                async with asyncio.timeout_at(deadline):
                    await self._room.acquire()
            finally:
                self.waiting -= 1
        else:
            await self._room.acquire()
        self.running += 1

    def leave(self) -> None:
        """Give room back."""
        self.running -= 1
        self._room.release()


class _Room:
    """Room that is held."""

    def __init__(self, admission: Admission, deadline: float | None) -> None:
        self._admission = admission
        self._deadline = deadline

    async def __aenter__(self) -> None:
        await self._admission.enter(self._deadline)

    async def __aexit__(self, *_: object) -> None:
        self._admission.leave()


class Deadline:
    """One time limit on all parts of a stream, set once: a limit set anew for each part would cost more than the part.

    The limit only ever interrupts the waiting for a part, never what is done with it.
    """

    def __init__(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self.at = loop.time() + seconds
        """The event loop's time at which it passes."""
        self.has_passed = False
        """Whether it has."""
        self._waiting: asyncio.Task[object] | None = None
        self._timer = loop.call_at(self.at, self._pass)

    def _pass(self) -> None:
        self.has_passed = True
        if self._waiting is not None:
            self._waiting.cancel()

    async def limit(self, part: Awaitable[_Part]) -> _Part:
        """Await a part; raises `TimeoutError` if the limit passes."""
        if self.has_passed:
            raise TimeoutError
        self._waiting = task = asyncio.current_task()
        try:
            return await part
        except asyncio.CancelledError:
            if self._has_interrupted(task):
                raise TimeoutError from None
            raise
        finally:
            self._waiting = None

    def _has_interrupted(self, task: "asyncio.Task[object] | None") -> bool:
        """Tell whether a cancellation that arrived is the limit's, and take it back; others go on."""
        return self.has_passed and task is not None and task.uncancel() == 0

    def stop(self) -> None:
        """Limit nothing more."""
        self._timer.cancel()
