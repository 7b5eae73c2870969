"""Loading engines, and sharing one among all who name the same file."""

import asyncio
from dataclasses import dataclass

from mallku.engine.binding import LlamaBinding
from mallku.engine.engine import Engine, OnProgress
from mallku.engine.isolated import IsolatedEngine
from mallku.engine.settings import EngineSettings
from mallku.engine.threaded import ThreadedEngine


async def load_engine(settings: EngineSettings, on_progress: OnProgress | None = None) -> Engine:
    """Load a GGUF, here or in a child process; raises a `ModelFileError`. Cancelling it gives up the loading."""
    if settings.isolate:
        return await IsolatedEngine.load(settings, on_progress)
    return await ThreadedEngine.load(lambda tell: LlamaBinding(settings, tell), on_progress)


@dataclass(slots=True)
class _Shared:
    loading: asyncio.Task[Engine]
    users: int


class EnginePool:
    """Engines by their settings: the weights of a file are loaded once, however many seats name it. Belongs to one event loop."""

    def __init__(self) -> None:
        self._engines: dict[EngineSettings, _Shared] = {}

    async def acquire(self, settings: EngineSettings, on_progress: OnProgress | None = None) -> Engine:
        """Return the engine of these settings, loading it if nobody has yet. Every `acquire` wants one `release`."""
        shared = self._engines.get(settings)
        if shared is None:
            shared = self._engines[settings] = _Shared(asyncio.create_task(load_engine(settings, on_progress)), 0)
        shared.users += 1
        try:
            return await asyncio.shield(shared.loading)
        except BaseException:
            await self.release(settings)
            raise

    async def release(self, settings: EngineSettings) -> None:
        """Note that one user is done; the last one closes the engine."""
        shared = self._engines[settings]
        shared.users -= 1
        if shared.users:
            return
        del self._engines[settings]
        if not shared.loading.done():
            shared.loading.cancel()
        (engine,) = await asyncio.gather(shared.loading, return_exceptions=True)
        if not isinstance(engine, BaseException):
            await engine.close()

    async def close(self) -> None:
        """Close all engines, whoever uses them."""
        for settings, shared in list(self._engines.items()):
            shared.users = 1
            await self.release(settings)
