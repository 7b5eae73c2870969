"""A participant whose words are made in this process, by a GGUF file in an engine."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import cast

from mallku.dialogue.participant import ParticipantFacts
from mallku.dialogue.prompt import GenerationSettings, Prompt
from mallku.dialogue.response import Delta, Response, Timings, Usage
from mallku.engine import Engine, EnginePool, EngineRequest, EngineResult, EngineSettings, OnProgress, Sampling, TextPiece
from mallku.errors import AnswerCutShort, ConfigurationError, EmptyAnswer, ParticipantError
from mallku.firecircle.adapters.turn_clock import TurnClock
from mallku.wire.answer_channels import AnswerChannels
from mallku.wire.repetition import loop_length


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
        self._reasons = False
        self._reasoning_opened = False

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

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the engine tells whoever chose its settings; empty before it is loaded."""
        return self._engine.facts.warnings if self._engine is not None else ()

    def report_loading(self, tell: OnProgress) -> None:
        """Have `tell` called with the share of the weights that is loaded."""
        self._on_progress = tell

    async def connect(self) -> None:
        """Load the weights, unless another seat has; raises a `ModelFileError`."""
        await self._ready()

    async def respond(self, prompt: Prompt, settings: GenerationSettings) -> AsyncIterator[Delta | Response]:
        """Answer the prompt as a stream of deltas that ends in a `Response`."""
        clock = TurnClock(settings.deadlines)
        answer = AnswerChannels(opened=self._reasoning_opened)
        request = _request(prompt, replace(settings, stop=()) if self._reasons else settings)
        try:
            async with clock.limit(self._spec):
                engine = await self._ready()
            stream = cast("AsyncGenerator[TextPiece | EngineResult, None]", engine.generate(request))
            async with aclosing(stream):
                while not isinstance(part := await _next(stream, clock, self._spec), EngineResult):
                    clock.spoke()
                    for delta in answer.add_text(part.text):
                        yield delta
            for delta in answer.finish():
                yield delta
        except ParticipantError as error:
            error.partial_text = error.partial_text or answer.text
            raise
        yield self._concluded(answer, part, settings)

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

    def _concluded(self, answer: AnswerChannels, result: EngineResult, settings: GenerationSettings) -> Response:
        """Judge a finished answer; only a whole one becomes a `Response`."""
        # A stop text ends the engine's answer even inside private reasoning; once a model is known to reason, it is looked for here.
        self._reasons = self._reasons or bool(answer.reasoning)
        self._reasoning_opened = self._reasoning_opened or answer.opened_in_prompt
        text = answer.text
        stop = next((stop for stop in settings.stop if stop in text), None)
        text = text if stop is None else text.partition(stop)[0].rstrip()
        if not text:
            cause = "thought, but said nothing before its answer ended" if answer.reasoning else "ended its turn without a word"
            raise EmptyAnswer(f"{self.facts.model!r} {cause}.", hint="Ask again, raise `max_tokens`, or try another model.")
        if looping := loop_length(text):
            raise AnswerCutShort(
                f"{self.facts.model!r} repeats itself without end.",
                hint="Try another model, a higher temperature or a repetition penalty.",
                partial_text=text[: len(text) - looping].rstrip(),
            )
        return Response(
            text=text,
            reasoning=answer.reasoning,
            finish_reason="stop" if stop is not None else result.end_reason,
            model=self.facts.model,
            usage=Usage(prompt_tokens=result.prompt_tokens, cached_tokens=result.shared_tokens, completion_tokens=result.completion_tokens),
            timings=Timings(first_token_s=result.first_token_s, total_s=result.total_s, compute_s=result.compute_s),
        )


async def _next(stream: AsyncGenerator[TextPiece | EngineResult, None], clock: TurnClock, name: str) -> TextPiece | EngineResult:
    # No deadline spans a `yield`: what the consumer does meanwhile is not ours to cancel.
    async with clock.limit(name):
        return await anext(stream)


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
