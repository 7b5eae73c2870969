"""The deadlines of one request, kept as points in time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mallku.dialogue.prompt import Deadlines
from mallku.errors import DeadlineExceeded


class TurnClock:
    """Knows how long the next piece may take. Keep-alive bytes do not count: only `spoke` moves the idle deadline."""

    def __init__(self, deadlines: Deadlines) -> None:
        """Start now."""
        self._deadlines = deadlines
        self._time = asyncio.get_running_loop().time
        self.started = self._time()
        self._last = self.started
        self.first_token_s: float | None = None
        """Seconds from the start to the first token, or None before it."""

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return self._time() - self.started

    def spoke(self) -> None:
        """Note that a token came."""
        self._last = self._time()
        if self.first_token_s is None:
            self.first_token_s = self._last - self.started

    def has_time_for(self, seconds: float) -> bool:
        """Say whether `seconds` can still be waited before the next deadline."""
        when, _, _ = self._next_deadline()
        return when is None or self._time() + seconds < when

    @asynccontextmanager
    async def limit(self, url: str) -> AsyncIterator[None]:
        """Raise `DeadlineExceeded` if the block takes longer than the deadline that comes next."""
        when, name, limit = self._next_deadline()
        try:
            async with asyncio.timeout_at(when):
                yield
        except TimeoutError as error:
            raise self._passed(name, limit, url) from error

    def _next_deadline(self) -> tuple[float | None, str, float]:
        deadlines = self._deadlines
        step, name = (deadlines.first_token, "first token") if self.first_token_s is None else (deadlines.idle, "idle")
        candidates = []
        if step is not None:
            candidates.append((self._last + step, name, step))
        if deadlines.total is not None:
            candidates.append((self.started + deadlines.total, "total", deadlines.total))
        return min(candidates) if candidates else (None, "", 0.0)

    @staticmethod
    def _passed(name: str, limit: float, url: str) -> DeadlineExceeded:
        said = {
            "first token": f"said nothing for {limit:g} s",
            "idle": f"fell silent for {limit:g} s in the middle of its answer",
            "total": f"did not finish within {limit:g} s",
        }[name]
        return DeadlineExceeded(f"{url} {said} (the {name} deadline).", hint="A larger model or a longer text needs longer deadlines.")
