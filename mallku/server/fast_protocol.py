"""Requests read by llhttp, through httptools."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from mallku.server.client_limits import ClientLimits
from mallku.server.errors import Refusal
from mallku.server.plain_protocol import PlainProtocol
from mallku.server.short_way import ShortWay


class FastProtocol(ClientLimits, ShortWay):
    """uvicorn's protocol over httptools, with the limit on heads that llhttp lacks."""

    _head_bytes = 0
    _is_in_head = False
    _has_asked = False

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        self._parts = parts

    @property
    def is_waiting(self) -> bool:
        """Whether the head of a request is awaited."""
        if self._taken is not None:
            return False
        cycle: RequestResponseCycle | None = self.cycle
        return self._is_in_head or not self._has_asked or cycle is None or cycle.response_complete

    def data_received(self, data: bytes) -> None:
        """Read on, unless a head grows beyond its limit: the parser would keep it all."""
        if self.transport.is_closing():
            return
        if self.is_waiting and not self._is_in_head and b"\r\nupgrade:" in data.lower():
            self._hand_over(data)
            return
        super().data_received(data)
        if not self._is_in_head:
            return
        self._head_bytes += len(data)
        if self._head_bytes > self.max_header_bytes and not self.transport.is_closing():
            message = f"Request line and headers are larger than {self.max_header_bytes} bytes. Send less."
            self.refuse(Refusal(431, message, code="headers_too_large"))

    def on_message_begin(self) -> None:
        """Begin to count."""
        self._is_in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Stop counting."""
        self._is_in_head, self._has_asked, self._head_due = False, True, None
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Wait for the next head, which is limited as every head is: uvicorn's own timer for idle connections is not needed."""
        if self.pipeline:
            super().on_response_complete()
            return
        self.server_state.total_requests += 1
        if not self.transport.is_closing():
            self.flow.resume_reading()
            self._watch_head()

    def _hand_over(self, data: bytes) -> None:
        """Let h11 read a connection that asks for an upgrade, as Java's client does: llhttp reads no body after such a head."""
        self._stop_head_timer()
        self._unset_keepalive_if_required()
        self.connections.discard(self)
        limits = {"client_timeout_s": self.client_timeout_s, "max_header_bytes": self.max_header_bytes}
        protocol: asyncio.Protocol = type("LimitedPlainProtocol", (PlainProtocol,), limits)(**self._parts)
        self.transport.set_protocol(protocol)
        protocol.connection_made(self.transport)
        protocol.data_received(data)
