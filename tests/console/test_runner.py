import asyncio
import os
import pty
import sys

import pytest
from watching import speaker

from mallku.console.keyboard import Keyboard
from mallku.console.runner import Runner
from mallku.events import kinds
from mallku.firecircle import FireCircle
from mallku.testing import EventRecorder


class Quiet:
    """A view that shows nothing but keeps what it is told."""

    def __init__(self):
        self.told = []
        self.heard = asyncio.Condition()
        self.tasks = set()

    async def hears(self, words):
        """Wait until it was told these words."""
        async with self.heard:
            await self.heard.wait_for(lambda: any(words in told for told in self.told))

    async def _notify(self):
        async with self.heard:
            self.heard.notify_all()

    def _take(self, text):
        self.told.append(text)
        task = asyncio.ensure_future(self._notify())
        self.tasks.add(task)

    def open(self):
        pass

    def close(self):
        pass

    def say(self, text, style=""):
        self._take(text)

    def status(self, text):
        self._take(text)

    def catch_up(self, event):
        pass

    def __call__(self, event):
        pass


def circle_of_two():
    circle = FireCircle(journal=":memory:", seed=1)
    for name in ("Ada", "Ben"):
        circle.add_participant(speaker(f"{name} speaks."), name=name)
    return circle


@pytest.fixture
def terminal(monkeypatch):
    """Put a pseudo-terminal in the place of standard input, and return the end at which keys are pressed."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "r", closefd=True) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield ours
    os.close(ours)


async def test_a_pause_holds_the_next_turn_and_a_step_takes_one():
    circle, view, heard = circle_of_two(), Quiet(), EventRecorder()
    circle.bus.subscribe(heard)
    runner = Runner(view)
    first = asyncio.Event()
    circle.bus.subscribe(lambda _: first.set(), kinds.RoundClosed)
    runner._circle = circle
    runner.press(" ")
    work = asyncio.create_task(runner.run(circle, circle.deliberate("Why?"), with_keys=False))
    await asyncio.sleep(0.2)

    assert heard.kinds == [] or "statement_made" not in heard.kinds
    assert "paused" in view.told[0]
    runner.press(" ")
    outcome = await work
    assert outcome.deliberation.status == "complete"


async def test_stopping_keeps_what_was_said_and_names_the_reason():
    circle, view = circle_of_two(), Quiet()
    runner = Runner(view)
    circle.bus.subscribe(lambda _: runner.press("q"), kinds.StatementMade)

    outcome = await runner.run(circle, circle.deliberate("Why?"), with_keys=False)

    assert outcome.deliberation.status == "stopped"
    assert "stopped" in outcome.deliberation.reason
    assert outcome.deliberation.statements


async def test_a_remark_typed_at_the_terminal_is_read_by_all(terminal):
    circle, view = circle_of_two(), Quiet()
    runner = Runner(view)
    noted = asyncio.Event()

    def after_the_opening(_event):
        runner.press(" ")
        os.write(terminal, b"r")

    async def type_remark():
        await view.hears("Your remark")
        os.write(terminal, b"Think of the wells.\n")
        await view.hears("from the next turn")
        runner.press(" ")
        noted.set()

    circle.bus.subscribe(after_the_opening, kinds.BallotOpened)
    typing = asyncio.create_task(type_remark())
    outcome = await runner.run(circle, circle.deliberate("Why?"), with_keys=True)
    await typing

    remarks = [event.text for event in outcome.deliberation.events if isinstance(event, kinds.ConvenerRemarked)]
    assert remarks == ["Think of the wells."]
    assert noted.is_set()


async def test_a_line_is_read_without_blocking_and_the_rest_is_kept(terminal):
    keyboard = Keyboard()
    reading = asyncio.create_task(keyboard.line())
    await asyncio.sleep(0)
    os.write(terminal, b"a line\nanother\n")

    assert await reading == "a line"
    assert await keyboard.line() == "another"


async def test_keys_reach_the_runner_and_the_terminal_is_given_back(terminal):
    import termios

    pressed = asyncio.Queue()
    keyboard = Keyboard(on_key=pressed.put_nowait)
    before = termios.tcgetattr(sys.stdin.fileno())
    keyboard.open()
    os.write(terminal, b"s")
    key = await pressed.get()
    keyboard.close()

    assert key == "s"
    assert termios.tcgetattr(sys.stdin.fileno()) == before
