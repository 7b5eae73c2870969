"""The chat completions protocol of OpenAI: requests written, chunks and answers read.

Every request is one system message (or none) and one user message of plain text: roles alternate trivially, and speakers' names
stand in the text, because servers drop or refuse everything else.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any, Final

from mallku.dialogue.prompt import GenerationSettings, JsonSchema, Prompt
from mallku.dialogue.response import FinishReason, Usage
from mallku.wire.dialect import Dialect

OPTIONAL_FIELDS: Final = frozenset(
    {
        "temperature",
        "top_p",
        "top_k",
        "min_p",
        "repeat_penalty",
        "repetition_penalty",
        "seed",
        "stop",
        "response_format",
        "stream_options",
        "reasoning_effort",
        "chat_template_kwargs",
    }
)
"""Fields an answer can do without; what a server refuses of them is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """What one chunk of a stream, or one whole answer, says."""

    text: str = ""
    """New public text, perhaps with reasoning tags in it."""
    reasoning: str = ""
    """New text that the server marked as reasoning."""
    finish: str = ""
    """The server's finish reason, or empty."""
    ends_unnamed: bool = False
    """Whether it says nothing and gives an empty text as its reason: so some end an answer, if the end mark follows."""
    usage: Usage | None = None
    """Token counts, or None."""
    model: str = ""
    """The model that answers, by the server's word."""
    has_choices: bool = False
    """Whether there was anything that is part of an answer."""


def write_request(prompt: Prompt, settings: GenerationSettings, dialect: Dialect, *, model: str) -> dict[str, Any]:
    """Return the request body: only what was asked for and is not refused, always with a token cap, never a null."""
    body: dict[str, Any] = {"messages": _messages(prompt, settings.schema, dialect), "max_tokens": settings.max_tokens}
    if model:
        body["model"] = model
    if dialect.streams:
        body["stream"] = True
        if dialect.stream_usage:
            body["stream_options"] = {"include_usage": True}
    wanted: dict[str, Any] = {
        "temperature": settings.temperature,
        "top_p": settings.top_p,
        "seed": settings.seed,
        "stop": list(settings.stop[:4]) or None,
        "top_k": settings.top_k if "top_k" in dialect.extras else None,
        "min_p": settings.min_p if "min_p" in dialect.extras else None,
        dialect.repeat_name: settings.repeat_penalty if dialect.repeat_name in dialect.extras else None,
    }
    body |= {name: value for name, value in wanted.items() if value is not None}
    if settings.schema is not None and dialect.rung != "prompt":
        body["response_format"] = _response_format(settings.schema, dialect)
    if settings.reasoning is not None:
        body |= _reasoning_fields(settings.reasoning, dialect)
    return {name: value for name, value in body.items() if name not in dialect.refused}


def optional_fields(body: Mapping[str, Any]) -> frozenset[str]:
    """Return the names of those fields of a request that it can do without."""
    return OPTIONAL_FIELDS & body.keys()


def read_chunk(data: Any, *, begun: bool = False) -> Chunk:
    """Read one event of a stream that has begun to speak or not, or a whole answer; everything in it may be missing or null."""
    if not isinstance(data, dict):
        return Chunk()
    choices = data.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else None
    model = data.get("model")
    usage = read_usage(data.get("usage"))
    if choice is None:
        return Chunk(usage=usage, model=model if isinstance(model, str) else "")
    said = _said(choice, begun=begun)
    text, thought = _content(said.get("content", choice.get("text")))
    marked = said.get("reasoning_content") or said.get("reasoning") or said.get("thinking")
    finish = choice.get("finish_reason")
    return Chunk(
        text=text,
        reasoning=(marked if isinstance(marked, str) else "") + thought,
        finish=finish if isinstance(finish, str) else "",
        ends_unnamed=finish == "" and not text and not marked,
        usage=usage,
        model=model if isinstance(model, str) else "",
        has_choices=True,
    )


def read_usage(data: Any) -> Usage | None:
    """Read token counts; a missing part stays unknown."""
    if not isinstance(data, dict):
        return None
    details = data.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    prompt, completion = _count(data.get("prompt_tokens")), _count(data.get("completion_tokens"))
    if prompt is None and completion is None:
        return None
    return Usage(prompt_tokens=prompt, cached_tokens=_count(cached), completion_tokens=completion)


def finish_reason(name: str) -> FinishReason:
    """Translate the server's word for why an answer ended."""
    match name:
        case "stop" | "eos" | "stop_sequence" | "end_turn" | "tool_calls" | "function_call" | "content_filter":
            return "stop"
        case "length" | "max_tokens":
            return "length"
        case _:
            return "unknown"


def _messages(prompt: Prompt, schema: JsonSchema | None, dialect: Dialect) -> list[dict[str, str]]:
    user = prompt.user
    if schema is not None and dialect.rung in {"json_object", "prompt"}:
        user = f"{user}\nAnswer with one JSON object of this JSON Schema and nothing else: {json.dumps(schema, ensure_ascii=False)}"
    if prompt.system and dialect.folds_system:
        user = f"{prompt.system}\n\n{user}"
    elif prompt.system:
        return [{"role": "system", "content": prompt.system}, {"role": "user", "content": user}]
    return [{"role": "user", "content": user}]


def _response_format(schema: JsonSchema, dialect: Dialect) -> dict[str, Any]:
    if dialect.rung == "json_schema":
        return {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": dict(schema)}}
    if dialect.rung == "json_object+schema":
        return {"type": "json_object", "schema": dict(schema)}
    return {"type": "json_object"}


def _reasoning_fields(effort: str, dialect: Dialect) -> dict[str, Any]:
    if dialect.reasoning_control == "effort":
        return {"reasoning_effort": effort}
    if dialect.reasoning_control == "template":
        thinks = {"chat_template_kwargs": {"enable_thinking": effort != "none"}}
        return thinks if effort == "none" else {**thinks, "reasoning_effort": effort}
    return {}


def _said(choice: Mapping[str, Any], *, begun: bool) -> Mapping[str, Any]:
    """Return what a choice says: the news of a stream, or a whole message; some repeat the whole beside the last, empty news."""
    news = choice.get("delta")
    said = news if news or (begun and isinstance(news, dict)) else choice.get("message")
    return said if isinstance(said, dict) else {}


def _content(content: Any) -> tuple[str, str]:
    """Return public text and reasoning of a content field, which may be a list of typed parts."""
    if isinstance(content, str):
        return content, ""
    if not isinstance(content, list):
        return "", ""
    text, thought = [], []
    for part in content:
        if not isinstance(part, dict):
            continue
        kind = part.get("type")
        if kind in {"thinking", "reasoning"}:
            inner = part.get("thinking", part.get("reasoning", part.get("text")))
            thought.append(_content(inner)[0])
        elif isinstance(part.get("text"), str):
            text.append(part["text"])
    return "".join(text), "".join(thought)


def _count(value: Any) -> int | None:
    return int(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < inf else None
