"""The HTTP client for model servers: it classifies the very address it dials, follows no redirect, and uses no proxy but one it was given.

The only door to httpx2. Import this module on first use.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Final, Self

import httpx2
from pydantic import SecretStr
from typing_extensions import override

from mallku.catalog.addresses import classify, demand_local, resolve
from mallku.dialogue.participant import Location
from mallku.errors import AnswerCutShort, EndpointUnreachable, MallkuError, ProtocolViolation

_STANDARD_PORTS: Final = {"http": 80, "https": 443}


class GuardedTransport(httpx2.AsyncBaseTransport):
    """Resolves a host once, refuses outside addresses, and dials the address that was classified.

    A name that resolves differently later changes nothing: the address is kept for the life of the transport, and looked up and
    classified again only when it cannot be reached.
    """

    def __init__(self, *, allow_remote: bool, key: SecretStr | None = None, proxy: str = "") -> None:
        """Dial public addresses only if `allow_remote`, then through `proxy` if there is one; present `key` with every request."""
        self._allow_remote = allow_remote
        self._key = key
        self._proxy = proxy
        self._through: httpx2.AsyncHTTPTransport | None = None
        # without TLS no certificates need to be loaded, which costs more than all else here
        self._plain = _transport(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        self._secure: httpx2.AsyncHTTPTransport | None = None
        self._dialled: dict[tuple[str, int], str] = {}
        self._proxied: dict[tuple[str, int], str] = {}
        self._proxy_told = ""

    def location(self, url: httpx2.URL | str) -> tuple[Location, str] | None:
        """Return where the host of `url` lies and the address dialled for it, or None before the first request."""
        where = _host_and_port(httpx2.URL(url))
        if where in self._proxied:
            # what the proxy dials is not seen from here, so it lies outside wherever the proxy stands
            return "public", f"{_joined(*where)} through {self._proxied[where]}"
        address = self._dialled.get(where)
        return None if address is None else (classify(address), _joined(address, where[1]))

    @override
    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send the request to the classified address of its host."""
        host, port = where = _host_and_port(request.url)
        if self._key is not None:
            request.headers["Authorization"] = f"Bearer {self._key.get_secret_value()}"
        if where in self._proxied:
            return await self._send_through_proxy(request, where)
        known = self._dialled.get(where)
        if known is not None:
            try:
                return await self._send(request, host, known)
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                del self._dialled[where]
        addresses = await self._resolved(host, port)
        if not self._allow_remote:
            demand_local(host, addresses)
        elif self._proxy and (not addresses or any(classify(address) == "public" for address in addresses)):
            return await self._send_through_proxy(request, where)
        failure: httpx2.TransportError | None = None
        for address in addresses:
            if address == known:
                continue
            try:
                response = await self._send(request, host, address)
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                failure = failure or error
                continue
            self._dialled[where] = address
            return response
        raise failure or httpx2.ConnectError(f"nothing answers at {host}:{port}", request=request)

    async def _resolved(self, host: str, port: int) -> tuple[str, ...]:
        """Return the addresses of a host; none where only the proxy may know it."""
        try:
            return await resolve(host, port)
        except EndpointUnreachable:
            if self._proxy and self._allow_remote:
                return ()
            raise

    async def _send_through_proxy(self, request: httpx2.Request, where: tuple[str, int]) -> httpx2.Response:
        """Have the proxy dial; its own address is resolved and classified like any other, and told."""
        if self._through is None:
            proxy = httpx2.URL(self._proxy)
            name, port = _host_and_port(proxy)
            address = (await resolve(name, port))[0]
            context = await asyncio.to_thread(httpx2.create_ssl_context, trust_env=False)
            self._through = httpx2.AsyncHTTPTransport(verify=context, trust_env=False, proxy=httpx2.Proxy(proxy.copy_with(host=address)))
            self._proxy_told = f"the proxy {_joined(address, port)} ({classify(address)})"
        response = await self._through.handle_async_request(request)
        self._proxied[where] = self._proxy_told
        return response

    async def _send(self, request: httpx2.Request, host: str, address: str) -> httpx2.Response:
        if host != address:
            extensions = {**request.extensions, "sni_hostname": host}
            request = httpx2.Request(
                request.method,
                request.url.copy_with(host=address),
                headers=request.headers,
                stream=request.stream,
                extensions=extensions,
            )
        if request.url.scheme != "https":
            return await self._plain.handle_async_request(request)
        if self._secure is None:
            self._secure = _transport(await asyncio.to_thread(httpx2.create_ssl_context, trust_env=False))
        return await self._secure.handle_async_request(request)

    @override
    async def aclose(self) -> None:
        """Close all connections."""
        await self._plain.aclose()
        for transport in (self._secure, self._through):
            if transport is not None:
                await transport.aclose()


