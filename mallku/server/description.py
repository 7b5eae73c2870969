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
    return {
        status: {"description": "Done", "content": {body: {"schema": {}} for body in bodies}},
        "4XX": {"description": "The request cannot be answered", "content": refers},
        "5XX": {"description": "The answer failed", "content": refers},
    }
