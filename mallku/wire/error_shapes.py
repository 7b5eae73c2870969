"""What went wrong, read from whatever a server answers: six shapes of error body and the texts of a dozen servers."""

import json
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Literal

ErrorKind = Literal[
    "overflow",
    "shared memory full",
    "roles",
    "parameter",
    "structured output",
    "streaming refused",
    "loading",
    "busy",
    "key",
    "model missing",
    "wrong path",
    "generation",
    "invalid request",
    "server",
]
"""What kind of trouble an error is; `shared memory full` means that requests running together exhausted one KV pool."""

_TEXT_KEPT: Final = 300
_MOST_DIGITS: Final = 12

_OVERFLOW: Final = re.compile(
    r"exceed_context_size|context_length_exceeded|maximum context length|exceeds? the (?:available )?context (?:size|window|length)"
    r"|longer than the model's context length|trying to keep the first|requested tokens \(\d+\) exceed context window"
    r"|`?inputs?`? tokens? \+ `?max_new_tokens|prompt (?:is )?too long|input length exceeds|context overflow",
    re.IGNORECASE,
)
_POOL: Final = re.compile(r"context size has been exceeded", re.IGNORECASE)
_ROLES: Final = re.compile(
    r"roles? must alternate|system role|system message must|only user(?:,| and) assistant|unsupported role|unexpected role"
    r"|jinja|chat.?template|raise_exception|minja",
    re.IGNORECASE,
)
_STRUCTURED: Final = re.compile(
    r"response_format|json_schema|json_object|guided|grammar|structured.?output|failed to parse.*schema|'type' must be", re.IGNORECASE
)
_PARAMETER: Final = re.compile(
    r"not supported|unsupported|unrecognized request argument|unexpected fields?|extra (?:fields|inputs)|extra_forbidden"
    r"|unknown (?:field|parameter|argument)|duplicate field|additional properties|unexpected keyword",
    re.IGNORECASE,
)
_LOADING: Final = re.compile(r"loading model|model is loading|still loading|not ready|warming up|starting", re.IGNORECASE)
_BUSY: Final = re.compile(
    r"server busy|overloaded|queue|too many requests|rate limit|maximum pending|service_unavailable|no slot", re.IGNORECASE
)
_MODEL: Final = re.compile(
    r"model.{0,120}(?:not found|does not exist|not exist|no such|not loaded|unknown|invalid)"
    r"|no model|unknown model|invalid model|only allow now",
    re.IGNORECASE | re.DOTALL,
)
_WRONG_PATH: Final = re.compile(r"unexpected endpoint|cannot post|<html|an HTML page", re.IGNORECASE)
_STREAM: Final = re.compile(r"['\"`]?stream(?:ing)?['\"`]? (?:is |are )?not (?:supported|available|implemented)", re.IGNORECASE)
_WINDOW: Final = (
    re.compile(r"maximum context length (?:is|of) (\d+)", re.IGNORECASE),
    re.compile(r"context window of (\d+)", re.IGNORECASE),
    re.compile(r"context length (?:of|is)(?: only)? (\d+)", re.IGNORECASE),
    re.compile(r"model's context length \((\d+)", re.IGNORECASE),
    re.compile(r"available context size \((\d+)", re.IGNORECASE),
    re.compile(r"must be <= (\d+)", re.IGNORECASE),
    re.compile(r"n_ctx\W{1,4}(\d+)", re.IGNORECASE),
)
_NEEDED: Final = (
    re.compile(r"requested (?:about )?(\d+) tokens", re.IGNORECASE),
    re.compile(r"requested tokens \((\d+)\)", re.IGNORECASE),
    re.compile(r"request \((\d+) tokens\)", re.IGNORECASE),
    re.compile(r"input (?:is |has |length )?\(?(\d+) tokens", re.IGNORECASE),
    re.compile(r"keep the first (\d+) tokens", re.IGNORECASE),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorFacts:
    """An error answer, read."""

    kind: ErrorKind
    """What kind of trouble it is."""
    text: str
    """The server's own words, shortened."""
    status: int | None = None
    """HTTP status, or None for an error inside a stream or a 200."""
    code: str = ""
    """The server's code or type, or empty."""
    parameters: tuple[str, ...] = ()
    """Names of request fields that the text complains about."""
    window: int | None = None
    """Tokens the model can hold, if the text says so."""
    needed: int | None = None
    """Tokens the request would take, if the text says so."""


def read_error(status: int | None, body: str, *, sent: frozenset[str] = frozenset()) -> ErrorFacts:
    """Read an error answer.

    Args:
        status: HTTP status; None for an error inside a stream or a 200.
        body: The body as text, whatever it is.
        sent: Names of the optional fields the request carried, to tell which one is complained about.
    """
    data = _loaded(body)
    text, code = _message(data, body)
    searched = f"{code} {text}"
    complained = tuple(name for name in sorted(sent) if re.search(rf"\b{re.escape(name)}\b", searched))
    window, needed = _figures(data, searched)
    return ErrorFacts(
        kind=_kind(status, searched, complained),
        text=" ".join(text.split())[:_TEXT_KEPT],
        status=status,
        code=code,
        parameters=complained,
        window=window,
        needed=needed,
    )


def error_inside(data: Any) -> str:
    """Return the error that a body with status 200 or a stream event carries, as JSON text; empty if it carries none."""
    if not isinstance(data, dict):
        return ""
    error = data.get("error")
    if isinstance(error, dict) and "choices" in data and not any(error.values()):
        error = None  # a form with nothing filled in
    failed = error or data.get("error_code") or data.get("object") == "error"
    if not failed and "choices" not in data:
        failed = data.get("detail") or isinstance(data.get("message"), str)
    return json.dumps(data) if failed else ""


def _kind(status: int | None, text: str, complained: tuple[str, ...]) -> ErrorKind:
    if _POOL.search(text) and status != HTTPStatus.BAD_REQUEST:
        return "shared memory full"
    if _OVERFLOW.search(text) or _POOL.search(text) or " 40303" in f" {text}":
        return "overflow"
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return "key"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return "busy"
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return "loading" if _LOADING.search(text) else "busy"
    if status == HTTPStatus.FAILED_DEPENDENCY:
        return "generation"
    if status in {HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT}:
        return "server"
    if _WRONG_PATH.search(text):  # below the statuses that say what is wrong whatever page a relay puts there
        return "wrong path"
    if _STREAM.search(text):
        return "streaming refused"
    if "response_format" in complained or (_STRUCTURED.search(text) and status != HTTPStatus.NOT_FOUND):
        return "structured output"
    if complained and (_PARAMETER.search(text) or status == HTTPStatus.UNPROCESSABLE_ENTITY):
        return "parameter"
    if _ROLES.search(text):
        return "roles"
    if status == HTTPStatus.NOT_FOUND or _MODEL.search(text):
        return _not_found(text)
    if _PARAMETER.search(text) or status in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}:
        return "parameter" if _PARAMETER.search(text) else "invalid request"
    if _LOADING.search(text) and status is not None and status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "loading"
    if _BUSY.search(text):
        return "busy"
    return "server" if status is None or status >= HTTPStatus.INTERNAL_SERVER_ERROR else "invalid request"


