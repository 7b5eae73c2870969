"""HTTP as the wire has it, with our limits: llhttp reads requests where httptools is installed, h11 elsewhere."""

import asyncio


def limited_protocol(client_timeout_s: float, max_header_bytes: int, *, plain: bool = False) -> type[asyncio.Protocol]:
    """Return uvicorn's protocol with our limits; with `plain`, the one in pure Python even if the faster one is there."""
    try:
        if plain:
            raise ImportError  # noqa: TRY301 - as if it were not there
        from mallku.server.fast_protocol import FastProtocol as Protocol
    except ImportError:
        from mallku.server.plain_protocol import PlainProtocol as Protocol  # type: ignore[assignment]
    return type("LimitedProtocol", (Protocol,), {"client_timeout_s": client_timeout_s, "max_header_bytes": max_header_bytes})
