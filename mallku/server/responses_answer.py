"""Answers of OpenAI's responses protocol: whole, and as the events of a stream."""

import time
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from typing import Any, Final

from mallku.errors import MallkuError
from mallku.server.backend import Outcome, Piece, ToolCall
from mallku.server.errors import Refusal, refusal_of
from mallku.server.event_stream import event
from mallku.server.identity import new_id
from mallku.server.responses_request import ResponsesRequest

_TOLD_IF_GIVEN: Final = ("user", "safety_identifier", "prompt_cache_key")


def _usage(outcome: Outcome) -> dict[str, Any]:
    used = outcome.usage
    prompt, completion = used.prompt_tokens or 0, used.completion_tokens or 0
    return {
        "input_tokens": prompt,
        "input_tokens_details": {"cached_tokens": used.cached_tokens or 0, "cache_write_tokens": 0},
        "output_tokens": completion,
        "output_tokens_details": {"reasoning_tokens": outcome.reasoning_tokens or 0},
        "total_tokens": prompt + completion,
    }


class ResponsesAnswer:
    """One response in the making. Use `whole` or `events`, once."""

    def __init__(self, body: ResponsesRequest, *, model: str, shows_reasoning: bool) -> None:
        self._body = body
        self._model = model
        self._shows_reasoning = shows_reasoning
        self._id = new_id("resp_")
        self._created = int(time.time())
        self._output: list[dict[str, Any]] = []
        self._sequence = 0
        self._text = ""

    def whole(self, parts: Iterable[Piece | Outcome]) -> dict[str, Any]:
        """Gather the parts into one response."""
        outcome = Outcome()
        for part in parts:
            if isinstance(part, Outcome):
                outcome = part
            else:
                self._add(part)
        self._end_item(outcome)
        self._output += map(_call_item, outcome.tool_calls)
        return self._finished(outcome)

    async def events(self, parts: AsyncGenerator[Piece | Outcome, None]) -> AsyncGenerator[bytes, None]:
        """Turn the parts into the protocol's events as they come."""
        async with aclosing(parts):
            part = await anext(parts, Outcome())
            for kind in ("created", "in_progress"):
                yield self._event(f"response.{kind}", response=self._response("in_progress"))
            try:
                while not isinstance(part, Outcome):
                    for data in self._added(part):
                        yield data
                    part = await anext(parts, Outcome())
            except (MallkuError, Refusal) as error:
                refusal = error if isinstance(error, Refusal) else refusal_of(error)
                told = {"code": "server_error", "message": refusal.message}
                yield self._event("response.failed", response={**self._response("failed"), "error": told})
                return
        for data in self._ended(part):
            yield data
        for call in part.tool_calls:
            for data in self._called(call):
                yield data
        finished = self._finished(part)
        yield self._event(f"response.{finished['status']}", response=finished)

    def _finished(self, outcome: Outcome) -> dict[str, Any]:
        response = self._response("incomplete" if outcome.finish == "length" else "completed")
        if outcome.finish == "length":
            response["incomplete_details"] = {"reason": "max_output_tokens"}
        else:
            response["completed_at"] = int(time.time())
        details = {"mallku": dict(outcome.details)} if outcome.details else {}
        return {**response, "output": self._output, "usage": _usage(outcome), **details}

    def _response(self, status: str) -> dict[str, Any]:
        body = self._body
        shown = body.model_dump(mode="json", by_alias=True, exclude_none=True)
        return {
            "id": self._id,
            "object": "response",
            "created_at": self._created,
            "completed_at": None,
            "status": status,
            "background": False,
            "error": None,
            "incomplete_details": None,
            "instructions": body.instructions,
            "max_output_tokens": body.max_output_tokens,
            "max_tool_calls": None,
            "model": self._model,
            "output": [],
            "parallel_tool_calls": body.parallel_tool_calls is not False,
            "previous_response_id": None,
            "reasoning": {"effort": None, "summary": None, **shown.get("reasoning", {})},
            "service_tier": "default",
            "store": False,
            "temperature": body.temperature,
            "text": shown.get("text") or {"format": {"type": "text"}},
            "tool_choice": shown.get("tool_choice", "auto"),
            "tools": [{"description": None, "parameters": None, "strict": None, **tool} for tool in shown.get("tools", [])],
            "top_logprobs": 0,
            "top_p": body.top_p,
            "truncation": "disabled",
            "metadata": body.metadata or {},
            **{name: given for name in _TOLD_IF_GIVEN if (given := getattr(body, name)) is not None},
        }

    def _event(self, kind: str, **fields: Any) -> bytes:
        data = {"type": kind, "sequence_number": self._sequence, **fields}
        self._sequence += 1
        return event(data, name=kind)

    def _is_shown(self, piece: Piece) -> bool:
        return bool(piece.text) and (piece.channel == "text" or self._shows_reasoning)

    def _add(self, piece: Piece) -> bool:
        """Add a piece to the item it belongs to; return whether that item is new."""
        if not self._is_shown(piece):
            return False
        kind = "message" if piece.channel == "text" else "reasoning"
        is_new = not self._output or self._output[-1]["type"] != kind
        if is_new:
            self._end_item(Outcome())
            self._output.append(_item(kind))
            self._text = ""
        self._text += piece.text
        self._output[-1]["content"][0]["text"] = self._text
        return is_new

    def _end_item(self, outcome: Outcome) -> None:
        if self._output:
            self._output[-1]["status"] = "incomplete" if outcome.finish == "length" else "completed"

    def _place(self) -> dict[str, Any]:
        return {"item_id": self._output[-1]["id"], "output_index": len(self._output) - 1, "content_index": 0}

    def _added(self, piece: Piece) -> list[bytes]:
        """Return the events of a piece, those that begin or end an item included."""
        if not self._is_shown(piece):
            return []
        kind = "message" if piece.channel == "text" else "reasoning"
        ended = self._ended(Outcome()) if self._output and self._output[-1]["type"] != kind else []
        is_new = self._add(piece)
        begun = []
        if is_new:
            empty = _item(kind, id=self._output[-1]["id"])
            begun.append(self._event("response.output_item.added", output_index=len(self._output) - 1, item={**empty, "content": []}))
            if kind == "message":
                begun.append(self._event("response.content_part.added", **self._place(), part=empty["content"][0]))
        if kind == "message":
            return [*ended, *begun, self._event("response.output_text.delta", **self._place(), delta=piece.text, logprobs=[])]
        return [*ended, *begun, self._event("response.reasoning_text.delta", **self._place(), delta=piece.text)]

    def _ended(self, outcome: Outcome) -> list[bytes]:
        """Return the events that end the open item."""
        if not self._output:
            return []
        self._end_item(outcome)
        item = self._output[-1]
        events = []
        if item["type"] == "message":
            part = item["content"][0]
            events.append(self._event("response.output_text.done", **self._place(), text=part["text"], logprobs=[]))
            events.append(self._event("response.content_part.done", **self._place(), part=part))
        else:
            events.append(self._event("response.reasoning_text.done", **self._place(), text=item["content"][0]["text"]))
        return [*events, self._event("response.output_item.done", output_index=len(self._output) - 1, item=item)]

    def _called(self, call: ToolCall) -> list[bytes]:
        item = _call_item(call)
        self._output.append(item)
        index = len(self._output) - 1
        place = {"item_id": item["id"], "output_index": index}
        begun = {**item, "arguments": "", "status": "in_progress"}
        return [
            self._event("response.output_item.added", output_index=index, item=begun),
            self._event("response.function_call_arguments.delta", **place, delta=call.arguments),
            self._event("response.function_call_arguments.done", **place, name=call.name, arguments=call.arguments),
            self._event("response.output_item.done", output_index=index, item=item),
        ]


def _item(kind: str, *, id: str = "") -> dict[str, Any]:  # noqa: A002 - the protocol's name
    if kind == "message":
        empty = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
        return {"id": id or new_id("msg_"), "type": "message", "role": "assistant", "status": "in_progress", "content": [empty]}
    thought = {"type": "reasoning_text", "text": ""}
    return {"id": id or new_id("rs_"), "type": "reasoning", "status": "in_progress", "summary": [], "content": [thought]}


def _call_item(call: ToolCall) -> dict[str, Any]:
    return {
        "id": new_id("fc_"),
        "type": "function_call",
        "status": "completed",
        "call_id": call.id,
        "name": call.name,
        "arguments": call.arguments,
    }
