"""One server's state, and the way every generation goes: room, time limit, figures."""

import asyncio
import time
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from dataclasses import replace
from typing import Any, TypeVar

from mallku.errors import DeadlineExceeded
from mallku.server.backend import Backend, Generation, Outcome, Piece, unsupported
from mallku.server.errors import Refusal, unsupported_option
from mallku.server.keys import load_keys
from mallku.server.limits import Admission, Deadline, RateLimit
from mallku.server.metrics import Metrics
from mallku.server.roster import Roster
from mallku.server.settings import ServerSettings
from mallku.server.shortcuts import Shortcuts

_Got = TypeVar("_Got")


class Service:
    """Everything the routes share."""

    def __init__(self, settings: ServerSettings, roster: Roster) -> None:
        self.settings = settings
        """The settings."""
        self.roster = roster
        """The models."""
        self.keys = load_keys(settings)
        """The keys of clients."""
        self.rate = RateLimit(settings.requests_per_minute)
        """How often each caller may ask."""
        self.admission = Admission(at_once=settings.max_concurrent, waiting=settings.max_waiting)
        """Room for work."""
        self.shortcuts = Shortcuts()
        """Ways past the routing."""
        self.metrics = Metrics()
        """What `/metrics` shows."""
        self.started = time.time()
        """When the server began, in seconds since 1970."""
        self.metrics.watch("mallku_requests_running", "Requests that are worked on.", lambda: self.admission.running)
        self.metrics.watch("mallku_requests_waiting", "Requests that wait for room.", lambda: self.admission.waiting)
        self.metrics.watch("mallku_models_loaded", "Models in memory.", lambda: sum(backend.is_loaded for backend in roster.backends))

    def check(self, backend: Backend, generation: Generation) -> None:
        """Refuse by name what the backend cannot do."""
        if name := unsupported(generation, backend.abilities):
            raise unsupported_option(name, backend.card.id)

    async def answer(self, backend: Backend, generation: Generation) -> AsyncGenerator[Piece | Outcome, None]:
        """Generate within the limits and count it; closing the iterator ends the work."""
        model = backend.card.id
        began = time.perf_counter()
        deadline = Deadline(self.settings.request_timeout_s)
        has_begun = is_over = False
        try:
            async with self.admission.room(deadline.at), aclosing(backend.generate(generation)) as parts:
                while not is_over:
                    part = await deadline.limit(anext(parts))
                    if not has_begun:
                        has_begun = True
                        self.metrics.first_token(model, time.perf_counter() - began)
                    if isinstance(part, Outcome):
                        is_over = True
                        self.metrics.used(model, part.usage)
                    yield part
        except TimeoutError as error:
            is_over = True
            raise self._late() from error
        finally:
            deadline.stop()
            if not is_over:
                self.metrics.cancelled(model)

    async def whole(self, backend: Backend, generation: Generation) -> list[Piece | Outcome]:
        """Generate to the end within the limits, count it, and return all parts."""
        model = backend.card.id
        began = time.perf_counter()
        deadline = Deadline(self.settings.request_timeout_s)
        parts: list[Piece | Outcome] = []
        outcome: Outcome | None = None
        try:
            async with self.admission.room(deadline.at):
                await deadline.limit(_gather(backend.generate(generation), parts))
            outcome = next(part for part in reversed(parts) if isinstance(part, Outcome))
        except TimeoutError as error:
            raise self._late() from error
        finally:
            deadline.stop()
            if outcome is None and not deadline.has_passed:
                self.metrics.cancelled(model)
        self.metrics.first_token(model, time.perf_counter() - began if outcome.first_token_s is None else outcome.first_token_s)
        self.metrics.used(model, outcome.usage)
        return parts

    async def wholes(self, backend: Backend, generations: list[Generation]) -> list[tuple[int, Piece | Outcome]]:
        """Run generations at once to their ends and return all parts, each with the index of its generation."""
        if len(generations) == 1:
            return [(0, part) for part in await self.whole(backend, generations[0])]
        async with aclosing(self.batch(backend, generations)) as parts:
            return [part async for part in parts]

    def answers(self, backend: Backend, generation: Generation, count: int) -> AsyncGenerator[tuple[int, Piece | Outcome], None]:
        """Generate `count` answers to one prompt at once, each part with the index of its answer."""
        return self.batch(backend, [generation] * count)

    async def batch(self, backend: Backend, generations: list[Generation]) -> AsyncGenerator[tuple[int, Piece | Outcome], None]:
        """Run generations at once; seeded ones count their seeds up. Each part comes with the index of its generation."""
        if len(generations) == 1:
            async with aclosing(self.answer(backend, generations[0])) as parts:
                async for part in parts:
                    yield 0, part
            return
        queue: asyncio.Queue[tuple[int, Piece | Outcome]] = asyncio.Queue(maxsize=64)

        async def run(index: int, generation: Generation) -> None:
            seeded = generation if generation.seed is None else replace(generation, seed=generation.seed + index)
            async with aclosing(self.answer(backend, seeded)) as parts:
                async for part in parts:
                    await queue.put((index, part))

        def report(task: "asyncio.Task[None]") -> None:
            if not task.cancelled() and (error := task.exception()) is not None:
                errors.append(error)
                failed.set()

        errors: list[BaseException] = []
        failed = asyncio.Event()
        tasks = [asyncio.create_task(run(index, generation)) for index, generation in enumerate(generations)]
        for task in tasks:
            task.add_done_callback(report)
        failing = asyncio.create_task(failed.wait())
        left = len(generations)
        try:
            while left:
                getting = asyncio.create_task(queue.get())
                await asyncio.wait({getting, failing}, return_when=asyncio.FIRST_COMPLETED)
                if not getting.done():
                    getting.cancel()
                    raise errors[0]
                index, part = getting.result()
                left -= isinstance(part, Outcome)
                yield index, part
        finally:
            for work in (*tasks, failing):
                work.cancel()
            await asyncio.gather(*tasks, failing, return_exceptions=True)

    async def limited(self, work: Coroutine[Any, Any, _Got]) -> _Got:
        """Do something short within the limits."""
        deadline = asyncio.get_running_loop().time() + self.settings.request_timeout_s
        try:
            async with self.admission.room(deadline), asyncio.timeout_at(deadline):
                return await work
        except TimeoutError as error:
            raise self._late() from error
        finally:
            work.close()

    def _late(self) -> DeadlineExceeded:
        limit = f"{self.settings.request_timeout_s:g} seconds"
        return DeadlineExceeded(f"The answer took more than {limit}.", hint="Ask for less, or raise request_timeout_s.")


async def _gather(stream: AsyncGenerator[_Got, None], parts: list[_Got]) -> None:
    async with aclosing(stream):
        async for part in stream:
            parts.append(part)  # noqa: PERF401 - those that came stay, whatever happens then


def require_ability(backend: Backend, ability: str, path: str) -> None:
    """Refuse a path that the backend does not serve."""
    if ability not in backend.abilities:
        message = f"The model {backend.card.id!r} does not serve {path}. `GET /v1/models` tells what each model can do."
        raise Refusal(400, message, code="unsupported_endpoint", param="model")


def refuse_many(backend: Backend, count: int) -> None:
    """Refuse `n` where the backend gives one answer only."""
    if count > 1 and "many" not in backend.abilities:
        raise Refusal(400, f"`n` is {count}; the model {backend.card.id!r} gives one answer.", code="unsupported_parameter", param="n")
