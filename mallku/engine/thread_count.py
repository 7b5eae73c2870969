"""How many threads a decode step gets, found out as it goes: fewer where other programs hold the processors. Pure.

The threads of a step wait for each other at every layer, so one that has lost its core holds up all: on a busy machine two threads can be
slower than one. What is watched is the share of a step in which the leading thread really ran: it sinks when the thread loses its core, and
when it waits for others that have lost theirs.
"""

from typing import Final

_WATCHED_S: Final = 0.25
_CROWDED: Final = 0.6
_FREE: Final = 0.85
_FIRST_TRIAL_S: Final = 2.0
_LONGEST_PAUSE_S: Final = 60.0


class ThreadCount:
    """Decides between 1 and `most` threads."""

    def __init__(self, most: int) -> None:
        self.count = most
        """Threads for the next step."""
        self._most = most
        self._ran_s = self._passed_s = self._calm_s = 0.0
        self._pause_s = _FIRST_TRIAL_S

    def observe(self, ran_s: float, passed_s: float) -> None:
        """Take note of a step that took `passed_s` seconds, in `ran_s` of which the leading thread ran."""
        self._ran_s += ran_s
        self._passed_s += passed_s
        if self._passed_s < _WATCHED_S:
            return
        share, passed = self._ran_s / self._passed_s, self._passed_s
        self._ran_s = self._passed_s = 0.0
        if share < _CROWDED:
            self._retreat()
        elif share > _FREE:
            self._calm_s += passed
            if self.count < self._most and self._calm_s > self._pause_s:
                self.count += 1
                self._calm_s = 0.0
        if self.count == self._most and self._calm_s > _LONGEST_PAUSE_S:
            self._pause_s = _FIRST_TRIAL_S

    def _retreat(self) -> None:
        """Give up a thread; the sooner that had to be done after a trial, the longer the next trial waits."""
        self._calm_s = 0.0
        if self.count > 1:
            self.count -= 1
            self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)
