"""Requests read by llhttp, through httptools."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mallku.server.client_limits import ClientLimits
from mallku.server.errors import Refusal


class FastProtocol(ClientLimits, HttpToolsProtocol):
    """uvicorn's protocol over httptools, with the limit on heads that llhttp lacks."""

    _head_bytes = 0
    _is_in_head = False
    _has_asked = False

    @property
    def is_waiting(self) -> bool:
        """Whether the head of a request is awaited."""
        return self._is_in_head or not self._has_asked or self.cycle.response_complete

    def data_received(self, data: bytes) -> None:
        """Read on, unless a head grows beyond its limit: the parser would keep it all."""
        if self.transport.is_closing():
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
        self._is_in_head, self._has_asked = False, True
        super().on_headers_complete()

    def _unsupported_upgrade_warning(self) -> None:
        """Answer as if no upgrade had been asked for. The parser reads nothing after such a request, so it is the connection's last."""
        if self._has_asked:
            self.cycle.keep_alive = False
