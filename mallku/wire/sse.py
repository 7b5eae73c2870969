"""Server-sent events, read incrementally from bytes (WHATWG HTML, section "Server-sent events")."""

from codecs import BOM_UTF8
from typing import Final

from mallku.errors import ProtocolViolation

MAX_EVENT_BYTES: Final = 8 * 1024 * 1024
"""An event larger than this is an attack or a defect; chat chunks are a few hundred bytes."""


class SseReader:
    """Cuts a byte stream into the data of its events. Comments, such as keep-alive pings, yield nothing."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._began = False
        self._data: list[bytes] = []
        self._held = 0
        self.saw_data = False
        """Whether any `data:` line came at all; a body without one is not an event stream."""

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the data of every event that `chunk` completes."""
        finished: list[bytes] = []
        for line in self._lines(chunk):
            if line.startswith(b"data:"):
                self.saw_data = True
                said = line[5:].removeprefix(b" ")
                if self._data and _is_another(self._data[-1], said):
                    finished.append(self._taken())
                self._data.append(said)
                self._held += len(line)
            elif not line and self._data:
                finished.append(self._taken())
        if len(self._rest) + self._held > MAX_EVENT_BYTES:
            raise ProtocolViolation(
                f"The server sent an event of more than {MAX_EVENT_BYTES} bytes in its stream.", hint="Is this a chat completions endpoint?"
            )
        return finished

    def finish(self) -> list[bytes]:
        """Return what the end of the stream completes; a missing last blank line is forgiven."""
        finished = self.feed(b"\n") if self._rest else []  # after a lone return this ends the same line, not one more
        if self._data:
            finished.append(self._taken())
        return finished

    def _lines(self, chunk: bytes) -> list[bytes]:
        """Return the lines that `chunk` completes; they end in a line feed, a return, or both, and a byte order mark may come first."""
        self._rest += chunk
        if not self._began and len(self._rest) >= len(BOM_UTF8):
            self._began = True
            self._rest = self._rest.removeprefix(BOM_UTF8)
        if b"\n" not in chunk and b"\r" not in chunk:
            return []
        text = bytes(self._rest)
        if b"\r" in text:
            # a line feed may follow a return at the very end, so that one waits
            text, waits = (text[:-1], b"\r") if text.endswith(b"\r") else (text, b"")
            text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n") + waits
        *lines, rest = text.split(b"\n")
        self._rest = bytearray(rest)
        return lines

    def _taken(self) -> bytes:
        data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
        self._data.clear()
        self._held = 0
        return data


def _is_another(before: bytes, line: bytes) -> bool:
    """Say whether a line begins another event though no blank line ended the one before: no JSON has a brace closed and one opened next."""
    return before.endswith(b"}") and line.startswith((b"{", b"[DONE]"))
