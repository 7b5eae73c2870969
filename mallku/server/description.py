"""Our OpenAPI description, with the errors that every route can answer with."""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

_TEXT: Final = {"type": "string"}
_MAYBE: Final = {"anyOf": [_TEXT, {"type": "null"}]}
_ERROR: Final = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "type": {"const": "error"},
        "request_id": _MAYBE,
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {"message": _TEXT, "type": _TEXT, "param": _MAYBE, "code": _MAYBE},
        },
    },
}
_COUNT: Final = {"type": "integer", "minimum": 0}
_MODEL: Final = {
    "type": "object",
    "required": ["id", "object", "created", "owned_by", "abilities", "loaded"],
    "properties": {
        "id": _TEXT,
        "object": {"const": "model"},
        "created": _COUNT,
        "owned_by": _TEXT,
        "abilities": {"type": "array", "items": _TEXT},
        "loaded": {"type": "boolean"},
    },
}


def _answer(kind: str, required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required.split(), "properties": {"object": {"const": kind}, **properties}}


def _many(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item}


def _choice(name: str, said: dict[str, Any]) -> dict[str, Any]:
    ends = {"enum": ["stop", "length", "tool_calls"]}
    return {
        "type": "object",
        "required": ["index", name, "finish_reason"],
        "properties": {"index": _COUNT, name: said, "finish_reason": ends, "logprobs": {"type": ["object", "null"]}},
    }


_USED: Final = {
    "type": "object",
    "required": ["prompt_tokens", "completion_tokens", "total_tokens"],
    "properties": {"prompt_tokens": _COUNT, "completion_tokens": _COUNT, "total_tokens": _COUNT},
}
_SPOKEN: Final = {"type": "object", "required": ["role", "content"], "properties": {"role": {"const": "assistant"}, "content": _MAYBE}}
_VECTOR: Final = {
    "type": "object",
    "required": ["object", "index", "embedding"],
    "properties": {"index": _COUNT, "embedding": {"anyOf": [_TEXT, _many({"type": "number"})]}},
}
ANSWERS: Final[dict[str, dict[str, Any]]] = {
    "/health": {
        "type": "object",
        "required": ["status", "model_loaded", "model_name", "uptime_seconds"],
        "properties": {
            "status": {"const": "ok"},
            "model_loaded": {"type": "boolean"},
            "model_name": _MAYBE,
            "uptime_seconds": {"type": "number", "minimum": 0},
        },
    },
    "/v1/models": _answer("list", "object data", data=_many(_MODEL)),
    "/v1/models/{model}": _MODEL,
    "/v1/chat/completions": _answer(
        "chat.completion", "id object created model choices usage", choices=_many(_choice("message", _SPOKEN)), usage=_USED
    ),
    "/v1/completions": _answer(
        "text_completion", "id object created model choices usage", choices=_many(_choice("text", _TEXT)), usage=_USED
    ),
    "/v1/embeddings": _answer("list", "object data model usage", data=_many(_VECTOR)),
    "/v1/responses": _answer(
        "response",
        "id object created_at model output status usage",
        output=_many({"type": "object", "required": ["type"]}),
        status={"enum": ["completed", "incomplete", "failed"]},
    ),
    "/v1/messages": {
        "type": "object",
        "required": ["id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "usage"],
        "properties": {
            "type": {"const": "message"},
            "role": {"const": "assistant"},
            "content": _many({"type": "object", "required": ["type"]}),
            "stop_reason": {"enum": ["end_turn", "max_tokens", "stop_sequence", "tool_use"]},
            "stop_sequence": _MAYBE,
        },
    },
    "/v1/messages/count_tokens": {"type": "object", "required": ["input_tokens"], "properties": {"input_tokens": _COUNT}},
    "/v1/tokenize": {
        "type": "object",
        "required": ["model", "count"],
        "properties": {"model": _TEXT, "count": _COUNT, "tokens": _many(_COUNT)},
    },
}
"""What the answers hold at least, by path."""
_STREAMING: Final = frozenset({"/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages"})
_BODIES: Final = {
    "/metrics": ("text/plain",),
    "/v1/deliberations/{id}/events": ("text/event-stream",),
    "/v1/deliberations/{id}/minutes": ("text/markdown", "text/html", "application/json"),
}
_CREATES: Final = {"/v1/deliberations": "201", "/v1/deliberations/{id}/stop": "202", "/v1/deliberations/{id}/turns/{seat}": "202"}


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the description."""
    found = get_openapi(title=app.title, version=app.version, routes=app.routes)
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    schemas["Error"] = _ERROR
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for path, methods in found["paths"].items():
        for method, route in methods.items():
            route["responses"] = _responses(path, method)
    return found


def _responses(path: str, method: str) -> dict[str, Any]:
    bodies = _BODIES.get(path, ("application/json", "text/event-stream") if path in _STREAMING else ("application/json",))
    refers = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    status = _CREATES.get(path, "200") if method == "post" else "200"
    shape = ANSWERS.get(path, {})
    content = {body: {"schema": shape if body == "application/json" else {}} for body in bodies}
    return {
        status: {"description": "Done", "content": content},
        "4XX": {"description": "The request cannot be answered", "content": refers},
        "5XX": {"description": "The answer failed", "content": refers},
    }
