"""Requests over plain HTTP to the very address that was classified: no name is looked up, no redirect followed, no proxy used.

The only door to aiohttp, an optional library whose parser is written in C: a request costs a fifth of what it costs through the SDK.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from pydantic import SecretStr

from mallku.errors import AnswerCutShort, EndpointUnreachable, MallkuError, ProtocolViolation
from mallku.firecircle.adapters.endpoint import EndpointProfile
from mallku.firecircle.adapters.failures import refusal
from mallku.firecircle.adapters.turn_clock import TurnClock

if TYPE_CHECKING:
    import aiohttp

_LARGEST_REFUSAL: Final = 1_000_000
_OK: Final = range(200, 300)
_KEEP_ALIVE_S: Final = 30.0
_ENCODER: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def can_go_directly(base_url: str) -> bool:
    """Say whether requests to an address can be sent directly: it is plain HTTP, and the library for it is installed."""
    return base_url.startswith("http://") and find_spec("aiohttp") is not None


class DirectConnection:
    """Sends requests to one address and keeps its connections open between them.

    Args:
        base_url: The endpoint's address as it was given.
        address: Where it was found, as `HOST:PORT` with a numeric host.
        key: Key to present; it is read only while a request is sent.
        connect_s: Seconds to wait at most for a connection.
    """

    def __init__(self, base_url: str, address: str, *, key: SecretStr, connect_s: float | None) -> None:
        self.address: Final = address
        """Where requests go."""
        self._url = f"{base_url}/chat/completions"
        host, slash, path = base_url.removeprefix("http://").partition("/")
        self._target = f"http://{address}{slash}{path}/chat/completions"
        self._headers = {
            "Host": host.rpartition("@")[2],
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "Content-Type": "application/json",
            "User-Agent": "mallku",
        }
        self._key = key
        self._connect_s = connect_s
        self._session: aiohttp.ClientSession | None = None
        self.lost = False
        """Whether nothing answers at the address any more."""

    @asynccontextmanager
    async def send(self, body: dict[str, Any], profile: EndpointProfile, clock: TurnClock) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open the answer to `body`; raises `RefusedError` for an error answer."""
        import aiohttp

        data = _ENCODER.encode(body).encode("utf-8", "replace")
        try:
            async with clock.limit(profile.facts.base_url):
                response = await self._post(data)
        except aiohttp.ClientError as error:
            raise self._failure(error) from error
        try:
            if response.status not in _OK:
                async with clock.limit(profile.facts.base_url):
                    said = await self._refusal_text(response)
                raise refusal(response.status, said, response.headers, body=body, profile=profile, url=self._url)
            yield self._pieces(response)
        finally:
            # Closes the connection unless the answer was read to its end, so that the server stops.
            response.release()

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    def __del__(self) -> None:
        """Close quietly what nobody has closed, as other clients do; the library would complain on stderr."""
        connector = self._session.connector if self._session is not None else None
        if connector is not None and not connector.closed:
            with suppress(StopIteration, RuntimeError):
                next(connector.close().__await__())

    async def _post(self, data: bytes) -> "aiohttp.ClientResponse":
        """Send the request; once more if the server had just closed the connection that was to be used again."""
        import aiohttp

        session = self._opened()
        headers = {**self._headers, "Authorization": f"Bearer {self._key.get_secret_value()}"}
        try:
            return await session.post(self._target, data=data, headers=headers, allow_redirects=False)
        except aiohttp.ClientConnectorError:
            raise
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, aiohttp.ClientResponseError):
            return await session.post(self._target, data=data, headers=headers, allow_redirects=False)

    def _opened(self) -> "aiohttp.ClientSession":
        if self._session is None:
            import aiohttp

            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE_S),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._connect_s),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
            )
        return self._session

    async def _refusal_text(self, response: "aiohttp.ClientResponse") -> str:
        said = b""
        async for piece in self._pieces(response):
            said += piece
            if len(said) > _LARGEST_REFUSAL:
                break
        return said[:_LARGEST_REFUSAL].decode("utf-8", errors="replace")

    async def _pieces(self, response: "aiohttp.ClientResponse") -> AsyncIterator[bytes]:
        """Yield the body as it comes; a connection that breaks becomes one of our errors."""
        import aiohttp
        from aiohttp.http_exceptions import ContentEncodingError

        try:
            while piece := await response.content.readany():
                yield piece
        except aiohttp.ClientError as error:
            if isinstance(error.__cause__, ContentEncodingError):
                raise ProtocolViolation(
                    f"The answer of {self._url} is compressed in a way it does not say.", hint="Check the server or relay."
                ) from error
            raise AnswerCutShort(
                f"The connection to {self._url} broke off in the middle of the answer.", hint="Look into the server's log."
            ) from error

    def _failure(self, error: "aiohttp.ClientError") -> MallkuError:
        """Translate a failure before the answer."""
        import aiohttp

        match error:
            case aiohttp.ServerTimeoutError():
                self.lost = True
                return EndpointUnreachable(f"No connection to {self._url} in time.", hint="Is the machine on, and is the port right?")
            case aiohttp.ClientConnectorError():
                self.lost = True
                return EndpointUnreachable(f"Nothing answers at {self._url}.", hint="Start the server, or check host and port.")
            case aiohttp.ClientResponseError():
                # its parser declined what came
                why = " ".join(error.message.split())[:200]
                return ProtocolViolation(f"{self._url} answered with broken HTTP: {why}.", hint="Check the server or relay.")
            case _:
                return EndpointUnreachable(
                    f"The connection to {self._url} broke off before an answer came.", hint="Look into the server's log."
                )
