"""Private reasoning marked by tags in the text, told apart from speech while it streams.

Models write `<think>…</think>` and its relatives, leave the tag open, close it with another of the family, or close one that
their chat template had opened in the prompt, so that only the end arrives.
"""

import re
from typing import Final, Literal

from mallku.dialogue.response import Delta

_NAMES: Final = ("think", "thinking", "thought", "reasoning", "reflection", "seed:think")
_OPENING: Final = (*(f"<{name}>" for name in _NAMES), "[think]", "◁think▷")
_CLOSING: Final = (*(f"</{name}>" for name in _NAMES), "[/think]", "◁/think▷")
_MARK: Final = re.compile("|".join(re.escape(mark) for mark in (*_OPENING, *_CLOSING)), re.IGNORECASE)
_STARTS: Final = "<[◁"
_LONGEST: Final = max(len(mark) for mark in (*_OPENING, *_CLOSING))

ReasoningPlace = Literal["inside", "outside", "unknown"]
"""Where an answer begins: in the reasoning, behind it, or where the model itself is going to say so."""


def closes_reasoning(template: str) -> bool:
    """Tell whether a chat template knows of reasoning in tags."""
    lower = template.lower()
    return any(mark in lower for mark in _CLOSING)


def answer_place(opening: str) -> ReasoningPlace:
    """Tell where an answer begins by what the prompt says before it."""
    last = next(reversed(list(_MARK.finditer(opening))), None)
    if last is None:
        return "unknown"
    return "outside" if last.group().lower() in _CLOSING else "inside"


class TagSplitter:
    """Sorts pieces of an answer into text and reasoning as they come.

    Where a tag was opened within the reasoning, the text after the first closing one may be either: it is reasoning if another
    closing tag follows, and the answer if none does. It is held back until that is known.

    Args:
        opened: The chat template may have opened the reasoning in the prompt: hold everything back until it is closed or ends.
        inside: The prompt certainly ended within the reasoning.
    """

    def __init__(self, *, opened: bool = False, inside: bool = False) -> None:
        self._buffer = ""
        self._depth = int(inside)
        self._is_unsure = False
        self._waiting = opened and not inside
        self._marks = int(inside)
        self.lone_close = False
        """Whether the first tag was a closing one: all text before it was reasoning."""

    def feed(self, piece: str) -> list[Delta]:
        """Return what is now known to be text or reasoning."""
        self._buffer += piece
        out: list[Delta] = []
        while found := _MARK.search(self._buffer):
            before, self._buffer = self._buffer[: found.start()], self._buffer[found.end() :]
            self._pass(out, before, closes=found.group().lower() in _CLOSING)
        if not self._waiting and not self._is_unsure:
            kept = _unfinished(self._buffer)
            _add(out, self._buffer[: len(self._buffer) - kept], reasoning=self._depth > 0)
            self._buffer = self._buffer[len(self._buffer) - kept :]
        return out

    def finish(self) -> list[Delta]:
        """Return what was held back; reasoning that was never closed stays reasoning."""
        out: list[Delta] = []
        _add(out, self._buffer, reasoning=self._depth > 0 and not self._is_unsure)
        self._buffer = ""
        return out

    def _pass(self, out: list[Delta], before: str, *, closes: bool) -> None:
        """Sort what stands before a tag, and note the tag."""
        self._marks += 1
        is_lone = closes and self._marks == 1
        self.lone_close = self.lone_close or is_lone
        _add(out, before, reasoning=self._depth > 0 or is_lone)
        self._depth = max(0, self._depth - 1) if closes else self._depth + 1
        self._is_unsure = closes and self._depth > 0
        self._waiting = False


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
