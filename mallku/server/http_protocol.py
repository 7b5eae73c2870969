"""HTTP as the wire has it, with our limits: llhttp reads requests where httptools is installed, h11 elsewhere."""

import asyncio

from mallku.server.service import Service
from mallku.server.settings import ServerSettings


def limited_protocol(settings: ServerSettings, service: Service, *, plain: bool = False) -> type[asyncio.Protocol]:
    """Return uvicorn's protocol with our limits; with `plain`, the one in pure Python even if the faster one is there."""
    limits = {"client_timeout_s": settings.client_timeout_s, "max_header_bytes": settings.max_header_bytes}
    try:
        if plain:
            raise ImportError  # noqa: TRY301 - as if it were not there
        from mallku.server.fast_protocol import FastProtocol
        from mallku.server.short_way import Lane
    except ImportError:
        from mallku.server.plain_protocol import PlainProtocol

        return type("LimitedProtocol", (PlainProtocol,), limits)
    return type("LimitedProtocol", (FastProtocol,), {**limits, "lane": Lane(service)})
