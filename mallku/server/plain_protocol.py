"""Requests read by h11, in pure Python."""

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from mallku.server.client_limits import ClientLimits


class PlainProtocol(ClientLimits, H11Protocol):
    """uvicorn's protocol over h11, which limits the size of heads itself."""

    @property
    def is_waiting(self) -> bool:
        """Whether the head of a request is awaited."""
        return self.conn.their_state is h11.IDLE
