"""Private reasoning marked by tags in the text, told apart from speech while it streams.

Models write `<think>…</think>` and its relatives, leave the tag open, close it with another of the family, or close one that
their chat template had opened in the prompt, so that only the end arrives.
"""

import re
from typing import Final

from mallku.dialogue.response import Delta

_NAMES: Final = ("think", "thinking", "thought", "reasoning", "reflection", "seed:think")
_OPENING: Final = (*(f"<{name}>" for name in _NAMES), "[think]", "◁think▷")
_CLOSING: Final = (*(f"</{name}>" for name in _NAMES), "[/think]", "◁/think▷")
_MARK: Final = re.compile("|".join(re.escape(mark) for mark in (*_OPENING, *_CLOSING)), re.IGNORECASE)
_STARTS: Final = "<[◁"
_LONGEST: Final = max(len(mark) for mark in (*_OPENING, *_CLOSING))


class TagSplitter:
    """Sorts pieces of an answer into text and reasoning as they come.

    Args:
        opened: The chat template may have opened the reasoning in the prompt: hold everything back until it is closed or ends.
    """

    def __init__(self, *, opened: bool = False) -> None:
        self._buffer = ""
        self._inside = False
        self._waiting = opened
        self._marks = 0
        self.lone_close = False
        """Whether the first tag was a closing one: all text before it was reasoning."""

    def feed(self, piece: str) -> list[Delta]:
        """Return what is now known to be text or reasoning."""
        self._buffer += piece
        out: list[Delta] = []
        while found := _MARK.search(self._buffer):
            before, self._buffer = self._buffer[: found.start()], self._buffer[found.end() :]
            closes = found.group().lower() in _CLOSING
            self._marks += 1
            self.lone_close = self.lone_close or (closes and self._marks == 1)
            _add(out, before, reasoning=self._inside or (closes and self._marks == 1))
            self._inside = not closes
            self._waiting = False
        if not self._waiting:
            kept = _unfinished(self._buffer)
            _add(out, self._buffer[: len(self._buffer) - kept], reasoning=self._inside)
            self._buffer = self._buffer[len(self._buffer) - kept :]
        return out

    def finish(self) -> list[Delta]:
        """Return what was held back; reasoning that was never closed stays reasoning."""
        out: list[Delta] = []
        _add(out, self._buffer, reasoning=self._inside)
        self._buffer = ""
        return out


def _add(out: list[Delta], text: str, *, reasoning: bool) -> None:
    if text:
        out.append(Delta(text=text, channel="reasoning" if reasoning else "text"))


def _unfinished(text: str) -> int:
    """Count the characters at the end of `text` that may be the beginning of a tag."""
    start = max(text.rfind(mark, -_LONGEST) for mark in _STARTS) if text else -1
    if start < 0:
        return 0
    tail = text[start:].lower()
    return len(tail) if any(mark.startswith(tail) for mark in (*_OPENING, *_CLOSING)) else 0
