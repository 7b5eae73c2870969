"""Running a deliberation at a terminal: the view, the keys, and a clean stop."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType
from typing import Any, Final

from mallku.console.keyboard import Keyboard
from mallku.console.veil import Veil
from mallku.console.view import View
from mallku.events.kinds import AnyEvent
from mallku.firecircle import Deliberation, FireCircle

KEYS: Final = "space pause · s step · r remark · q stop · ctrl-c leave"
"""What the keys do, as shown under the live view."""

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a run at the terminal ended, if no error ended it."""

    deliberation: Deliberation | None = None
    """The result; None if it was interrupted."""
    id: str = ""
    """Id of the deliberation, or empty if it was interrupted before anything was recorded."""
    signal: int = 0
    """The signal that interrupted it, or 0."""


class Runner:
    """Shows one run of a circle in a view, and steers it by keys and signals."""

    def __init__(self, view: View) -> None:
        """Show the run in `view`."""
        self.veil = Veil(view)
        """Stands between the events and the view."""
        self.keyboard = Keyboard(on_key=self.press)
        """The keyboard; keys are read only while `run` runs."""
        self._view = view
        self._circle: FireCircle | None = None
        self._id = ""
        self._signal = 0
        self._work: asyncio.Task[Deliberation] | None = None
        self._remark: asyncio.Task[None] | None = None

    async def run(
        self, circle: FireCircle, work: Coroutine[Any, Any, Deliberation], *, with_keys: bool, earlier: Sequence[AnyEvent] = ()
    ) -> Outcome:
        """Show `work`, a deliberation of `circle`, until it ends or a signal stops it; participants are closed afterwards.

        Args:
            circle: The circle.
            work: Its `deliberate` or `resume`.
            with_keys: Whether single keys steer it.
            earlier: Events recorded before this run, for a deliberation that is resumed.
        """
        self._circle = circle
        for event in earlier:
            self._view.catch_up(event)
            self._note(event)
        circle.bus.subscribe(self._note, name="runner")
        circle.bus.subscribe(self._show, name="view")
        self._work = asyncio.create_task(work, name="deliberation")
        undo = self._heed_signals()
        self._view.open()
        if with_keys:
            self.keyboard.open()
        try:
            async with circle:
                return Outcome(deliberation=await self._work, id=self._id)
        except asyncio.CancelledError:
            if not self._signal:
                raise
            return Outcome(id=self._id, signal=self._signal)
        finally:
            if self._remark is not None:
                self._remark.cancel()
                with suppress(asyncio.CancelledError):
                    await self._remark
            self.keyboard.close()
            self._view.close()
            undo()

    def press(self, key: str) -> None:
        """Do what a key stands for."""
        if self._circle is None:
            return
        control = self._circle.control
        match key:
            case " " if control.is_paused:
                control.go_on()
                self._view.status("")
            case " ":
                control.pause()
                self._view.status("paused before the next turn · space goes on · s takes one turn")
            case "s":
                control.step()
                self._view.status("one turn, then paused · space goes on · s takes one more")
            case "q":
                control.stop("a person stopped it at the terminal")
                self._view.status("stopping before the next turn; what was said is kept")
            case "r" if self._remark is None or self._remark.done():
                self._remark = asyncio.create_task(self._take_remark(), name="remark")
            case _:
                pass

    def _show(self, event: AnyEvent) -> None:
        try:
            self.veil(event)
        except BrokenPipeError:
            # nobody reads any more, as after `| head`: stop, and let Python's own last flush go nowhere
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            if not self._signal:
                self._stop(signal.SIGPIPE)

    async def _take_remark(self) -> None:
        with self.veil.form(), self.keyboard.writing():
            self._view.say("Your remark to all seats, on one line; an empty line says nothing:")
            text = await self.keyboard.line()
        if text and text.strip() and self._circle is not None:
            self._circle.control.remark(text.strip())
            self._view.status("your remark is read from the next turn on")

    def _note(self, event: AnyEvent) -> None:
        self._id = event.deliberation or self._id

    def _heed_signals(self) -> Callable[[], None]:
        """Stop cleanly at the first signal and at once at the second; return what undoes that."""
        before = {number: signal.getsignal(number) for number in _SIGNALS}
        loop = asyncio.get_running_loop()

        def heed(number: int, _frame: FrameType | None) -> None:
            if self._signal:
                # the user does not want to wait; the journal holds all that was finished
                self.keyboard.close()
                os._exit(128 + number)
            loop.call_soon_threadsafe(self._stop, number)

        for number in _SIGNALS:
            signal.signal(number, heed)

        def undo() -> None:
            for number, handler in before.items():
                signal.signal(number, handler)

        return undo

    def _stop(self, number: int) -> None:
        self._signal = number
        self._view.status("stopping … (once more leaves at once)")
        if self._work is not None:
            self._work.cancel()
