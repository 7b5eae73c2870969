"""The short way of small requests: from the parser to their handler and back in one write, without ASGI between.

Taken by requests for a shortcut whose body is small and announced, on a connection with nothing else to do; everything else goes through
uvicorn's cycle and the framework as ever. The gate looks at both alike.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final, cast

from fastapi import Request, Response
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from mallku.errors import MallkuError
from mallku.server.errors import Refusal, error_body, refusal_of
from mallku.server.event_stream import WHEN_LEFT, EventStream
from mallku.server.gate import Gate, Visit
from mallku.server.json_response import JsonResponse
from mallku.server.service import Service
from mallku.server.shortcuts import Shortcut

_log = logging.getLogger("mallku.server")

_LINES: Final = {
    499: b"HTTP/1.1 499 Client Closed Request\r\n",
    **{status.value: b"HTTP/1.1 %d %s\r\n" % (status.value, status.phrase.encode()) for status in HTTPStatus},
}
_SMALL: Final = 256 * 1024
"""Bytes of a body that is waited for here."""
_MISTAKE: Final = "The server made a mistake with this request; it is in the server's log under the request id."
_STOPPING: Final = "The server is being stopped. Ask again when it is back."


class Lane:
    """What the short way needs of the server."""

    def __init__(self, service: Service) -> None:
        self.gate = Gate(service)
        """Who is let in."""
        self.metrics = service.metrics
        """What is counted."""
        self._shortcuts = service.shortcuts

    def find(self, method: bytes, target: bytes) -> Shortcut | None:
        """Return the way to the handler of exactly this target, if there is one."""
        return self._shortcuts.find(method.decode("latin-1"), target.decode("latin-1"))


class ShortWay(HttpToolsProtocol):
    """uvicorn's protocol over httptools, with the short way; without a `lane` it is nothing else."""

    lane: Lane | None = None
    client_timeout_s: float
    _taken: Shortcut | None = None
    _body: bytearray
    _body_timer: asyncio.TimerHandle | None = None
    _when_left: Callable[[], None] | None = None

    def data_received(self, data: bytes) -> None:
        """Read on; a request whose body has not come yet is waited for, but not for ever."""
        super().data_received(data)
        if self._taken is not None and self._body_timer is None and not self.transport.is_closing():
            self._body_timer = self.loop.call_later(self.client_timeout_s, self._late)

    def on_headers_complete(self) -> None:
        """Decide which way the request goes."""
        if self.lane is not None and self._is_free() and (taken := self.lane.find(self.parser.get_method(), self.url)) is not None:
            self._taken, self._body = taken, bytearray()
            return
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of a body."""
        if self._taken is None:
            super().on_body(body)
        else:
            self._body += body

    def on_message_complete(self) -> None:
        """Answer the request, now that it is whole."""
        if self._taken is None:
            super().on_message_complete()
            return
        shortcut, self._taken = self._taken, None
        self._stop_body_timer()
        self._answer(shortcut, bytes(self._body))

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever answers that the client has gone."""
        self._stop_body_timer()
        super().connection_lost(exc)
        if self._when_left is not None:
            self._when_left()

    def _is_free(self) -> bool:
        """Tell whether nothing else is answered on the connection, and the request wants nothing unusual of it."""
        lengths = [value for name, value in self.headers if name in {b"content-length", b"transfer-encoding"}]
        if lengths and not (len(lengths) == 1 and lengths[0].isdigit() and len(lengths[0]) < 8 and int(lengths[0]) <= _SMALL):  # noqa: PLR2004 - digits of a small number
            return False
        cycle: RequestResponseCycle | None = self.cycle
        is_idle = (cycle is None or cycle.response_complete) and not self.pipeline and not self.flow.write_paused
        is_plain = not self.expect_100_continue and self.parser.get_http_version() == "1.1"
        return is_idle and is_plain and not self.parser.should_upgrade() and self.parser.should_keep_alive()

    def _late(self) -> None:
        """End the connection of a client that does not send its body."""
        assert self._taken is not None
        visit = Visit(cast("Scope", self.scope))
        visit.route = self._taken.path
        self._taken = self._body_timer = None
        visit.extra.append((b"connection", b"close"))
        self._write(_refused(Refusal(408, "The request did not arrive in time.", code="request_timeout"), visit), visit)
        self.transport.close()
        self._count(visit)

    def _stop_body_timer(self) -> None:
        if self._body_timer is not None:
            self._body_timer.cancel()
            self._body_timer = None

    def _answer(self, shortcut: Shortcut, body: bytes) -> None:
        assert self.lane is not None
        scope: Any = self.scope
        scope.update(method="POST" if shortcut.at_once is None else "GET", path=shortcut.path, raw_path=self.url, query_string=b"")
        visit = Visit(scope)
        visit.route = shortcut.path
        is_begun = False
        try:
            self.lane.gate.admit(scope, self.lane.gate.greet(scope, visit))
            self.lane.gate.check_size(len(body))
            if shortcut.at_once is not None:
                self._write(shortcut.at_once(), visit)
            else:
                self._begin(shortcut, body, visit)
                is_begun = True
        except Refusal as refusal:
            self._write(_refused(refusal, visit), visit)
        finally:
            if not visit.status and not is_begun:
                _log.error("request %s to %s met a fault of the server", visit.request_id, shortcut.path, exc_info=True)
                visit.extra.append((b"connection", b"close"))
                self._write(_refused(Refusal(500, _MISTAKE, code="internal_error"), visit), visit)
                self.transport.close()
            if not is_begun:
                self._count(visit)

    def _begin(self, shortcut: Shortcut, body: bytes, visit: Visit) -> None:
        """Answer on a task of its own. The cycle is there for whoever ends the connection, and for streams."""
        scope: Any = self.scope
        self.cycle = cycle = RequestResponseCycle(
            scope=scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=True,
            on_response=self.on_response_complete,
        )
        cycle.more_body = False
        scope[WHEN_LEFT] = self._tell_leaving
        task = self.loop.create_task(self._respond(shortcut, body, visit, cycle))
        self.tasks.add(task)

        def over(done: "asyncio.Task[None]") -> None:
            self.tasks.discard(done)
            self._when_left = None
            fault = None if done.cancelled() else done.exception()
            if fault is not None:
                _log.error("request %s to %s met a fault of the server", visit.request_id, shortcut.path, exc_info=fault)
            if not visit.status:
                refusal = Refusal(503, _STOPPING, code="stopping") if fault is None else Refusal(500, _MISTAKE, code="internal_error")
                self._write(_refused(refusal, visit), visit, cycle)
            elif not cycle.response_complete:
                self.transport.close()
            self._count(visit)

        task.add_done_callback(over)

    async def _respond(self, shortcut: Shortcut, body: bytes, visit: Visit, cycle: RequestResponseCycle) -> None:
        scope, receive = cast("Scope", self.scope), cast("Receive", cycle.receive)
        try:
            response = await shortcut.handle(Request(scope, receive), body)
            if isinstance(response, EventStream):
                await response(scope, receive, _sender(cycle, visit))
                return
        except Refusal as refusal:
            response = _refused(refusal, visit)
        except MallkuError as error:
            response = _refused(refusal_of(error), visit)
        if not visit.status:
            self._write(response, visit, cycle)

    def _write(self, response: Response, visit: Visit, cycle: RequestResponseCycle | None = None) -> None:
        """Send a whole response in one write, and make the connection ready for the next request."""
        visit.status = response.status_code
        if self.transport.is_closing():
            return
        keeps_alive = cycle is None or cycle.keep_alive
        head = [*self.server_state.default_headers, *response.raw_headers, *visit.own_headers()]
        if not keeps_alive:
            head.append((b"connection", b"close"))
        lines = b"".join([b"%s: %s\r\n" % pair for pair in head])
        assert lines.count(b"\n") == len(head)
        self.transport.write(b"%s%s\r\n%s" % (_LINES[response.status_code], lines, response.body))
        if cycle is not None:
            cycle.response_started = cycle.response_complete = True
        if not keeps_alive:
            self.transport.close()
        self.on_response_complete()

    def _count(self, visit: Visit) -> None:
        assert self.lane is not None
        self.lane.metrics.answered(visit.route, visit.status, time.perf_counter() - visit.began)

    def _tell_leaving(self, leave: Callable[[], None] | None) -> None:
        self._when_left = leave
        if leave is not None and self.transport.is_closing():
            self.loop.call_soon(leave)


def _refused(refusal: Refusal, visit: Visit) -> Response:
    return JsonResponse(error_body(refusal, request_id=visit.request_id), status=refusal.status, headers=refusal.headers)


def _sender(cycle: RequestResponseCycle, visit: Visit) -> Send:
    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            visit.status = message["status"]
            message = {**message, "headers": [*message["headers"], *visit.own_headers()]}
        await cycle.send(message)  # type: ignore[arg-type]

    return send