def _not_found(text: str) -> ErrorKind:
    if _MODEL.search(text):
        return "model missing"
    # mlx-lm answers 404 to every failure of generation and puts the exception's text there
    plain = text.strip().lower()
    return "wrong path" if not plain or "not found" in plain else "generation"


def _loaded(body: str) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _message(data: Any, body: str) -> tuple[str, str]:
    match data:
        case {"error": dict() as inner}:
            return str(inner.get("message") or inner), " ".join(str(inner[key]) for key in ("type", "code") if inner.get(key))
        case {"error": str() as text}:
            return text, str(data.get("error_type") or data.get("type") or "")
        case {"message": str() as text}:
            return text, " ".join(str(data[key]) for key in ("type", "code") if data.get(key))
        case {"detail": detail}:
            return _detail(detail), ""
        case {"text": str() as text, "error_code": code}:
            return text, str(code)
        case _:
            return _plain(body), ""


def _detail(detail: Any) -> str:
    match detail:
        case str():
            return detail
        case {"msg": str() as text}:
            return f"{text} {detail.get('type', '')}".strip()
        case list():
            return "; ".join(_detail(part) for part in detail[:5])
        case _:
            return json.dumps(detail)


def _plain(body: str) -> str:
    if "<html" in body[:1000].lower() or "<!doctype" in body[:100].lower():
        title = re.search(r"<title>(.*?)</title>", body, re.IGNORECASE | re.DOTALL)
        return f"an HTML page{': ' + title.group(1).strip() if title else ''}"
    return body


def _figures(data: Any, text: str) -> tuple[int | None, int | None]:
    inner = data.get("error") if isinstance(data, dict) else None
    if isinstance(inner, dict) and isinstance(inner.get("n_ctx"), int):
        needed = inner.get("n_prompt_tokens")
        return inner["n_ctx"], needed if isinstance(needed, int) else None
    return _first_number(_WINDOW, text), _first_number(_NEEDED, text)


def _first_number(patterns: tuple[re.Pattern[str], ...], text: str) -> int | None:
    for pattern in patterns:
        if (found := pattern.search(text)) and len(found.group(1)) <= _MOST_DIGITS:
            return int(found.group(1))
    return None
