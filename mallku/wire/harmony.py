"""Harmony, the channel format of the gpt-oss models, where a server leaks it into the text.

A whole answer reads `<|channel|>analysis<|message|>…<|end|><|start|>assistant<|channel|>final<|message|>…<|return|>`; servers that
drop special tokens leave `analysis…assistantfinal…`. Only the final channel is speech (OpenAI, "OpenAI harmony response format").
"""

import re
from typing import Final

from mallku.dialogue.response import Delta

CHANNEL_MARK: Final = "<|channel|>"
"""Stands before the name of a channel."""

_TOKEN: Final = re.compile(r"<\|(channel|message|start|end|return|call|constrain)\|>")
_LONGEST: Final = len("<|constrain|>")
_STRIPPED_START: Final = re.compile(r"(analysis|commentary)(?=\w|[\"'(*#\n])")
_STRIPPED_TURN: Final = re.compile(r"assistant(analysis|commentary|final)")
_TURNS: Final = ("assistantanalysis", "assistantcommentary", "assistantfinal")
_TO: Final = "to=functions."
_STRIPPED_LONGEST: Final = len("assistantcommentary")


def begins_harmony(text: str) -> bool | None:
    """Say whether an answer that begins with `text` is Harmony; None if that cannot be known yet."""
    start = text.lstrip()
    for token in (CHANNEL_MARK, "<|start|>", "<|message|>"):
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
    """Sorts the pieces of a Harmony answer into text (the final channel) and reasoning (all others); calls of tools are neither."""

    def __init__(self) -> None:
        self._buffer = ""
        self._raw: bool | None = None
        self._channel = ""
        self._is_call = False
        self._has_channel = False
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
                    self._header = self._constrained = self._has_channel = False
                case "channel" | "start" | "end" | "return" | "call" as mark:
                    if not self._header:
                        self._add(out, before)
                    self._is_call = _TO in before if mark == "channel" and self._header else False
                    self._has_channel = mark == "channel"
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
        """Take the channel's name from a header, which is the answer's if it names none; after `<|constrain|>` stands the form."""
        words = header.split()
        self._is_call = self._is_call or _TO in header
        if not self._constrained:
            self._channel = "final" if not self._has_channel else words[0] if words else ""

    def _feed_stripped(self) -> list[Delta]:
        out: list[Delta] = []
        while found := _STRIPPED_TURN.search(self._buffer):
            self._add(out, self._buffer[: found.start()])
            self._channel, self._buffer = found.group(1), self._buffer[found.end() :]
        if self._channel == "final":
            tail = max(range(_STRIPPED_LONGEST), key=lambda length: any(turn.startswith(self._end(length)) for turn in _TURNS) * length)
            self._release(out, tail)
        else:
            self._release(out, _STRIPPED_LONGEST)
        return out

    def _end(self, length: int) -> str:
        return self._buffer[len(self._buffer) - length :] if length <= len(self._buffer) else "\0"

    def _release(self, out: list[Delta], keep: int) -> None:
        end = max(0, len(self._buffer) - keep)
        self._add(out, self._buffer[:end])
        self._buffer = self._buffer[end:]

    def _add(self, out: list[Delta], text: str) -> None:
        if text and not self._is_call:
            out.append(Delta(text=text, channel="text" if self._channel == "final" else "reasoning"))
