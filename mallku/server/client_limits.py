"""Limits on what a client may do to a connection, whoever reads its requests: slow ones end, broken ones are told so in our shape."""

import asyncio
from abc import ABC, abstractmethod
from typing import Any, Final

from mallku.server.errors import Refusal, error_body
from mallku.server.json_response import compact

_REASONS: Final = {400: b"Bad Request", 431: b"Request Header Fields Too Large"}


class ClientLimits(ABC):
    """Mixed into uvicorn's protocols, whose methods it calls.

    A head that is not complete in time ends the connection, and so does an answer that the client does not take in time.
    """

    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    client_timeout_s: float
    max_header_bytes: int
    _head_due: float | None = None
    """When the head that is awaited has to be there; None while none is awaited."""
    _head_timer: asyncio.TimerHandle | None = None
    _write_timer: asyncio.TimerHandle | None = None

    @property
    @abstractmethod
    def is_waiting(self) -> bool:
        """Whether the head of a request is awaited."""

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a head."""
        super().connection_made(transport)  # type: ignore[misc]
        self._watch_head()

    def data_received(self, data: bytes) -> None:
        """Read on."""
        super().data_received(data)  # type: ignore[misc]
        self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all watches."""
        self._stop_head_timer()
        self._stop_write_timer()
        super().connection_lost(exc)  # type: ignore[misc]

    def pause_writing(self) -> None:
        """Give the client time to take what was sent."""
        super().pause_writing()  # type: ignore[misc]
        if self._write_timer is None:
            self._write_timer = self.loop.call_later(self.client_timeout_s, self.transport.abort)

    def resume_writing(self) -> None:
        """Note that it did."""
        self._stop_write_timer()
        super().resume_writing()  # type: ignore[misc]

    def send_400_response(self, msg: str) -> None:
        """Answer what is no request, and end the connection."""
        self.refuse(Refusal(400, msg, code="invalid_http"))

    def refuse(self, refusal: Refusal) -> None:
        """Answer with an error, and end the connection."""
        body = compact(error_body(refusal))
        head = b"HTTP/1.1 %d %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
        self.transport.write(head % (refusal.status, _REASONS[refusal.status], len(body)) + body)
        self.transport.close()

    def _watch_head(self) -> None:
        """Note from when on a head is awaited. One timer serves for many: to set one for each would be a good part of a small request."""
        if not self.is_waiting or self.transport.is_closing():
            self._head_due = None
        elif self._head_due is None:
            self._head_due = self.loop.time() + self.client_timeout_s
            if self._head_timer is None:
                self._head_timer = self.loop.call_at(self._head_due, self._look_for_head)

    def _look_for_head(self) -> None:
        self._head_timer = None
        if self._head_due is None:
            return
        if self.loop.time() >= self._head_due:
            self.transport.abort()
        else:
            self._head_timer = self.loop.call_at(self._head_due, self._look_for_head)

    def _stop_head_timer(self) -> None:
        self._head_due = None
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _stop_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None
