"""The seam of a bridge: events go in at one process and come out at others, in order and once."""

import asyncio
import ipaddress
import itertools
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final, Protocol, runtime_checkable

from mallku.errors import BridgeError
from mallku.events.bus import EventBus, Subscription
from mallku.events.kinds import AnyEvent

_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 5.0
_LOCAL: Final = (
    *("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"),
    *("::1/128", "fc00::/7", "fe80::/10"),
)


@runtime_checkable
class Bridge(Protocol):
    """Carries events between processes.

    Contract:

    * `publish` returns once the other side has taken the event; it raises `BridgeError` if it cannot. An event may be published again:
      listeners get it once.
    * `listen` yields the recorded events of a deliberation in the order of their sequence numbers, each once, those of several
      deliberations mixed. Passing events come in between as they were published. It ends only with `close` or by being closed itself.
    * An event that was never published, or that the other side has thrown away by age, leaves a gap in the sequence numbers; whoever
      needs every event reads the journal.
    """

    async def publish(self, event: AnyEvent) -> None:
        """Carry an event to all who listen."""
        ...

    def listen(self, *, deliberation: str = "", known: Mapping[str, int] | None = None, history: bool = True) -> AsyncIterator[AnyEvent]:
        """Yield events of one deliberation or all.

        Args:
            deliberation: Only events of this one; all if empty.
            known: For each deliberation the last sequence number that the listener has seen already.
            history: Whether to begin with the events that are kept; otherwise with the next one.
        """
        ...

    async def close(self) -> None:
        """Give back connections, and end those who listen; may be called again."""
        ...


class InOrder:
    """Lets each recorded event pass once, and never one after a later one."""

    def __init__(self, deliberation: str, known: Mapping[str, int] | None) -> None:
        self._only = deliberation
        self._last = dict(known or {})

    def admits(self, event: AnyEvent) -> bool:
        """Tell whether the listener wants this event now."""
        if self._only and event.deliberation != self._only:
            return False
        if event.recorded:
            if event.seq <= self._last.get(event.deliberation, 0):
                return False
            self._last[event.deliberation] = event.seq
        return True


@asynccontextmanager
async def carried(bus: EventBus, bridge: Bridge, *, deltas: bool = False, patience_s: float = 30.0) -> AsyncIterator[Subscription]:
    """Carry what is published on a bus over a bridge for the length of an `async with` block; what was published before its end goes too.

    Args:
        bus: Whose events are carried.
        bridge: What carries them.
        deltas: Whether passing events, such as token deltas, go too.
        patience_s: Seconds for which a bridge that fails is tried again; after that the event is left out and the bus reports it.
    """

    async def pass_on(event: AnyEvent) -> None:
        if event.recorded or deltas:
            await _publish(bridge, event, patience_s)

    with bus.subscribed(pass_on, name=f"bridge {type(bridge).__name__}") as subscription:
        yield subscription
        await subscription.drain()


async def _publish(bridge: Bridge, event: AnyEvent, patience_s: float) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + patience_s
    for attempt in itertools.count():
        try:
            await bridge.publish(event)
        except BridgeError:
            pause = min(_FIRST_PAUSE_S * 2**attempt, _LONGEST_PAUSE_S)
            if loop.time() + pause > end:
                raise
        else:
            return
        await asyncio.sleep(pause)


async def refuse_public(host: str, port: int, *, allow_remote: bool) -> None:
    """Raise `BridgeError` if a host's name leads outside this machine and its local network, unless that was allowed."""
    if allow_remote:
        return
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise BridgeError(f"the host {host!r} is not known.", hint="Check its name.") from error
    for *_, address in found:
        if _is_public(str(address[0])):
            hint = "Everything that is said would leave the local network; if that is wanted, say allow_remote=True."
            raise BridgeError(f"{host!r} is the public address {address[0]}.", hint=hint)


def _is_public(address: str) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    ip = (ip.ipv4_mapped or ip) if isinstance(ip, ipaddress.IPv6Address) else ip
    return not any(ip in ipaddress.ip_network(network) for network in _LOCAL)
