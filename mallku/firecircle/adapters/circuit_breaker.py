"""Spares a server that does not answer, and those who would wait for it."""

from collections.abc import Callable
from typing import Final

from mallku.errors import EndpointUnreachable

FAILURES: Final = 4
"""Failures in a row after which a server is left alone."""

REST_S: Final = 10.0
"""Seconds for which it is left alone; then one request may try."""


class CircuitBreaker:
    """Counts failures in a row; after too many, requests fail at once until the server has had a rest."""

    def __init__(self, *, clock: Callable[[], float]) -> None:
        """Tell the time with `clock`, in seconds."""
        self._clock = clock
        self._failures = 0
        self._open_until = 0.0

    @property
    def is_open(self) -> bool:
        """Whether requests fail at once now."""
        return self._failures >= FAILURES and self._clock() < self._open_until

    def check(self, url: str) -> None:
        """Raise `EndpointUnreachable` if the server is having its rest."""
        if self.is_open:
            left = self._open_until - self._clock()
            raise EndpointUnreachable(
                f"{url} failed {self._failures} times in a row and is left alone for {left:.0f} s more.",
                hint="Look into the server's log.",
                retry_after=left,
            )
        if self._failures >= FAILURES:
            # one request tries; the others wait for what it finds out
            self._open_until = self._clock() + REST_S

    def failed(self) -> None:
        """Note a failure of the server itself."""
        self._failures += 1
        self._open_until = self._clock() + REST_S

    def succeeded(self) -> None:
        """Note that the server answered."""
        self._failures = 0
