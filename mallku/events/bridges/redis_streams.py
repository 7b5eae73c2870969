"""A bridge over a Redis stream. The only door to redis."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from mallku.errors import BridgeError
from mallku.events.bridges.bridge import InOrder, refuse_public
from mallku.events.bridges.cloudevents import from_bytes, to_bytes
from mallku.events.kinds import AnyEvent

if TYPE_CHECKING:
    from redis.asyncio import Redis

_FIELD: Final = "cloudevent"
_BLOCK_MS: Final = 500
_AT_ONCE: Final = 500
_PORT: Final = 6379


class RedisBridge:
    """A `Bridge` over one stream that all deliberations share."""

    def __init__(self, client: "Redis", *, stream: str, keep: int, shown: str) -> None:
        self._client = client
        self._stream = stream
        self._keep = keep
        self._shown = shown
        self._nonces = itertools.count()
        self._open = True

    @classmethod
    async def open(
        cls, url: str = "redis://localhost:6379", *, stream: str = "mallku:events", keep: int = 1_000_000, allow_remote: bool = False
    ) -> "RedisBridge":
        """Connect to a server.

        Args:
            url: Its address; a password in it is never shown.
            stream: Key of the stream.
            keep: About how many events it keeps.
            allow_remote: Whether the server may stand outside the local network.
        """
        try:
            from redis.asyncio import Redis
        except ImportError as error:
            raise BridgeError("a bridge over Redis needs redis.", hint="pip install 'mallku[redis]'") from error
        parts = urlsplit(url)
        if parts.scheme not in {"redis", "rediss"} or not parts.hostname:
            raise BridgeError("this is no address of a Redis server.", hint="Write redis://HOST:PORT.")
        await refuse_public(parts.hostname, parts.port or _PORT, allow_remote=allow_remote)
        shown = f"{parts.hostname}:{parts.port or _PORT}"
        bridge = cls(Redis.from_url(url), stream=stream, keep=keep, shown=shown)
        try:
            with bridge._in_our_words():
                await bridge._client.ping()
        except BridgeError:
            await bridge.close()
            raise
        return bridge

    async def publish(self, event: AnyEvent) -> None:
        """Carry an event to all who listen."""
        self._check_open()
        nonce = "" if event.recorded else f".{next(self._nonces)}"
        with self._in_our_words():
            await self._client.xadd(self._stream, {_FIELD: to_bytes(event, nonce=nonce)}, maxlen=self._keep, approximate=True)

    async def listen(
        self, *, deliberation: str = "", known: Mapping[str, int] | None = None, history: bool = True
    ) -> AsyncIterator[AnyEvent]:
        """Yield events of one deliberation or all."""
        self._check_open()
        order = InOrder(deliberation, known)
        place: bytes | str = b"0-0" if history else await self._end()
        while self._open:
            with self._in_our_words():
                answer = await self._client.xread({self._stream: place}, count=_AT_ONCE, block=_BLOCK_MS)
            for _stream, entries in _streams(answer):
                for place, fields in entries:  # noqa: B007 - the last one is where reading goes on
                    event = from_bytes(fields[_FIELD.encode()])
                    if order.admits(event):
                        yield event

    async def _end(self) -> bytes | str:
        with self._in_our_words():
            last = await self._client.xrevrange(self._stream, count=1)
        return last[0][0] or b"0-0" if last else b"0-0"

    def _check_open(self) -> None:
        if not self._open:
            raise BridgeError("the bridge is closed.", hint="Open another.")

    @contextmanager
    def _in_our_words(self) -> Iterator[None]:
        from redis.exceptions import RedisError

        try:
            yield
        except (RedisError, OSError, RuntimeError) as error:
            told = str(error).splitlines()
            raise BridgeError(
                f"the Redis server at {self._shown} failed ({told[0] if told else type(error).__name__}).",
                hint="Check that it runs and takes your password.",
            ) from error

    async def close(self) -> None:
        """Give back the connection; those who listen end within half a second."""
        if self._open:
            self._open = False
            await asyncio.sleep(0)
            await self._client.aclose()


def _streams(answer: object) -> list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]]]]:
    """Return the answer to XREAD in one form: the protocol's third version answers with a mapping."""
    if not answer:
        return []
    if isinstance(answer, Mapping):
        return [(name, lists[0] if len(lists) == 1 and isinstance(lists[0], list) else lists) for name, lists in answer.items()]
    return list(answer)  # type: ignore[call-overload, no-any-return]
