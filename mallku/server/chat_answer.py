"""Chat answers of OpenAI's protocol: whole, and as chunks of a stream."""

import time
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final

from mallku import __version__
from mallku.dialogue.response import Usage
from mallku.server.backend import Outcome, Piece, TokenChoice, ToolCall
from mallku.server.event_stream import DONE, event
from mallku.server.identity import new_id
from mallku.server.json_response import compact

FINGERPRINT: Final = f"mallku-{__version__}"
"""What answers, as the protocol names it."""

_WORDS: Final = "\x00words\x00"
"""Stands for the words in a frame that is written once; its characters are escaped in JSON, and no id or model name holds them."""

Part = tuple[int, Piece | Outcome]
"""A part of an answer with the index of its choice."""


def usage_data(outcomes: Sequence[Outcome], *, prompt_once: bool = True) -> dict[str, Any]:
    """Return the protocol's usage: the prompt is counted once however many answers it has."""
    used = [outcome.usage for outcome in outcomes] or [Usage()]
    prompts = used[:1] if prompt_once else used
    prompt = sum(usage.prompt_tokens or 0 for usage in prompts)
    completion = sum(usage.completion_tokens or 0 for usage in used)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": sum(usage.cached_tokens or 0 for usage in prompts), "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": sum(outcome.reasoning_tokens or 0 for outcome in outcomes),
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def logprobs_data(choices: Sequence[TokenChoice]) -> dict[str, Any]:
    """Return token probabilities as the chat protocol has them."""

    def one(choice: TokenChoice) -> dict[str, Any]:
        return {"token": choice.text, "logprob": max(choice.logprob, -9999.0), "bytes": list(choice.text.encode("utf-8", errors="replace"))}

    return {
        "content": [{**one(choice), "top_logprobs": [one(other) for other in choice.alternatives]} for choice in choices],
        "refusal": None,
    }


def tool_call_data(call: ToolCall) -> dict[str, Any]:
    """Return a tool call as the chat protocol has it."""
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


@dataclass(slots=True)
class _Choice:
    text: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    logprobs: list[TokenChoice] = field(default_factory=list)
    outcome: Outcome = field(default_factory=Outcome)


class ChatAnswer:
    """One answer in the making. Use `whole` or `events`, once."""

    def __init__(
        self, *, model: str, count: int = 1, with_logprobs: bool = False, with_reasoning: bool = False, with_usage: bool = False
    ) -> None:
        self._head = {"id": new_id("chatcmpl-"), "created": int(time.time()), "model": model}
        self._count = count
        self._with_logprobs = with_logprobs
        self._with_reasoning = with_reasoning
        self._with_usage = with_usage
        self._frames: dict[tuple[int, str], tuple[bytes, bytes]] = {}

    def whole(self, parts: Iterable[Part]) -> dict[str, Any]:
        """Gather the parts into one `chat.completion`."""
        choices = [_Choice() for _ in range(self._count)]
        for index, part in parts:
            choice = choices[index]
            if isinstance(part, Outcome):
                choice.outcome = part
            elif part.channel == "text":
                choice.text.append(part.text)
                choice.logprobs += part.logprobs
            else:
                choice.reasoning.append(part.text)
        outcomes = [choice.outcome for choice in choices]
        body = {
            **self._head,
            "object": "chat.completion",
            "choices": [self._choice(index, choice) for index, choice in enumerate(choices)],
            "usage": usage_data(outcomes),
            "system_fingerprint": FINGERPRINT,
            "service_tier": None,
        }
        return {**body, **_details(outcomes)}

    def _choice(self, index: int, choice: _Choice) -> dict[str, Any]:
        calls = choice.outcome.tool_calls
        text = "".join(choice.text)
        message: dict[str, Any] = {"role": "assistant", "content": text if text or not calls else None, "refusal": None, "annotations": []}
        if self._with_reasoning:
            message["reasoning_content"] = "".join(choice.reasoning)
        if calls:
            message["tool_calls"] = [tool_call_data(call) for call in calls]
        logprobs = logprobs_data(choice.logprobs) if self._with_logprobs else None
        return {"index": index, "message": message, "logprobs": logprobs, "finish_reason": choice.outcome.finish}

    async def events(self, parts: AsyncGenerator[Part, None]) -> AsyncGenerator[bytes, None]:
        """Turn the parts into `chat.completion.chunk`s as they come, each an event."""
        outcomes: dict[int, Outcome] = {}
        begun: set[int] = set()
        async with aclosing(parts):
            async for index, part in parts:
                if index not in begun:
                    begun.add(index)
                    yield event(self._chunk(index, {"role": "assistant", "content": "", "refusal": None}))
                if isinstance(part, Outcome):
                    outcomes[index] = part
                    if part.tool_calls:
                        calls = [{"index": place, **tool_call_data(call)} for place, call in enumerate(part.tool_calls)]
                        yield event(self._chunk(index, {"tool_calls": calls}))
                    yield event({**self._chunk(index, {}, finish=part.finish), **_details([part])})
                elif part.channel == "text":
                    if part.logprobs and self._with_logprobs:
                        yield event(self._chunk(index, {"content": part.text}, part.logprobs))
                    elif part.text:
                        yield self._said(index, "content", part.text)
                elif self._with_reasoning:
                    yield self._said(index, "reasoning_content", part.text)
        if self._with_usage:
            yield event({**self._frame(), "choices": [], "usage": usage_data([outcomes[index] for index in sorted(outcomes)])})
        yield DONE

    def _said(self, index: int, field_name: str, text: str) -> bytes:
        """Return the event of some words: all of it but the words was written once."""
        frame = self._frames.get((index, field_name))
        if frame is None:
            before, _, after = event(self._chunk(index, {field_name: _WORDS})).partition(compact(_WORDS))
            frame = self._frames[index, field_name] = (before, after)
        return b"%s%s%s" % (frame[0], compact(text), frame[1])

    def _frame(self) -> dict[str, Any]:
        return {**self._head, "object": "chat.completion.chunk", "system_fingerprint": FINGERPRINT, "service_tier": None}

    def _chunk(
        self, index: int, delta: dict[str, Any], logprobs: Sequence[TokenChoice] = (), *, finish: str | None = None
    ) -> dict[str, Any]:
        shown = logprobs_data(logprobs) if self._with_logprobs and logprobs else None
        chunk = {**self._frame(), "choices": [{"index": index, "delta": delta, "logprobs": shown, "finish_reason": finish}]}
        return {**chunk, "usage": None} if self._with_usage else chunk


def _details(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return what only this kind of model tells, under a name of its own."""
    details = next((outcome.details for outcome in outcomes if outcome.details), None)
    return {"mallku": dict(details)} if details else {}
