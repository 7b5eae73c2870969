"""Running the server: one process, one event loop, a clean end."""

import asyncio
import logging
import socket
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from mallku.server.app import create_app
from mallku.server.http_protocol import limited_protocol
from mallku.server.settings import ServerSettings

OnReady = Callable[[str], None]
"""Called with the server's address once it listens."""


class TellingServer(uvicorn.Server):
    """A server of uvicorn's that says where it listens."""

    def __init__(self, config: uvicorn.Config, on_ready: OnReady | None = None) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        if self._on_ready is not None and self.started:
            self._on_ready(self.address)

    @property
    def address(self) -> str:
        """The address it listens on, once it does."""
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def uvicorn_server(app: FastAPI, settings: ServerSettings, on_ready: OnReady | None = None, *, plain: bool = False) -> TellingServer:
    """Return a server with our limits; with `plain`, one that reads requests in pure Python whatever is installed."""
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_level=settings.log_level.lower(),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        h11_max_incomplete_event_size=settings.max_header_bytes,
        http=limited_protocol(settings, app.state.service, plain=plain),
        timeout_keep_alive=30,
        timeout_graceful_shutdown=max(1, round(settings.grace_s)),
    )
    return TellingServer(config, on_ready)


def serve(settings: ServerSettings, *, on_ready: OnReady | None = None) -> None:
    """Serve until the process is told to stop; then running requests get `grace_s` seconds to finish.

    Args:
        settings: The settings, as `load_settings` returns them.
        on_ready: Called with the server's address once it listens.
    """
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s")
    with asyncio.Runner(loop_factory=fast_loop()) as runner:
        runner.run(uvicorn_server(create_app(settings), settings, on_ready).serve())


def fast_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes an event loop of libuv's where uvloop is installed; None is asyncio's own."""
    try:
        import uvloop
    except ImportError:
        return None
    make: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return make
