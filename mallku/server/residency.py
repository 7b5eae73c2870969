"""Which engines are in memory: loaded when asked for, unloaded when idle or when another one needs the room, shared with circles."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from mallku.engine import Engine, EnginePool, EngineSettings, OnProgress, load_engine
from mallku.errors import ModelTooLarge, Overloaded

_GB: Final = 1e9

Load = Callable[[EngineSettings], Awaitable[Engine]]
"""Loads an engine."""


@dataclass(slots=True)
class _Resident:
    engine: Engine
    users: int = 0
    last_used: float = 0.0
    is_watched: bool = False


class Residency:
    """Engines by their settings, together within a limit of memory. Belongs to one event loop."""

    def __init__(self, *, max_memory_gb: float, unload_after_s: float, load: Load = load_engine) -> None:
        self._limit = max_memory_gb
        self._unload_after_s = unload_after_s
        self._load = load
        self._resident: dict[EngineSettings, _Resident] = {}
        self._loading = asyncio.Lock()
        self._closing: set[asyncio.Task[None]] = set()
        self.loads = 0
        """How often an engine was loaded."""

    @property
    def memory_gb(self) -> float:
        """Memory of all engines that are loaded, in 10^9 bytes."""
        return sum(resident.engine.facts.memory_bytes for resident in self._resident.values()) / _GB

    def engine(self, settings: EngineSettings) -> Engine | None:
        """Return an engine if it is loaded."""
        resident = self._resident.get(settings)
        return resident.engine if resident else None

    def using(self, settings: EngineSettings) -> AbstractAsyncContextManager[Engine]:
        """Hold an engine, loading it if need be; raises a `ModelFileError`, or `Overloaded` if others hold the memory it needs."""
        return _Hold(self, settings)

    async def take(self, settings: EngineSettings) -> "_Resident":
        """Begin to use an engine."""
        resident = self._resident.get(settings)
        if resident is not None and not resident.engine.is_open:
            await self._unload(settings)
            resident = None
        resident = resident or await self._make_resident(settings)
        resident.users += 1
        return resident

    def give_back(self, settings: EngineSettings, resident: "_Resident") -> None:
        """End a use."""
        resident.users -= 1
        self._rest(settings, resident)

    async def close(self) -> None:
        """Unload everything."""
        for settings in list(self._resident):
            await self._unload(settings)
        await asyncio.gather(*self._closing)

    async def _make_resident(self, settings: EngineSettings) -> _Resident:
        async with self._loading:
            while True:
                if settings in self._resident:
                    return self._resident[settings]
                try:
                    engine = await self._load(replace(settings, max_memory_gb=max(0.0, self._limit - self.memory_gb)))
                except ModelTooLarge as error:
                    if not self._resident:
                        raise
                    await self._make_room(error)
                    continue
                self.loads += 1
                resident = self._resident[settings] = _Resident(engine)
                self._rest(settings, resident)
                return resident

    async def _make_room(self, error: ModelTooLarge) -> None:
        """Unload the engine that nobody has used for longest."""
        idle = [(resident.last_used, settings) for settings, resident in self._resident.items() if not resident.users]
        if not idle:
            hint = f"Try again when they are done, or raise max_memory_gb ({self._limit:g})."
            raise Overloaded(f"Other models are at work and hold the memory: {error.message}", hint=hint, retry_after=10) from error
        await self._unload(min(idle, key=lambda pair: pair[0])[1])

    def _rest(self, settings: EngineSettings, resident: _Resident) -> None:
        """Note that a use ended, and unload the engine if none begins for long enough."""
        loop = asyncio.get_running_loop()
        resident.last_used = loop.time()
        if not resident.is_watched:
            resident.is_watched = True
            loop.call_later(self._unload_after_s, self._look, settings, resident)

    def _look(self, settings: EngineSettings, resident: _Resident) -> None:
        """Unload an engine that nobody has used for long enough; look again later at one that was."""
        resident.is_watched = False
        if self._resident.get(settings) is not resident or resident.users:
            return
        loop = asyncio.get_running_loop()
        left = resident.last_used + self._unload_after_s - loop.time()
        if left > 0:
            resident.is_watched = True
            loop.call_later(left, self._look, settings, resident)
            return
        task = asyncio.ensure_future(self._unload(settings))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _unload(self, settings: EngineSettings) -> None:
        resident = self._resident.pop(settings, None)
        if resident is not None:
            await resident.engine.close()


class _Hold(AbstractAsyncContextManager[Engine]):
    """An engine that is held."""

    def __init__(self, residency: Residency, settings: EngineSettings) -> None:
        self._residency = residency
        self._settings = settings
        self._resident: _Resident | None = None

    async def __aenter__(self) -> Engine:
        self._resident = await self._residency.take(self._settings)
        return self._resident.engine

    async def __aexit__(self, *_: object) -> None:
        assert self._resident is not None
        self._residency.give_back(self._settings, self._resident)


class SeatEngines(EnginePool):
    """The pool for the seats of circles: their engines are those of the server, within the same memory.

    A file that is served is loaded as it is served, so that a model and a seat have one set of weights between them.
    """

    def __init__(self, residency: Residency, served: Mapping[Path, EngineSettings]) -> None:
        super().__init__()
        self._residency = residency
        self._served = served
        self._held: dict[EngineSettings, list[AbstractAsyncContextManager[Engine]]] = {}

    async def acquire(self, settings: EngineSettings, on_progress: OnProgress | None = None) -> Engine:  # noqa: ARG002 - the pool's signature
        """Return the server's engine for a file, loading it if nobody has yet."""
        hold = self._residency.using(self._served.get(settings.model_path.resolve(), settings))
        engine = await hold.__aenter__()
        self._held.setdefault(settings, []).append(hold)
        return engine

    async def release(self, settings: EngineSettings) -> None:
        """Let one hold go."""
        await self._held[settings].pop().__aexit__(None, None, None)

    async def close(self) -> None:
        """Let all holds go."""
        for settings, holds in self._held.items():
            while holds:
                await self.release(settings)
