"""Tool calls in the text of an answer, told apart from speech while it streams.

Three ways of writing them: `<tool_call>{"name": …, "arguments": {…}}</tool_call>` (Hermes, Qwen), `[TOOL_CALLS][{…}, …]` (Mistral), and an
answer that is nothing but one such object, with `parameters` or `arguments` (Llama 3). What does not parse stays text.
Harmony's calls stand in a channel of their own and are read from the whole answer.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Final

_OPEN: Final = ("<tool_call>", "[TOOL_CALLS]", "<|python_tag|>")
_CLOSE: Final = "</tool_call>"
_HARMONY: Final = re.compile(r"to=functions\.([\w.-]+)[^\n]*?<\|message\|>(.*?)(?:<\|call\|>|<\|end\|>|<\|start\|>|$)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenCall:
    """A tool call as the model wrote it."""

    name: str
    """The function."""
    arguments: str
    """Its arguments, as JSON text of an object."""


class ToolCallSplitter:
    """Sorts pieces of an answer into text and tool calls as they come."""

    def __init__(self) -> None:
        self.calls: list[WrittenCall] = []
        """The calls found so far."""
        self._buffer = ""
        self._inside = ""
        self._has_spoken = False

    def feed(self, piece: str) -> str:
        """Take a piece and return the text that is certain not to be part of a call."""
        self._buffer += piece
        said = ""
        while True:
            if self._inside == _OPEN[0]:
                call, closed, rest = self._buffer.partition(_CLOSE)
                if not closed:
                    return said
                self._buffer, self._inside = rest, ""
                if not self._take(call):
                    said += self._say(f"{_OPEN[0]}{call}{_CLOSE}")
            elif self._inside or (not self._has_spoken and self._buffer.lstrip().startswith("{")):
                return said
            else:
                text, mark, rest = self._cut()
                said += self._say(text)
                if not mark:
                    return said
                self._buffer, self._inside = rest, mark

    def finish(self) -> str:
        """Return what was held back and is no call."""
        held, self._buffer = self._buffer, ""
        inside, self._inside = self._inside, ""
        return "" if held.strip() and self._take(held) else inside + held

    def _cut(self) -> tuple[str, str, str]:
        """Return the text before the first opening mark, the mark, and what follows; without a mark, hold back what may begin one."""
        found = [(at, mark) for mark in _OPEN if (at := self._buffer.find(mark)) >= 0]
        if found:
            at, mark = min(found)
            return self._buffer[:at], mark, self._buffer[at + len(mark) :]
        keep = max((length for mark in _OPEN for length in range(1, len(mark)) if self._buffer.endswith(mark[:length])), default=0)
        text, self._buffer = self._buffer[: len(self._buffer) - keep], self._buffer[len(self._buffer) - keep :]
        return text, "", ""

    def _say(self, text: str) -> str:
        """Note that there is speech; white space around calls is none."""
        if not self._has_spoken and not text.strip():
            return ""
        self._has_spoken = True
        return text

    def _take(self, written: str) -> bool:
        try:
            data = json.loads(written)
        except (ValueError, RecursionError):
            return False
        entries = data if isinstance(data, list) else [data]
        calls = [call for entry in entries if (call := _call(entry)) is not None]
        if not calls or len(calls) < len(entries):
            return False
        self.calls += calls
        return True


def _call(entry: Any) -> WrittenCall | None:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        return None
    arguments = entry.get("arguments", entry.get("parameters", {}))
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except ValueError:
            return None
    if not isinstance(arguments, dict):
        return None
    return WrittenCall(name=entry["name"], arguments=json.dumps(arguments, ensure_ascii=False))


def harmony_calls(answer: str) -> list[WrittenCall]:
    """Return the calls in a whole Harmony answer: `… to=functions.NAME …<|message|>{…}<|call|>`."""
    written = [{"name": found[1], "arguments": found[2].strip() or "{}"} for found in _HARMONY.finditer(answer)]
    return [call for entry in written if (call := _call(entry)) is not None]
