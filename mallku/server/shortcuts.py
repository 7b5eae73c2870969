"""Requests that are asked often go straight from the gate to their handler, past the framework's routing and injection.

The routes stay registered with FastAPI, which describes them and answers everything that is not exactly such a request.
Where llhttp reads the requests, `short_way` answers them without ASGI, too.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import Request, Response
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from mallku.server.errors import Refusal

_Body = TypeVar("_Body", bound=BaseModel)
_Posted = Callable[[_Body, Request], Awaitable[Response]]
_Got = Callable[[], Response]


@dataclass(frozen=True, slots=True)
class Shortcut:
    """The way to one handler."""

    path: str
    """The route's path, for the figures."""
    handle: Callable[[Request, bytes], Awaitable[Response]]
    """Answers a request with this body; raises `Refusal` for a wrong one."""
    at_once: Callable[[], Response] | None = None
    """Answers where nothing has to be waited for and nothing of the request matters."""


class Shortcuts:
    """The handlers by method and path."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Shortcut] = {}

    def find(self, method: str, path: str) -> Shortcut | None:
        """Return the way to the handler of exactly this path, if there is one."""
        return self._known.get((method, path))

    def post(self, path: str, body: type[_Body]) -> Callable[[_Posted[_Body]], _Posted[_Body]]:
        """Decorate the handler of a JSON body."""

        def register(handler: _Posted[_Body]) -> _Posted[_Body]:
            async def handle(request: Request, raw: bytes) -> Response:
                return await handler(read_body(raw, body), request)

            self._known["POST", path] = Shortcut(path, handle)
            return handler

        return register

    def get(self, path: str, answer: _Got) -> None:
        """Let a path be answered by something that needs nothing of the request and waits for nothing."""

        async def handle(request: Request, raw: bytes) -> Response:  # noqa: ARG001 - the signature of all
            return answer()

        self._known["GET", path] = Shortcut(path, handle, answer)


def read_body(raw: bytes, kind: type[_Body]) -> _Body:
    """Read a JSON body strictly; raises `Refusal` that says what is wrong with it first."""
    try:
        data = from_json(raw, allow_inf_nan=False)
    except ValueError as error:
        raise Refusal(400, f"The body is not valid JSON: {error}.", code="invalid_json") from None
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        raise invalid(*error.errors(include_url=False, include_input=False)) from None


def invalid(*errors: Any) -> Refusal:
    """Describe the first thing that is wrong with a body, without repeating it.

    Where a value fits none of several types, what it fits best is told: the type in which the fault lies deepest.
    """
    first, place = errors[0], _place(errors[0])
    for other in errors[1:]:
        deeper = _place(other)
        if len(deeper) > len(place) and deeper[: len(place)] == place:
            first, place = other, deeper
    param = ".".join(place) or None
    if first["type"] == "extra_forbidden":
        return Refusal(400, f"Unrecognized request argument supplied: `{param}`.", code="unknown_parameter", param=param)
    if first["type"] == "json_invalid":
        return Refusal(400, f"The body is not valid JSON: {first.get('ctx', {}).get('error', first['msg'])}.", code="invalid_json")
    if first["type"] == "missing":
        return Refusal(400, f"Missing required parameter: `{param or 'body'}`.", code="missing_required_parameter", param=param)
    return Refusal(400, f"Invalid value for `{param or 'body'}`: {first['msg']}.", code="invalid_value", param=param)


def _place(error: Any) -> list[str]:
    return [str(part) for part in error["loc"] if not _is_branch(part)]


def _is_branch(part: object) -> bool:
    """Tell whether a part of a place is the name of a type that was tried, not of a field."""
    is_type = isinstance(part, str) and (part in {"str", "int", "float", "bool"} or part.startswith("constrained-"))
    return is_type or (isinstance(part, str) and ("[" in part or part[:1].isupper()))
