"""The gate every request passes before any route sees it: host, origin, key, rate, size and time."""

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mallku.errors import MallkuError
from mallku.server.errors import Refusal, error_body, refusal_of
from mallku.server.identity import new_id
from mallku.server.json_response import JsonResponse
from mallku.server.service import Service
from mallku.server.settings import ServerSettings

_OPEN_PATHS: Final = frozenset({"/health", "/docs", "/openapi.json"})
_BODY_METHODS: Final = frozenset({"POST", "PUT", "PATCH"})
_LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")
_DRAINED: Final = 64_000_000
_DRAINING_S: Final = 2.0
_EXPOSED: Final = "x-request-id, retry-after"
_READ: Final = frozenset(
    {
        b"host", b"origin", b"authorization", b"x-api-key", b"content-length", b"content-type", b"transfer-encoding",
        b"sec-fetch-site", b"sec-fetch-mode", b"sec-fetch-dest",
        b"access-control-request-method", b"access-control-request-headers", b"access-control-request-private-network",
    }
)  # fmt: skip
"""The headers that are looked at here."""

_Headers = Mapping[bytes, str]


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, *, service: Service) -> None:
        self._app = app
        self._settings = service.settings
        self._keys = service.keys
        self._rate = service.rate
        self._metrics = service.metrics
        self._shortcuts = service.shortcuts
        self._hosts = frozenset(name.lower() for name in (*_LOOPBACK_NAMES, self._settings.host, *self._settings.allowed_hosts))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or answer it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        passage = _Passage(scope, receive, send, settings=self._settings)
        try:
            headers = _read_head(scope, self._settings.max_header_bytes)
            self._check_host(headers, scope["http_version"])
            origin = headers.get(b"origin", "")
            self._check_origin(origin, headers)
            if origin and not _is_own(origin, headers):
                passage.add_headers(_cors(origin))
            if scope["method"] == "OPTIONS" and origin and b"access-control-request-method" in headers:
                await _preflight(scope, receive, passage.send, headers)
                return
            scope["state"]["caller"] = caller = self._caller(scope, headers)
            self._rate.take(caller)
            _check_body(scope, headers, self._settings.max_body_bytes)
            body = await passage.read_body()
            shortcut = self._shortcuts.find(scope["method"], scope["path"])
            if shortcut is None:
                await self._app(scope, passage.receive, passage.send)
                return
            passage.route = shortcut.path
            response = await shortcut.handle(Request(scope, receive), body)
            await response(scope, receive, passage.send)
        except Refusal as refusal:
            await passage.refuse(refusal)
        except MallkuError as error:
            await passage.refuse(refusal_of(error))
        finally:
            route = passage.route or getattr(scope.get("route"), "path", "other")
            self._metrics.answered(route, passage.status, time.perf_counter() - passage.began)

    def _check_host(self, headers: _Headers, version: str) -> None:
        """Refuse names that are not ours: a foreign name that resolves to this address is DNS rebinding; a bare address cannot be."""
        host = headers.get(b"host")
        if host is None and version != "1.0":
            raise Refusal(400, "The request names no host. Send a `Host` header.", code="host_missing")
        name = _host_name(host or self._settings.host)
        if name in self._hosts or (not self._settings.is_loopback and _is_address(name)):
            return
        message = f"This server does not answer to the name {name!r}. Add it to allowed_hosts, or use the address."
        raise Refusal(403, message, code="host_not_allowed")

    def _check_origin(self, origin: str, headers: _Headers) -> None:
        if not origin and b"sec-fetch-site" not in headers:
            return
        allowed = self._settings.allowed_origins
        if origin and (origin in allowed or "*" in allowed or _is_own(origin, headers)):
            return
        is_navigation = headers.get(b"sec-fetch-mode") == "navigate" and headers.get(b"sec-fetch-dest") == "document"
        if origin or (headers[b"sec-fetch-site"] in {"cross-site", "same-site"} and not is_navigation):
            message = f"Pages of {origin or 'another site'!r} may not call this server. Add the origin to allowed_origins to let them."
            raise Refusal(403, message, code="origin_not_allowed")

    def _caller(self, scope: Scope, headers: _Headers) -> str:
        client = scope.get("client") or ("unknown", 0)
        if not self._keys.are_demanded or scope["path"] in _OPEN_PATHS:
            return f"address {client[0]}"
        kind, _, presented = headers.get(b"authorization", "").partition(" ")
        key = presented.strip() if kind.lower() == "bearer" else headers.get(b"x-api-key", "")
        name = self._keys.name_of(key) if key else None
        if name is None:
            wrong = "The key is not valid." if key else "No key was given."
            message = f"{wrong} Send `Authorization: Bearer KEY` or `x-api-key: KEY`."
            raise Refusal(401, message, code="invalid_api_key", headers={"www-authenticate": "Bearer"})
        return f"key {name}"


