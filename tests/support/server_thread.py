"""A server of ours, run by uvicorn in a thread."""

import asyncio
import threading
from contextlib import contextmanager

from mallku.server.serving import uvicorn_server


@contextmanager
def running(app, settings, *, plain=False):
    """Serve an app by uvicorn in a thread and give its address."""
    server = uvicorn_server(app, settings, plain=plain)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        threading.Event().wait(0.01)
    try:
        yield server.address
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()
