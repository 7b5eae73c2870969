"""A bridge over NATS JetStream. The only door to nats."""

import asyncio
import itertools
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from mallku.errors import BridgeError
from mallku.events.bridges.bridge import InOrder, refuse_public
from mallku.events.bridges.cloudevents import CONTENT_TYPE, from_bytes, to_bytes
from mallku.events.kinds import AnyEvent

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.js import JetStreamContext

_PORT: Final = 4222
_WAIT_S: Final = 0.5
_CONNECT_S: Final = 3
_NOT_IN_SUBJECTS: Final = re.compile(r"[^A-Za-z0-9-]")


class NatsBridge:
    """A `Bridge` over one JetStream stream; each deliberation and kind has a subject of its own: `mallku.events.ID.KIND`."""

    def __init__(self, client: "Client", streams: "JetStreamContext", *, prefix: str, shown: str) -> None:
        self._client = client
        self._streams = streams
        self._prefix = prefix
        self._shown = shown
        self._nonces = itertools.count()
        self._open = True

    @classmethod
    async def open(
        cls,
        url: str = "nats://localhost:4222",
        *,
        stream: str = "MALLKU",
        prefix: str = "mallku.events",
        keep: int = 1_000_000,
        allow_remote: bool = False,
    ) -> "NatsBridge":
        """Connect to a server with JetStream and make the stream if it is not there.

        Args:
            url: Its address; a password in it is never shown.
            stream: Name of the stream.
            prefix: What all subjects begin with.
            keep: How many events the stream keeps, if it is made.
            allow_remote: Whether the server may stand outside the local network.
        """
        try:
            import nats
            from nats.js.errors import BadRequestError
        except ImportError as error:
            raise BridgeError("a bridge over NATS needs nats-py.", hint="pip install 'mallku[nats]'") from error
        parts = urlsplit(url)
        if parts.scheme not in {"nats", "tls"} or not parts.hostname:
            raise BridgeError("this is no address of a NATS server.", hint="Write nats://HOST:PORT.")
        await refuse_public(parts.hostname, parts.port or _PORT, allow_remote=allow_remote)
        shown = f"{parts.hostname}:{parts.port or _PORT}"
        with _in_our_words(shown):
            async with asyncio.timeout(_CONNECT_S):
                client = await nats.connect(url, connect_timeout=_CONNECT_S, reconnect_time_wait=_WAIT_S, error_cb=_ignore)
            try:
                await client.jetstream().add_stream(name=stream, subjects=[f"{prefix}.>"], max_msgs=keep)
            except BadRequestError:
                # It is there already, set up otherwise: that is its owner's business.
                await client.jetstream().stream_info(stream)
            except BaseException:
                await client.close()
                raise
        return cls(client, client.jetstream(), prefix=prefix, shown=shown)

    async def publish(self, event: AnyEvent) -> None:
        """Carry an event to all who listen."""
        self._check_open()
        nonce = "" if event.recorded else f".{next(self._nonces)}"
        headers = {"Content-Type": CONTENT_TYPE}
        if event.recorded:
            # The server drops what bears an id that it has seen within its window for duplicates.
            headers["Nats-Msg-Id"] = re.sub(r"[\r\n]", " ", event.id)
        subject = f"{self._prefix}.{_token(event.deliberation)}.{event.kind}"
        with _in_our_words(self._shown):
            await self._streams.publish(subject, to_bytes(event, nonce=nonce), headers=headers)

    async def listen(
        self, *, deliberation: str = "", known: Mapping[str, int] | None = None, history: bool = True
    ) -> AsyncIterator[AnyEvent]:
        """Yield events of one deliberation or all."""
        self._check_open()
        from nats.errors import TimeoutError as NothingYet
        from nats.js.api import ConsumerConfig, DeliverPolicy

        order = InOrder(deliberation, known)
        subject = f"{self._prefix}.{_token(deliberation)}.>" if deliberation else f"{self._prefix}.>"
        config = ConsumerConfig(deliver_policy=DeliverPolicy.ALL if history else DeliverPolicy.NEW)
        with _in_our_words(self._shown):
            subscription = await self._streams.subscribe(subject, ordered_consumer=True, config=config)
        try:
            while self._open:
                try:
                    with _in_our_words(self._shown, NothingYet):
                        message = await subscription.next_msg(timeout=_WAIT_S)
                except NothingYet:
                    continue
                event = from_bytes(message.data)
                if order.admits(event):
                    yield event
        finally:
            if self._client.is_connected:
                with _in_our_words(self._shown):
                    await subscription.unsubscribe()

    def _check_open(self) -> None:
        if not self._open:
            raise BridgeError("the bridge is closed.", hint="Open another.")

    async def close(self) -> None:
        """Give back the connection; those who listen end within half a second."""
        if self._open:
            self._open = False
            await asyncio.sleep(0)
            await self._client.close()


def _token(deliberation: str) -> str:
    """Return a deliberation's id as one part of a subject, in which some characters have a meaning."""
    return _NOT_IN_SUBJECTS.sub(lambda match: f"_{ord(match.group()):x}_", deliberation) or "_"


async def _ignore(_error: Exception) -> None:
    """Take the client's own reports: what matters is raised where it is waited for."""


@contextmanager
def _in_our_words(shown: str, *passing: type[Exception]) -> Iterator[None]:
    from nats.errors import Error

    try:
        yield
    except passing:
        raise
    except (Error, OSError) as error:
        told = str(error).splitlines()
        raise BridgeError(
            f"the NATS server at {shown} failed ({told[0] if told else type(error).__name__}).",
            hint="Check that it runs with JetStream (`nats-server -js`) and lets you in.",
        ) from error
