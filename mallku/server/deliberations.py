"""The deliberations of this server: convened here, watched while they run, and read from the journal ever after."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from typing import Any, Final

from mallku.assembly.build import Assembly, Wishes, assemble
from mallku.engine import EnginePool
from mallku.events.bus import EventBus
from mallku.events.kinds import AnyEvent, DeliberationConvened
from mallku.firecircle import Deliberation, FireCircle
from mallku.journal import Journal, journal_place, open_journal
from mallku.server.errors import Refusal
from mallku.server.human_desk import HumanDesk
from mallku.server.settings import ServerSettings

_BEHIND: Final = 2000
"""Events a watcher may fall behind before its stream is ended; it comes back with `Last-Event-ID`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """What a circle is convened on."""

    question: str
    """The question."""
    context: str = ""
    """Background for all seats; the circle file's if empty."""
    options: tuple[str, ...] = ()
    """What to vote on; the circle file's if empty."""
    seat_settings: tuple[tuple[str, Any], ...] = ()
    """Generation settings that all seats get, by name."""


class Running:
    """A deliberation that runs in this process."""

    def __init__(self, circle: FireCircle, desk: HumanDesk) -> None:
        self.circle = circle
        """The circle; steer it through its `control`."""
        self.desk = desk
        """Where people take their turns."""
        self.convened: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """The id, once it is known."""
        self.task: asyncio.Task[Deliberation] | None = None
        """The work."""
        self._watchers: set[asyncio.Queue[AnyEvent | None]] = set()

    def tell(self, event: AnyEvent) -> None:
        """Pass an event to all who watch."""
        if isinstance(event, DeliberationConvened) and not self.convened.done():
            self.convened.set_result(event.deliberation)
        for queue in list(self._watchers):
            if queue.qsize() >= _BEHIND:
                self._watchers.discard(queue)
                queue.put_nowait(None)
            else:
                queue.put_nowait(event)

    def ended(self, task: "asyncio.Task[Deliberation]") -> None:
        """Tell all who watch or wait that it is over."""
        for queue in self._watchers:
            queue.put_nowait(None)
        if self.convened.done():
            return
        if task.cancelled() or (error := task.exception()) is None:
            self.convened.cancel()
        else:
            self.convened.set_exception(error)

    def watch(self) -> "asyncio.Queue[AnyEvent | None]":
        """Return a queue of everything that happens from now on; None ends it."""
        queue: asyncio.Queue[AnyEvent | None] = asyncio.Queue()
        self._watchers.add(queue)
        if self.task is not None and self.task.done():
            queue.put_nowait(None)
        return queue

    def leave(self, queue: "asyncio.Queue[AnyEvent | None]") -> None:
        """Watch no more."""
        self._watchers.discard(queue)

    async def cancel(self) -> None:
        """End it at once; the journal says that it was interrupted."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)


class Deliberations:
    """All of them. Belongs to one event loop."""

    def __init__(self, settings: ServerSettings, engines: EnginePool | None = None) -> None:
        self._settings = settings
        self._engines = engines
        self._place = settings.journal
        self._running: dict[str, Running] = {}
        self._starting: set[Running] = set()
        self._journal: Journal | None = None
        self._opening = asyncio.Lock()

    @property
    def running(self) -> int:
        """How many run now."""
        return len(self._running)

    async def journal(self) -> Journal:
        """Return the journal, opening it at first use."""
        async with self._opening:
            if self._journal is None:
                self._journal = await open_journal(self._place)
            return self._journal

    async def convene(self, wishes: Wishes, motion: Motion) -> Running:
        """Convene a circle and return once it has an id; it runs on by itself."""
        desk = HumanDesk(timeout_s=self._settings.human_timeout_s)
        bus = EventBus()
        allowed = replace(wishes, journal=journal_place(self._place), allow_remote=wishes.allow_remote or self._settings.allow_remote)
        assembly = await assemble(allowed, ask=desk.ask, bus=bus, engines=self._engines)
        for seat in assembly.circle.seats:
            seat.settings = seat.asked(**dict(motion.seat_settings))
        running = Running(assembly.circle, desk)
        bus.subscribe(running.tell, name="server")
        self._starting.add(running)
        running.task = asyncio.create_task(_deliberate(assembly, motion))
        running.task.add_done_callback(running.ended)
        try:
            identifier = await asyncio.shield(running.convened)
        except BaseException:
            await running.cancel()
            raise
        finally:
            self._starting.discard(running)
        self._running[identifier] = running
        running.task.add_done_callback(lambda _: self._running.pop(identifier, None))
        if running.task.done():
            self._running.pop(identifier, None)
        return running

    def find(self, identifier: str) -> Running | None:
        """Return a deliberation if it runs here now."""
        return self._running.get(identifier)

    def must_run(self, identifier: str) -> Running:
        """Return a deliberation that runs here now; raises `Refusal` 409 otherwise."""
        running = self.find(identifier)
        if running is None:
            raise Refusal(409, f"The deliberation {identifier!r} does not run on this server now.", code="not_running")
        return running

    async def read(self, identifier: str) -> Deliberation:
        """Return a deliberation as the journal has it; raises `UnknownDeliberation`."""
        return Deliberation.from_events(await (await self.journal()).events(identifier))

    async def follow(self, identifier: str, *, after: int) -> AsyncGenerator[AnyEvent, None]:
        """Yield the recorded events above `after`, then those that happen, token deltas included, until the end."""
        journal = await self.journal()
        running = self.find(identifier)
        queue = running.watch() if running else None
        try:
            for event in await journal.events(identifier, after=after):
                after = event.seq
                yield event
            while queue is not None and (live := await queue.get()) is not None:
                if live.recorded and live.seq <= after:
                    continue
                after = max(after, live.seq)
                yield live
        finally:
            if running is not None and queue is not None:
                running.leave(queue)

    async def close(self) -> None:
        """Interrupt what runs, so that it can be resumed, and close the journal."""
        await asyncio.gather(*(running.cancel() for running in (*self._running.values(), *self._starting)))
        if self._journal is not None:
            await self._journal.close()


async def _deliberate(assembly: Assembly, motion: Motion) -> Deliberation:
    async with assembly.circle as circle:
        return await circle.deliberate(
            motion.question, context=motion.context or assembly.context, options=motion.options or assembly.options
        )


async def whole(running: Running) -> Deliberation:
    """Wait for the end and return the result."""
    assert running.task is not None
    return await asyncio.shield(running.task)
