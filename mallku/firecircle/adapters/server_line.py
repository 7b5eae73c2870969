"""The line to one server: the client that guards what is dialled, the connections, and what the server has just said about itself.

Seats of one circle that dial alike share a line: the server is asked once who it is, its address is classified once, and a connection
that one seat leaves open serves the next.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pydantic import SecretStr

from mallku.catalog.endpoint_facts import EndpointFacts
from mallku.firecircle.adapters.direct_connection import DirectConnection, can_go_directly
from mallku.firecircle.adapters.endpoint import EndpointProfile
from mallku.firecircle.adapters.sdk_connection import DUMMY_KEY, SdkConnection
from mallku.firecircle.adapters.turn_clock import TurnClock

if TYPE_CHECKING:
    from mallku.catalog.guarded_client import GuardedClient

_FRESH_S: Final = 5.0
"""What a server said of itself this short while ago need not be asked again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialling:
    """How a server is dialled. Only those who dial alike in everything share a line."""

    url: str
    """Address as the user wrote it."""
    server: str = ""
    """Kind of server, if it is known."""
    key: SecretStr | None = None
    """Key to present."""
    allow_remote: bool = False
    """Whether the address may lie outside."""
    proxy: str = ""
    """Proxy through which an address outside is reached."""
    connect_s: float | None = None
    """Seconds to wait at most for a connection."""


class ServerLine:
    """Client, connections and fresh facts of one server. Closed when all who joined have left."""

    def __init__(self, dialling: Dialling) -> None:
        from mallku.catalog.guarded_client import GuardedClient

        self._dialling = dialling
        self.client: Final = GuardedClient(
            allow_remote=dialling.allow_remote, connect_s=dialling.connect_s, key=dialling.key, proxy=dialling.proxy
        )
        """Dials, and presents the key if there is one."""
        self.connections: Final = Connections(key=dialling.key, client=self.client)
        """What requests travel by."""
        self.closed = False
        """Whether the last who used it has left."""
        self._users = 0
        self._asking: asyncio.Task[EndpointFacts] | None = None
        self._asking_for = 0
        self._told_at = 0.0

    def join(self) -> None:
        """Count one user more."""
        self._users += 1

    async def leave(self) -> None:
        """Count one user less; the last one closes the line."""
        self._users -= 1
        if self._users == 0:
            self.closed = True
            await self.connections.close()
            await self.client.close()

    async def facts(self, ask: Callable[[], Awaitable[EndpointFacts]]) -> EndpointFacts:
        """Return what the server says about itself: what it has just told somebody on this line, else what it answers now.

        Who comes while it is being asked waits for that answer, an error too; only an answer is kept, and only for a short while.
        """
        stale = (
            self._asking is not None and self._asking.done() and (_unusable(self._asking) or time.monotonic() - self._told_at > _FRESH_S)
        )
        if self._asking is None or stale:
            self._asking, self._asking_for = asyncio.ensure_future(self._ask(ask)), 0
        asking = self._asking
        self._asking_for += 1
        try:
            return await asyncio.shield(asking)
        finally:
            if asking is self._asking:
                self._asking_for -= 1
                if self._asking_for == 0 and not asking.done():
                    asking.cancel()

    async def _ask(self, ask: Callable[[], Awaitable[EndpointFacts]]) -> EndpointFacts:
        told = await ask()
        self._told_at = time.monotonic()
        return told


def _unusable(asking: "asyncio.Task[EndpointFacts]") -> bool:
    return asking.cancelled() or asking.exception() is not None


class Connections:
    """Chooses for each request how it travels: directly to a local address over plain HTTP where it can, else through the SDK."""

    def __init__(self, *, key: SecretStr | None, client: "GuardedClient") -> None:
        self._key = key or SecretStr(DUMMY_KEY)
        self._client = client
        self._direct: DirectConnection | None = None
        self._sdk: SdkConnection | None = None

    def send(self, body: dict[str, Any], profile: EndpointProfile, clock: TurnClock) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Open the answer to `body`; raises `RefusedError` for an error answer."""
        base_url = profile.facts.base_url
        if self._direct is not None and self._direct.lost:
            # The guarded client looks the name up once more and classifies what it finds; the next request goes there directly.
            self._direct = None
        elif self._direct is None and can_go_directly(base_url):
            location, address = self._client.location(base_url) or ("public", "")
            if location in {"loopback", "private"}:
                self._direct = DirectConnection(base_url, address, key=self._key, connect_s=self._client.timeout.connect)
        if self._direct is not None:
            return self._direct.send(body, profile, clock)
        if self._sdk is None:
            self._sdk = SdkConnection(base_url, client=self._client)
        return self._sdk.send(body, profile, clock)

    async def close(self) -> None:
        """Close what the guarded client does not."""
        if self._direct is not None:
            await self._direct.close()
