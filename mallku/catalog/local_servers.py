"""Model servers that answer on this machine, looked for on their well-known ports and nowhere else."""

import asyncio
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from mallku.catalog.endpoint_facts import EndpointFacts
from mallku.catalog.endpoint_probe import probe
from mallku.catalog.server_presets import OTHER_PORTS, PRESETS
from mallku.errors import EndpointRefused, MallkuError, Overloaded

SEARCH_S: Final = 1.5
"""Seconds a server has to answer before it counts as absent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundServer:
    """A server that answers."""

    url: str
    """Where it answers."""
    facts: EndpointFacts | None = None
    """What it says of itself, or None if it would not say."""
    problem: str = ""
    """Why it cannot be used as it is, or empty."""


async def discover_servers(*, ports: tuple[int, ...] | None = None, timeout_s: float = SEARCH_S) -> tuple[FoundServer, ...]:
    """Return the servers that answer on loopback, in the order of the presets, after `timeout_s` seconds at most.

    Args:
        ports: Where to look; by default where known servers listen.
        timeout_s: Seconds for all of them together.
    """
    give_up = asyncio.get_running_loop().time() + timeout_s
    addresses = [f"http://127.0.0.1:{port}" for port in ports] if ports is not None else _known_addresses()
    listening = [url for url, answers in zip(addresses, await asyncio.gather(*map(_listens, addresses)), strict=True) if answers]
    if not listening:
        return ()
    from mallku.catalog.guarded_client import GuardedClient

    async with GuardedClient(connect_s=timeout_s) as client:

        async def ask(url: str) -> FoundServer | None:
            try:
                async with asyncio.timeout_at(give_up):
                    facts = await probe(url, client=client, timeout_s=timeout_s)
            except (EndpointRefused, Overloaded) as error:
                return FoundServer(url=url, problem=str(error))
            except (MallkuError, TimeoutError):
                return None
            return FoundServer(url=facts.base_url, facts=facts) if facts.lists_models else None

        found = await asyncio.gather(*map(ask, listening))
    return tuple(server for server in found if server is not None)


def _known_addresses() -> list[str]:
    """Return each well-known address once; of several servers on one port the first preset's path is tried first."""
    by_port: dict[int, str] = {}
    for entry in PRESETS:
        by_port.setdefault(entry.port, entry.base_url)
    for port in OTHER_PORTS:
        by_port.setdefault(port, f"http://127.0.0.1:{port}/v1")
    return list(by_port.values())


async def _listens(url: str) -> bool:
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", urlsplit(url).port), 0.5)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