class _Passage:
    """One request's way in and out, with its limits."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, *, settings: ServerSettings) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._settings = settings
        self._body: bytes | None = None
        self._is_read = False
        self._extra: list[tuple[bytes, bytes]] = []
        self.began = time.perf_counter()
        self.route = ""
        self.status = 0
        self.request_id = new_id("req_")
        scope.setdefault("state", {})["request_id"] = self.request_id

    def add_headers(self, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """Add headers to the response."""
        self._extra += headers

    async def read_body(self) -> bytes:
        """Read the whole body, within its limits of size and time."""
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._settings.client_timeout_s):
                while not self._is_read:
                    message = await self._receive()
                    if message["type"] == "http.disconnect":
                        raise Refusal(499, "The client went away.", code="client_closed_request")
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                    if size > self._settings.max_body_bytes:
                        raise _too_large(self._settings.max_body_bytes)
                    self._is_read = not message.get("more_body", False)
        except TimeoutError:
            raise Refusal(408, "The request did not arrive in time.", code="request_timeout") from None
        self._body = b"".join(parts)
        return self._body

    async def receive(self) -> Message:
        """Hand on the body, and afterwards only the client's leaving."""
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: Message) -> None:
        """Hand on a part of the response."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            spent = b"%d" % ((time.perf_counter() - self.began) * 1000)
            own = [(b"x-request-id", self.request_id.encode()), (b"openai-processing-ms", spent), (b"x-content-type-options", b"nosniff")]
            message = {**message, "headers": [*message.get("headers", []), *own, *self._extra]}
        await self._send(message)

    async def refuse(self, refusal: Refusal) -> None:
        """Answer with an error, unless an answer has begun."""
        if self.status:
            return
        headers = refusal.headers
        if not self._is_read and self._scope["method"] in _BODY_METHODS:
            headers = {**headers, "connection": "close"}
            await self._drain()
        body = error_body(refusal, request_id=self.request_id)
        await JsonResponse(body, status=refusal.status, headers=headers)(self._scope, self._receive, self.send)

    async def _drain(self) -> None:
        """Let the rest of a body pass for a moment: a connection closed before it is read takes our answer with it."""
        if any(name == b"expect" for name, _ in self._scope["headers"]):
            return
        left = _DRAINED
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(_DRAINING_S, self._settings.client_timeout_s)):
                while not self._is_read and left > 0:
                    message = await self._receive()
                    left -= len(message.get("body", b""))
                    self._is_read = not message.get("more_body", False)


def _read_head(scope: Scope, most: int) -> _Headers:
    """Return the headers that are looked at; refuses a head that is too large, and two hosts in one."""
    size = len(scope.get("raw_path") or b"") + len(scope["query_string"])
    found: dict[bytes, str] = {}
    for name, value in scope["headers"]:
        size += len(name) + len(value)
        if name in _READ:
            if name == b"host" and name in found:
                raise Refusal(400, "The request names two hosts. Send one `Host` header.", code="host_ambiguous")
            found.setdefault(name, value.decode("latin-1"))
    if size > most:
        raise Refusal(431, f"Request line and headers are larger than {most} bytes. Send less.", code="headers_too_large")
    return found


def _check_body(scope: Scope, headers: _Headers, most: int) -> None:
    if scope["method"] not in _BODY_METHODS:
        return
    length = headers.get(b"content-length", "")
    if length.isdigit() and (len(length) > 18 or int(length) > most):  # noqa: PLR2004 - more digits than any number of bytes has
        raise _too_large(most)
    has_body = length not in {"", "0"} or b"transfer-encoding" in headers
    if has_body and scope["path"].startswith("/v1/"):
        kind = headers.get(b"content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
            message = f"The body is {kind or 'of no declared type'!r}. Send JSON with `Content-Type: application/json`."
            raise Refusal(415, message, code="unsupported_media_type")


def _too_large(most: int) -> Refusal:
    return Refusal(413, f"The request body is larger than {most} bytes. Send less.", code="request_too_large")


async def _preflight(scope: Scope, receive: Receive, send: Send, headers: _Headers) -> None:
    granted = {
        "access-control-allow-methods": "GET, POST, DELETE",
        "access-control-allow-headers": headers.get(b"access-control-request-headers", ""),
        "access-control-max-age": "600",
    }
    if headers.get(b"access-control-request-private-network") == "true":
        granted["access-control-allow-private-network"] = "true"
    await JsonResponse(None, status=204, headers=granted)(scope, receive, send)


def _cors(origin: str) -> list[tuple[bytes, bytes]]:
    return [
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"vary", b"origin"),
        (b"access-control-expose-headers", _EXPOSED.encode()),
    ]


def _is_own(origin: str, headers: _Headers) -> bool:
    return urlsplit(origin).netloc.lower() == headers.get(b"host", "").lower() != ""


def _host_name(host: str) -> str:
    """Return the host without its port, in lower case."""
    host = host.strip().lower()
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0].rstrip(".")


def _is_address(name: str) -> bool:
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