class GuardedClient:
    """An HTTP client whose transport guards what is dialled; also usable by the openai SDK through `http`."""

    def __init__(
        self, *, allow_remote: bool = False, connect_s: float | None = 10.0, key: SecretStr | None = None, proxy: str = ""
    ) -> None:
        """Wait at most `connect_s` seconds for a connection; reading has no limit of its own.

        Args:
            allow_remote: Whether addresses outside this machine and the local network may be dialled.
            connect_s: Seconds to wait for a connection.
            key: Presented with every request; nothing but the request's own header ever shows it.
            proxy: `http://HOST:PORT` of a proxy through which outside addresses are reached; local ones are always dialled directly.
        """
        self._transport = GuardedTransport(allow_remote=allow_remote, key=key, proxy=proxy)
        self.has_key: Final = key is not None
        """Whether a key is presented."""
        self.timeout: Final = httpx2.Timeout(None, connect=connect_s)
        """Limits of the connection; reading is watched by whoever reads."""
        self.http: Final[httpx2.AsyncClient] = httpx2.AsyncClient(
            transport=self._transport, timeout=self.timeout, follow_redirects=False, trust_env=False
        )
        """The client to hand to a library that brings its own protocol."""

    async def __aenter__(self) -> Self:
        """Return the client."""
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close the client."""
        await self.close()

    def location(self, url: str) -> tuple[Location, str] | None:
        """Return where the host of `url` lies and the address dialled for it, or None before the first request."""
        return self._transport.location(url)

    async def get(self, url: str, *, timeout_s: float) -> "Answer":
        """Ask for `url` with GET and read at most one megabyte of the answer."""
        return await self._ask("GET", url, timeout_s=timeout_s)

    async def post(self, url: str, body: Any, *, timeout_s: float) -> "Answer":
        """Send `body` as JSON with POST and read at most one megabyte of the answer."""
        return await self._ask("POST", url, timeout_s=timeout_s, body=body)

    async def close(self) -> None:
        """Close all connections."""
        await self.http.aclose()

    async def _ask(self, method: str, url: str, *, timeout_s: float, body: Any = None) -> "Answer":
        try:
            async with asyncio.timeout(timeout_s), self.http.stream(method, url, json=body) as response:
                content = b""
                async for piece in response.aiter_bytes():
                    content += piece
                    if len(content) > Answer.LARGEST:
                        break
                return Answer(status=response.status_code, headers=response.headers, content=content[: Answer.LARGEST])
        except TimeoutError as error:
            raise EndpointUnreachable(f"Nothing answered at {url} within {timeout_s:g} s.", hint="Is the server running?") from error
        except httpx2.InvalidURL as error:
            raise EndpointUnreachable(f"{url!r} is not a URL.", hint="Write it like `http://127.0.0.1:8080/v1`.") from error
        except httpx2.TransportError as error:
            raise transport_failure(error, url) from error
        except httpx2.DecodingError as error:
            raise _badly_compressed(url) from error


class Answer:
    """A whole answer to a probe."""

    LARGEST: Final = 1_000_000

    def __init__(self, *, status: int, headers: httpx2.Headers, content: bytes) -> None:
        """Keep status, headers and body."""
        self.status = status
        self.headers = headers
        self.content = content

    @property
    def text(self) -> str:
        """The body as text."""
        return self.content.decode("utf-8", errors="replace")

    def json(self) -> Any:
        """Return the body read as JSON, or None if it is not JSON."""
        import json

        try:
            return json.loads(self.content)
        except (ValueError, RecursionError):
            return None


def response_type() -> type[httpx2.Response]:
    """Return the type of a raw answer, for libraries that must be told to hand one out."""
    return httpx2.Response


async def bytes_of(response: httpx2.Response, url: str) -> AsyncIterator[bytes]:
    """Yield the body as it comes; a connection that breaks becomes one of our errors."""
    try:
        async for piece in response.aiter_bytes():
            yield piece
    except httpx2.TransportError as error:
        raise transport_failure(error, url, reading=True) from error
    except httpx2.DecodingError as error:
        raise _badly_compressed(url) from error


def _badly_compressed(url: str) -> ProtocolViolation:
    return ProtocolViolation(f"The answer of {url} is compressed in a way it does not say.", hint="Check the server or relay.")


def broke_off(error: BaseException | None) -> bool:
    """Say whether a connection that stood was lost before an answer came."""
    return isinstance(error, (httpx2.ReadError, httpx2.WriteError, httpx2.RemoteProtocolError))


def transport_failure(error: BaseException, url: str, *, reading: bool = False) -> MallkuError:
    """Translate a failure of the connection."""
    match error:
        case httpx2.ConnectTimeout() | httpx2.PoolTimeout():
            return EndpointUnreachable(f"No connection to {url} in time.", hint="Is the machine on, and is the port right?")
        case httpx2.ConnectError():
            return EndpointUnreachable(
                f"Nothing answers at {url}.",
                hint="Start the server, or check host and port. From inside a container the host is `host.docker.internal`.",
            )
        case httpx2.ProxyError():
            return EndpointUnreachable(
                f"The proxy would not connect to {url}: {error}.", hint="Check the setting `proxy`, or leave it out."
            )
        case httpx2.UnsupportedProtocol() | httpx2.LocalProtocolError():
            return EndpointUnreachable(f"{url!r} cannot be asked over HTTP: {error}.", hint="Write it like `http://127.0.0.1:8080/v1`.")
        case _ if reading:
            return AnswerCutShort(f"The connection to {url} broke off in the middle of the answer.", hint="Look into the server's log.")
        case _:
            return EndpointUnreachable(f"The connection to {url} broke off before an answer came.", hint="Look into the server's log.")


def _transport(context: ssl.SSLContext) -> httpx2.AsyncHTTPTransport:
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=64, keepalive_expiry=30.0)
    return httpx2.AsyncHTTPTransport(verify=context, trust_env=False, limits=limits)


def _host_and_port(url: httpx2.URL) -> tuple[str, int]:
    return url.host, url.port or _STANDARD_PORTS.get(url.scheme, 80)


def _joined(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
