"""One chat completions answer as its bytes arrive: a stream of events, or a whole body where a server does not stream."""

import json
from codecs import BOM_UTF8
from typing import Any, Final

from mallku.dialogue.response import Delta, Usage
from mallku.errors import ProtocolViolation
from mallku.wire.answer_channels import AnswerChannels
from mallku.wire.error_shapes import error_inside
from mallku.wire.openai_chat import Chunk, read_chunk
from mallku.wire.sse import MAX_EVENT_BYTES, SseReader


class ChatAnswer:
    """Reads an answer from bytes; nothing a server sends can break it except half JSON in an event, which raises.

    Args:
        opened: Whether the chat template is known to open private reasoning in the prompt.
        stop: Texts that end the answer, where the server was not told them.
    """

    def __init__(self, *, opened: bool = False, stop: tuple[str, ...] = ()) -> None:
        self._sse = SseReader()
        self._body = bytearray()
        self._half = ""
        self._channels = AnswerChannels(opened=opened)
        self._stop: Final = stop
        self.pieces = 0
        """Content and reasoning pieces so far; an estimate of tokens where nobody counts."""
        self.chars = 0
        """Characters of content and reasoning so far."""
        self.finish = ""
        """The server's finish reason, or empty."""
        self._unnamed_finish = ""
        self.usage: Usage | None = None
        """Token counts, or None."""
        self.model = ""
        """The model that answers, by the server's word."""
        self.error = ""
        """An error inside the answer, as JSON text, or empty."""
        self.ended = False
        """Whether the server said that the stream is over."""
        self.had_choices = False
        """Whether anything came that is part of an answer."""

    @property
    def text(self) -> str:
        """The public text so far."""
        return self._channels.text

    @property
    def reasoning(self) -> str:
        """The private reasoning so far."""
        return self._channels.reasoning

    @property
    def opened_in_prompt(self) -> bool:
        """Whether private reasoning ended that nothing in the answer had begun."""
        return self._channels.opened_in_prompt

    @property
    def body(self) -> str:
        """What came, as text, where it was no event stream."""
        return self._body.removeprefix(BOM_UTF8).decode("utf-8", errors="replace")

    def feed(self, data: bytes) -> list[Delta]:
        """Take bytes and return the deltas they complete."""
        out: list[Delta] = []
        for event in self._sse.feed(data):
            out.extend(self._event(event))
        if not self._sse.saw_data:
            self._body += data
            if len(self._body) > MAX_EVENT_BYTES:
                raise ProtocolViolation("The answer is larger than any answer can be.", hint="Is this a chat completions endpoint?")
        return out

    def end(self, *, read_on: bool = True) -> list[Delta]:
        """Take the end of the body and return what was held back; of an answer that was not read on, half an event counts as nothing."""
        out: list[Delta] = []
        for event in self._sse.finish() if read_on else ():
            out.extend(self._event(event))
        if not self._sse.saw_data and self._body.strip():
            out.extend(self._whole())
        if self._half:
            out.extend(self._channels.add_text(_encodable(self._half)))
        out.extend(self._channels.finish())
        return out

    def _event(self, event: bytes) -> list[Delta]:
        if self.ended or not event.strip():
            return []
        if event.strip().upper() == b"[DONE]":
            self.ended = True
            self.finish = self.finish or self._unnamed_finish
            return []
        return self._take(self._parsed(event))

    def _whole(self) -> list[Delta]:
        try:
            data = json.loads(self.body)
        except (ValueError, RecursionError):
            return []
        deltas = self._take(data)
        # a whole body needs no end mark; only a stream can be cut
        if self.had_choices:
            self.finish = self.finish or "stop"
        return deltas

    def _parsed(self, event: bytes) -> Any:
        text = event.decode("utf-8", errors="replace")
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ProtocolViolation(
                f"The server sent half or broken JSON in its stream: {text[:100]!r}.", hint="Update the server."
            ) from error

    def _take(self, data: Any) -> list[Delta]:
        if problem := error_inside(data):
            self.error = self.error or problem
            return []
        chunk = read_chunk(data, begun=self.pieces > 0)
        self._note(chunk)
        out: list[Delta] = []
        if chunk.reasoning:
            out.extend(self._channels.add_reasoning(_encodable(chunk.reasoning)))
        if chunk.text:
            out.extend(self._channels.add_text(self._whole_characters(chunk.text)))
        self.pieces += bool(chunk.reasoning or chunk.text)
        self.chars += len(chunk.reasoning) + len(chunk.text)
        return out

    def _whole_characters(self, text: str) -> str:
        """Put together characters that a server cut in half between two events; half of one alone becomes U+FFFD."""
        if text.isascii() and not self._half:
            return text
        text, self._half = self._half + text, ""
        if "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        return _encodable(text)

    def _note(self, chunk: Chunk) -> None:
        self.had_choices = self.had_choices or chunk.has_choices
        self.finish = chunk.finish or self.finish
        if chunk.has_choices:
            self._unnamed_finish = "unknown" if chunk.ends_unnamed else ""
        self.usage = chunk.usage or self.usage
        self.model = chunk.model or self.model

    def stopped_by(self) -> str:
        """Return the stop text that the public text contains, or empty."""
        if not self._stop:
            return ""
        text = self.text
        return next((stop for stop in self._stop if stop in text), "")


def _encodable(text: str) -> str:
    """Return the text with half characters, which JSON can carry and no file can hold, put together or replaced."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
