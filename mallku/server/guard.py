"""The way of a request through the framework: past the gate, with its body read whole, to a route and back."""

import asyncio
import contextlib
import time
from typing import Final

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mallku.errors import MallkuError
from mallku.server.errors import Refusal, error_body, refusal_of
from mallku.server.gate import BODY_METHODS, Gate, Headers, Visit
from mallku.server.json_response import JsonResponse
from mallku.server.service import Service
from mallku.server.settings import ServerSettings

_DRAINED: Final = 64_000_000
_DRAINING_S: Final = 2.0


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, *, service: Service) -> None:
        self._app = app
        self._settings = service.settings
        self._gate = Gate(service)
        self._metrics = service.metrics
        self._shortcuts = service.shortcuts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or answer it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        visit = Visit(scope)
        passage = _Passage(scope, receive, send, settings=self._settings, gate=self._gate, visit=visit)
        try:
            headers = self._gate.greet(scope, visit)
            if scope["method"] == "OPTIONS" and headers.get(b"origin") and b"access-control-request-method" in headers:
                await _preflight(scope, receive, passage.send, headers)
                return
            self._gate.admit(scope, headers)
            body = await passage.read_body()
            shortcut = self._shortcuts.find("GET" if scope["method"] == "HEAD" else scope["method"], scope["path"])
            if shortcut is None:
                await self._app(scope, passage.receive, passage.send)
                return
            visit.route = shortcut.path
            response = await shortcut.handle(Request(scope, receive), body)
            await response(scope, receive, passage.send)
        except Refusal as refusal:
            await passage.refuse(refusal)
        except MallkuError as error:
            await passage.refuse(refusal_of(error))
        finally:
            route = visit.route or getattr(scope.get("route"), "path", "other")
            self._metrics.answered(route, visit.status, time.perf_counter() - visit.began)


class _Passage:
    """One request's way in and out, with its limits."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, *, settings: ServerSettings, gate: Gate, visit: Visit) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._settings = settings
        self._gate = gate
        self._visit = visit
        self._body: bytes | None = None
        self._is_read = False

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
                    self._gate.check_size(size)
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
            self._visit.status = message["status"]
            message = {**message, "headers": [*message.get("headers", []), *self._visit.own_headers()]}
        await self._send(message)

    async def refuse(self, refusal: Refusal) -> None:
        """Answer with an error, unless an answer has begun."""
        if self._visit.status:
            return
        headers = refusal.headers
        if not self._is_read and self._scope["method"] in BODY_METHODS:
            headers = {**headers, "connection": "close"}
            await self._drain()
        body = error_body(refusal, request_id=self._visit.request_id)
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


async def _preflight(scope: Scope, receive: Receive, send: Send, headers: Headers) -> None:
    granted = {
        "access-control-allow-methods": "GET, POST, DELETE",
        "access-control-allow-headers": headers.get(b"access-control-request-headers", ""),
        "access-control-max-age": "600",
    }
    if headers.get(b"access-control-request-private-network") == "true":
        granted["access-control-allow-private-network"] = "true"
    await JsonResponse(None, status=204, headers=granted)(scope, receive, send)
