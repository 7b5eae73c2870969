"""A participant whose words are made in this process, by a GGUF file in an engine."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from contextlib import aclosing
from pathlib import Path
from typing import TypeVar, cast

from mallku.dialogue.participant import ParticipantFacts
from mallku.dialogue.prompt import Deadlines, GenerationSettings, Prompt
from mallku.dialogue.response import Delta, Response, Timings, Usage
from mallku.engine import Engine, EnginePool, EngineRequest, EngineResult, EngineSettings, OnProgress, Sampling, TextPiece
from mallku.errors import ConfigurationError, DeadlineExceeded, EmptyAnswer, ParticipantError
from mallku.wire.answer_channels import AnswerChannels

Found = TypeVar("Found")


class InProcessParticipant:
    """Speaks through an engine of a pool; participants that name equal settings share one engine and what their prompts have in common."""

    def __init__(
        self, settings: EngineSettings, pool: EnginePool | None = None, *, spec: str = "", on_progress: OnProgress | None = None
    ) -> None:
        self._settings = settings
        self._pool = pool if pool is not None else EnginePool()
        self._spec = spec or f"gguf:{settings.model_path}"
        self._on_progress = on_progress
        self._engine: Engine | None = None
        self._connecting = asyncio.Lock()
        self._is_closed = False

    @property
    def facts(self) -> ParticipantFacts:
        """What is known about this participant now."""
        path = Path(self._settings.model_path)
        if self._engine is None:
            return ParticipantFacts(model=path.stem, spec=self._spec, location="in-process")
        known = self._engine.facts
        return ParticipantFacts(
            model=known.model,
            spec=self._spec,
            location="in-process",
            context_window=known.context_length,
            parallel=known.parallel,
            weights=known.fingerprint,
        )

    async def connect(self) -> None:
        """Load the weights, unless another seat has; raises a `ModelFileError`."""
        await self._ready()

    async def respond(self, prompt: Prompt, settings: GenerationSettings) -> AsyncIterator[Delta | Response]:
        """Answer the prompt as a stream of deltas that ends in a `Response`."""
        said = AnswerChannels()
        clock = _Clock(settings.deadlines)
        try:
            engine = await clock.within(self._ready())
            stream = cast("AsyncGenerator[TextPiece | EngineResult, None]", engine.generate(_request(prompt, settings)))
            async with aclosing(stream):
                while not isinstance(part := await clock.within(anext(stream)), EngineResult):
                    clock.has_begun = True
                    for delta in said.add_text(part.text):
                        yield delta
            for delta in said.finish():
                yield delta
            yield self._response(part, said)
        except ParticipantError as error:
            error.partial_text = error.partial_text or said.text
            raise

    async def count_tokens(self, prompt: Prompt) -> int:
        """Count the tokens of the prompt as the model's chat template lays it out."""
        engine = await self._ready()
        return await engine.count_tokens(prompt.messages)

    async def close(self) -> None:
        """Let go of the engine; the last participant that does so frees it."""
        self._is_closed = True
        if self._engine is not None:
            self._engine = None
            await self._pool.release(self._settings)

    async def _ready(self) -> Engine:
        if self._is_closed:
            raise ConfigurationError(f"The participant {self._spec!r} is closed.", hint="Seat it again.")
        async with self._connecting:
            if self._engine is None:
                self._engine = await self._pool.acquire(self._settings, self._on_progress)
            return self._engine

    def _response(self, result: EngineResult, said: AnswerChannels) -> Response:
        text = said.text
        if not text:
            thought = "thought, but said nothing before its answer ended" if said.reasoning else "ended its turn without a word"
            raise EmptyAnswer(f"{self.facts.model!r} {thought}.", hint="Ask again, raise `max_tokens`, or try another model.")
        return Response(
            text=text,
            reasoning=said.reasoning,
            finish_reason=result.end_reason,
            model=self.facts.model,
            usage=Usage(prompt_tokens=result.prompt_tokens, cached_tokens=result.shared_tokens, completion_tokens=result.completion_tokens),
            timings=Timings(first_token_s=result.first_token_s, total_s=result.total_s, compute_s=result.compute_s),
        )


class _Clock:
    """Keeps the deadlines of one answer. It never spans a `yield`, for what the consumer does meanwhile is not ours to cancel."""

    def __init__(self, deadlines: Deadlines) -> None:
        self.has_begun = False
        """Whether the first token has come."""
        self._deadlines = deadlines
        self._began = time.monotonic()

    async def within(self, work: Awaitable[Found]) -> Found:
        """Await something as long as the deadlines allow; raises `DeadlineExceeded`."""
        passed = time.monotonic() - self._began
        limits = {"total": self._deadlines.total, "idle" if self.has_begun else "first token": None}
        if self.has_begun:
            limits["idle"] = self._deadlines.idle if self._deadlines.idle is None else passed + self._deadlines.idle
        else:
            limits["first token"] = self._deadlines.first_token
        name, limit = min(
            ((name, limit) for name, limit in limits.items() if limit is not None), key=lambda pair: pair[1], default=("", None)
        )
        deadline = asyncio.timeout(None if limit is None else limit - passed)
        try:
            async with deadline:
                return await work
        except TimeoutError as error:
            if not deadline.expired():
                raise
            raise DeadlineExceeded(
                f"The {name} deadline passed after {limit:.3g} s.", hint="Raise it, or choose a smaller model."
            ) from error


def _request(prompt: Prompt, settings: GenerationSettings) -> EngineRequest:
    defaults = Sampling()

    def chosen(value: float | None, otherwise: float) -> float:
        return otherwise if value is None else value

    sampling = Sampling(
        temperature=chosen(settings.temperature, defaults.temperature),
        top_p=chosen(settings.top_p, defaults.top_p),
        top_k=defaults.top_k if settings.top_k is None else settings.top_k,
        min_p=chosen(settings.min_p, defaults.min_p),
        repeat_penalty=chosen(settings.repeat_penalty, defaults.repeat_penalty),
        seed=settings.seed,
    )
    return EngineRequest(
        messages=prompt.messages,
        max_tokens=settings.max_tokens,
        sampling=sampling,
        stop=settings.stop,
        schema=settings.schema,
        template_options={} if settings.reasoning is None else {"enable_thinking": settings.reasoning != "none"},
    )
