"""Harmony, the channel format of the gpt-oss models, where a server leaks it into the text.

A whole answer reads `<|channel|>analysis<|message|>…<|end|><|start|>assistant<|channel|>final<|message|>…<|return|>`; servers that
drop special tokens leave `analysis…assistantfinal…`. Only the final channel is speech (OpenAI, "OpenAI harmony response format").
"""

import re
from typing import Final

from mallku.dialogue.response import Delta

_TOKEN: Final = re.compile(r"<\|(channel|message|start|end|return|call|constrain)\|>")
_LONGEST: Final = len("<|constrain|>")
_STRIPPED_START: Final = re.compile(r"(analysis|commentary)(?=[A-Z\"'(*#]|\n)")
_STRIPPED_TURN: Final = re.compile(r"assistant(analysis|commentary|final)(?=\S|\s|$)")
_STRIPPED_LONGEST: Final = len("assistantcommentary")


def begins_harmony(text: str) -> bool | None:
    """Say whether an answer that begins with `text` is Harmony; None if that cannot be known yet."""
    start = text.lstrip()
    for token in ("<|channel|>", "<|start|>"):
        if start.startswith(token):
            return True
        if token.startswith(start):
            return None
    if _STRIPPED_START.match(start):
        return True
    if any(word.startswith(start) for word in ("analysis", "commentary")):
        return None
    return False


class HarmonySplitter:
    """Sorts the pieces of a Harmony answer into text (the final channel) and reasoning (all others)."""

    def __init__(self) -> None:
        self._buffer = ""
        self._raw: bool | None = None
        self._channel = ""
        self._header = False
        self._constrained = False

    def feed(self, piece: str) -> list[Delta]:
        """Return what is now known to be text or reasoning."""
        self._buffer += piece
        if self._raw is None:
            self._begin()
        if self._raw is None:
            return []
        return self._feed_raw() if self._raw else self._feed_stripped()

    def finish(self) -> list[Delta]:
        """Return what was held back."""
        out: list[Delta] = []
        if not self._header:
            self._add(out, self._buffer)
        self._buffer = ""
        return out

    def _begin(self) -> None:
        start = self._buffer.lstrip()
        if start.startswith("<|"):
            self._raw, self._header, self._buffer = True, True, start
        elif found := _STRIPPED_START.match(start):
            self._raw, self._channel, self._buffer = False, found.group(1), start[found.end() :]

    def _feed_raw(self) -> list[Delta]:
        out: list[Delta] = []
        while found := _TOKEN.search(self._buffer):
            before, self._buffer = self._buffer[: found.start()], self._buffer[found.end() :]
            match found.group(1):
                case "message":
                    self._name(before)
                    self._header = self._constrained = False
                case "channel" | "start" | "end" | "return" | "call":
                    if not self._header:
                        self._add(out, before)
                    self._header = True
                case _:
                    self._name(before)
                    self._constrained = True
        if not self._header:
            cut = self._buffer.rfind("<|", -_LONGEST) if self._buffer else -1
            keep = len(self._buffer) - cut if cut >= 0 else int(self._buffer.endswith("<"))
            self._release(out, keep)
        return out

    def _name(self, header: str) -> None:
        """Take the channel's name from a header; what follows `<|constrain|>` is the form of the content."""
        words = header.split()
        if words and not self._constrained:
            self._channel = words[0]

    def _feed_stripped(self) -> list[Delta]:
        out: list[Delta] = []
        while self._channel != "final" and (found := _STRIPPED_TURN.search(self._buffer)):
            self._add(out, self._buffer[: found.start()])
            self._channel, self._buffer = found.group(1), self._buffer[found.end() :]
        self._release(out, 0 if self._channel == "final" else _STRIPPED_LONGEST)
        return out

    def _release(self, out: list[Delta], keep: int) -> None:
        end = max(0, len(self._buffer) - keep)
        self._add(out, self._buffer[:end])
        self._buffer = self._buffer[end:]

    def _add(self, out: list[Delta], text: str) -> None:
        if text:
            out.append(Delta(text=text, channel="text" if self._channel == "final" else "reasoning"))
