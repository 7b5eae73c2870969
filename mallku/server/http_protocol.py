"""HTTP as the wire has it: broken requests are told so in our shape, and slow ones are cut off before they are requests."""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from mallku.server.errors import Refusal, error_body
from mallku.server.json_response import compact


def limited_protocol(header_timeout_s: float) -> type[asyncio.Protocol]:
    """Return uvicorn's protocol with a limit on the time a client may take for the head of its request."""

    class LimitedProtocol(H11Protocol):
        _head_timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._watch_head()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._watch_head()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_watch()
            super().connection_lost(exc)

        def send_400_response(self, msg: str) -> None:
            body = compact(error_body(Refusal(400, msg, code="invalid_http")))
            head = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), (b"connection", b"close")]
            for event in (h11.Response(status_code=400, headers=head, reason=b"Bad Request"), h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
            self.transport.close()

        def _watch_head(self) -> None:
            is_waiting = self.conn.their_state is h11.IDLE and not self.transport.is_closing()
            if not is_waiting:
                self._stop_watch()
            elif self._head_timer is None:
                self._head_timer = self.loop.call_later(header_timeout_s, self.transport.abort)

        def _stop_watch(self) -> None:
            if self._head_timer is not None:
                self._head_timer.cancel()
                self._head_timer = None

    return LimitedProtocol
