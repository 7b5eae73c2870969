"""The convener's hand on a running deliberation: pause, step, stop, remark."""

import asyncio


class Control:
    """Steers a deliberation from the same event loop. It takes effect between turns, never inside one."""

    def __init__(self) -> None:
        self._running = asyncio.Event()
        self._running.set()
        self._steps = 0
        self._stop_reason = ""
        self._remarks: list[str] = []

    @property
    def is_paused(self) -> bool:
        """Whether the deliberation waits, or will wait before its next turn."""
        return not self._running.is_set()

    @property
    def stop_reason(self) -> str:
        """Why a person stopped the deliberation, or empty."""
        return self._stop_reason

    def pause(self) -> None:
        """Wait before the next turn."""
        self._running.clear()

    def go_on(self) -> None:
        """Go on after a pause."""
        self._steps = 0
        self._running.set()

    def step(self) -> None:
        """Take one more turn and pause again."""
        self._steps = 1
        self._running.set()

    def stop(self, reason: str = "a person stopped it") -> None:
        """End the deliberation before its next turn; what was said stays, and it is recorded as stopped."""
        self._stop_reason = reason
        self._running.set()

    def remark(self, text: str) -> None:
        """Add a remark that all seats read from the next turn on."""
        self._remarks.append(text)

    def take_remarks(self) -> list[str]:
        """Hand over the remarks that are not in the record yet."""
        remarks, self._remarks = self._remarks, []
        return remarks

    def renew(self) -> None:
        """Forget a stop and remarks: what was meant for one deliberation does not touch the circle's next one. A pause stays."""
        self._stop_reason = ""
        self._remarks = []

    async def checkpoint(self, *, counts: bool = True) -> bool:
        """Wait while paused; return whether the deliberation goes on. A step is used up only by what `counts`."""
        await self._running.wait()
        if self._steps and counts:
            self._steps -= 1
            self._running.clear()
        return not self._stop_reason
