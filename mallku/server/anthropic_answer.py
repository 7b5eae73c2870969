"""Answers of Anthropic's protocol: whole messages, and the events of a stream."""

import json
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from typing import Any

from mallku.errors import MallkuError
from mallku.server.backend import Outcome, Piece, ToolCall
from mallku.server.errors import Refusal, error_body, refusal_of
from mallku.server.event_stream import event
from mallku.server.identity import new_id


def _stop_reason(outcome: Outcome) -> str:
    if outcome.finish == "stop" and outcome.stop_text is not None:
        return "stop_sequence"
    return {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}[outcome.finish]


def _usage(outcome: Outcome) -> dict[str, Any]:
    """Return the protocol's usage: tokens read from memory are not input tokens there."""
    prompt, cached = outcome.usage.prompt_tokens or 0, outcome.usage.cached_tokens or 0
    return {
        "input_tokens": max(0, prompt - cached),
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": min(cached, prompt),
        "output_tokens": outcome.usage.completion_tokens or 0,
    }


def _tool_use(call: ToolCall) -> dict[str, Any]:
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": json.loads(call.arguments or "{}")}


class MessageAnswer:
    """One message in the making. Use `whole` or `events`, once."""

    def __init__(self, *, model: str, shows_thinking: bool, input_tokens: int = 0) -> None:
        self._model = model
        self._shows_thinking = shows_thinking
        self._input_tokens = input_tokens
        self._id = new_id("msg_", 24)

    def _message(
        self, content: list[dict[str, Any]], stop_reason: str | None, usage: dict[str, Any], *, stop_text: str | None = None
    ) -> dict[str, Any]:
        return {
            "id": self._id,
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": content,
            "stop_reason": stop_reason,
            "stop_sequence": stop_text,
            "usage": usage,
        }

    def whole(self, parts: Iterable[Piece | Outcome]) -> dict[str, Any]:
        """Gather the parts into one message."""
        content: list[dict[str, Any]] = []
        outcome = Outcome()
        for part in parts:
            if isinstance(part, Outcome):
                outcome = part
            elif part.channel == "text":
                _append(content, "text", part.text)
            elif self._shows_thinking:
                _append(content, "thinking", part.text)
        content += map(_tool_use, outcome.tool_calls)
        message = self._message(content, _stop_reason(outcome), _usage(outcome), stop_text=outcome.stop_text)
        return {**message, "mallku": dict(outcome.details)} if outcome.details else message

    async def events(self, parts: AsyncGenerator[Piece | Outcome, None]) -> AsyncGenerator[bytes, None]:
        """Turn the parts into the protocol's events as they come."""
        blocks = _Blocks()
        async with aclosing(parts):
            part = await anext(parts, Outcome())
            usage = {**_usage(Outcome()), "input_tokens": self._input_tokens}
            start = {"type": "message_start", "message": self._message([], None, usage)}
            yield event(start, name="message_start") + event({"type": "ping"}, name="ping")
            try:
                while not isinstance(part, Outcome):
                    if part.text and (part.channel == "text" or self._shows_thinking):
                        yield blocks.add("text" if part.channel == "text" else "thinking", part.text)
                    part = await anext(parts, Outcome())
            except (MallkuError, Refusal) as error:
                body = error_body(error if isinstance(error, Refusal) else refusal_of(error))
                yield event(body, name="error")
                return
        for call in part.tool_calls:
            yield blocks.add_call(call)
        delta = {"stop_reason": _stop_reason(part), "stop_sequence": part.stop_text}
        ending = {"type": "message_delta", "delta": delta, "usage": _usage(part)}
        if part.details:
            ending["mallku"] = dict(part.details)
        yield blocks.close() + event(ending, name="message_delta") + event({"type": "message_stop"}, name="message_stop")


def _append(content: list[dict[str, Any]], kind: str, text: str) -> None:
    """Add text to the last block if it is of this kind, else begin one."""
    if not text:
        return
    if content and content[-1]["type"] == kind:
        content[-1][kind] += text
    else:
        content.append({"type": kind, kind: text, **({"signature": ""} if kind == "thinking" else {})})


class _Blocks:
    """The content blocks of a stream: one is open at a time."""

    def __init__(self) -> None:
        self._index = -1
        self._open = ""

    def add(self, kind: str, text: str) -> bytes:
        """Add text, beginning a block where its kind changes."""
        begun = b""
        if self._open != kind:
            empty = {"type": kind, kind: "", **({"signature": ""} if kind == "thinking" else {})}
            begun = self._begin(kind, empty)
        return begun + self._delta({"type": f"{kind}_delta", kind: text})

    def add_call(self, call: ToolCall) -> bytes:
        """Add a tool call as a block of its own."""
        begun = self._begin("tool_use", {"type": "tool_use", "id": call.id, "name": call.name, "input": {}})
        return begun + self._delta({"type": "input_json_delta", "partial_json": call.arguments or "{}"})

    def close(self) -> bytes:
        """End the open block, if there is one."""
        if not self._open:
            return b""
        self._open = ""
        return event({"type": "content_block_stop", "index": self._index}, name="content_block_stop")

    def _begin(self, kind: str, block: dict[str, Any]) -> bytes:
        closed = self.close()
        self._index += 1
        self._open = kind
        return closed + event({"type": "content_block_start", "index": self._index, "content_block": block}, name="content_block_start")

    def _delta(self, delta: dict[str, Any]) -> bytes:
        return event({"type": "content_block_delta", "index": self._index, "delta": delta}, name="content_block_delta")
