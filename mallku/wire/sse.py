"""Server-sent events, read incrementally from bytes (WHATWG HTML, section "Server-sent events")."""

from typing import Final

from mallku.errors import ProtocolViolation

MAX_EVENT_BYTES: Final = 8 * 1024 * 1024
"""An event larger than this is an attack or a defect; chat chunks are a few hundred bytes."""


class SseReader:
    """Cuts a byte stream into the data of its events. Comments, such as keep-alive pings, yield nothing."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []
        self._held = 0
        self.saw_data = False
        """Whether any `data:` line came at all; a body without one is not an event stream."""

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the data of every event that `chunk` completes."""
        lines = (self._rest + chunk).split(b"\n")
        self._rest = lines.pop()
        finished: list[bytes] = []
        for raw in lines:
            line = raw[:-1] if raw.endswith(b"\r") else raw
            if line.startswith(b"data:"):
                self.saw_data = True
                self._data.append(line[5:].removeprefix(b" "))
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
        finished = self.feed(b"\n") if self._rest else []
        if self._data:
            finished.append(self._taken())
        return finished

    def _taken(self) -> bytes:
        data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
        self._data.clear()
        self._held = 0
        return data
