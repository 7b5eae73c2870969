"""From tokens to text: whole characters only, and nothing of a stop text."""

import codecs
from collections.abc import Sequence
from typing import Final

_Utf8: Final = codecs.getincrementaldecoder("utf-8")


class TextAssembly:
    """Puts the bytes of tokens together as they come, and finds where a stop text ends the answer."""

    def __init__(self, stops: Sequence[str] = ()) -> None:
        self.text = ""
        """All text released so far."""
        self.stopped_by: str | None = None
        """The stop text that was found; nothing is released after it."""
        self._stops = tuple(stop for stop in stops if stop)
        self._decoder = _Utf8("replace")
        self._held = ""

    @property
    def is_stopped(self) -> bool:
        """Whether a stop text was found."""
        return self.stopped_by is not None

    def push(self, piece: bytes) -> str:
        """Take a token's bytes; return the text that is certain now."""
        return self._release(self._decoder.decode(piece))

    def end(self) -> str:
        """Return what was held back, now that nothing more comes."""
        released = self._release(self._decoder.decode(b"", final=True))
        if self.is_stopped:
            return released
        held, self._held = self._held, ""
        self.text += held
        return released + held

    def _release(self, new: str) -> str:
        if self.is_stopped:
            return ""
        if not self._stops:
            self.text += new
            return new
        text = self._held + new
        found = min(((at, stop) for stop in self._stops if (at := text.find(stop)) >= 0), key=lambda pair: pair[0], default=None)
        if found is not None:
            at, self.stopped_by = found
            certain, self._held = text[:at], ""
        else:
            kept = self._possible_beginning(text)
            certain, self._held = text[: len(text) - kept], text[len(text) - kept :]
        self.text += certain
        return certain

    def _possible_beginning(self, text: str) -> int:
        """Return the length of the longest end of `text` with which a stop text could begin."""
        longest = max(map(len, self._stops), default=1) - 1
        for length in range(min(longest, len(text)), 0, -1):
            if any(stop.startswith(text[-length:]) for stop in self._stops):
                return length
        return 0
