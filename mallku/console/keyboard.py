"""The keyboard of a terminal, read without blocking: single keys while a deliberation runs, lines while somebody writes."""

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_CHUNK = 4096


class Keyboard:
    """Reads standard input where it is a terminal. Only one of `keys` and `line` is active at a time."""

    def __init__(self, *, on_key: Callable[[str], None] | None = None) -> None:
        """Call `on_key` with each key pressed while nobody writes a line."""
        self._on_key = on_key
        self._fd = sys.stdin.fileno() if is_terminal() else -1
        self._settings: list[Any] | None = None
        self._unread = b""

    def open(self) -> None:
        """Begin to read single keys, where there is a terminal and a use for them."""
        if self._fd < 0 or self._on_key is None or self._settings is not None:
            return
        try:
            import termios
            import tty
        except ImportError:
            # not a POSIX system: lines can be read, single keys cannot
            return
        self._settings = termios.tcgetattr(self._fd)
        tty.setcbreak(self._fd, termios.TCSADRAIN)
        asyncio.get_running_loop().add_reader(self._fd, self._press)

    def close(self) -> None:
        """Give the terminal back as it was; may be called again."""
        if self._settings is None:
            return
        import termios

        settings, self._settings = self._settings, None
        asyncio.get_running_loop().remove_reader(self._fd)
        termios.tcsetattr(self._fd, termios.TCSADRAIN, settings)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Leave the keyboard to somebody who writes lines."""
        was_open = self._settings is not None
        self.close()
        try:
            yield
        finally:
            if was_open:
                self.open()

    async def line(self) -> str | None:
        """Read one line without its end; None at the end of input. Cancelling it leaves nothing behind."""
        loop = asyncio.get_running_loop()
        while b"\n" not in self._unread:
            arrived: asyncio.Future[bytes] = loop.create_future()
            fd = sys.stdin.fileno()
            try:
                loop.add_reader(fd, _take, fd, arrived)
            except PermissionError:
                # a file, which cannot be waited for and never blocks
                _take(fd, arrived)
            try:
                chunk = await arrived
            finally:
                loop.remove_reader(fd)
            if not chunk:
                rest, self._unread = self._unread, b""
                return rest.decode("utf-8", "replace") if rest else None
            self._unread += chunk
        first, _, self._unread = self._unread.partition(b"\n")
        return first.decode("utf-8", "replace").rstrip("\r")

    def _press(self) -> None:
        pressed = os.read(self._fd, _CHUNK).decode("utf-8", "replace")
        # an arrow or function key comes as an escape sequence and means nothing here
        if self._on_key is not None and len(pressed) == 1:
            self._on_key(pressed)


def is_terminal() -> bool:
    """Whether somebody sits at the keyboard."""
    return sys.stdin is not None and sys.stdin.isatty()


def _take(fd: int, arrived: "asyncio.Future[bytes]") -> None:
    if not arrived.done():
        arrived.set_result(os.read(fd, _CHUNK))
