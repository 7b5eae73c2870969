"""A GGUF file as a model: an engine in this process, loaded when it is asked for."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

from mallku.dialogue.message import Message
from mallku.dialogue.response import Delta, Usage
from mallku.engine import Engine, EngineRequest, EngineResult, EngineSettings, Sampling, TextPiece, TokenLogprob
from mallku.errors import ContextOverflow, RequestRefused
from mallku.server.backend import Ability, Finish, Generation, ModelCard, Outcome, Piece, TokenChoice, Vectors
from mallku.server.residency import Residency
from mallku.server.tool_speech import forced_call_schema, splitter_for, template_tools, tool_calls
from mallku.wire.answer_channels import AnswerChannels
from mallku.wire.tool_calls import harmony_calls

_ALWAYS: Final[frozenset[Ability]] = frozenset(
    {
        "chat", "text", "embeddings", "tokenize", "schema", "grammar", "seed", "top_p", "top_k", "min_p", "repeat_penalty",
        "presence_penalty", "frequency_penalty", "logprobs", "stop", "temperature", "max_tokens", "many",
    }
)  # fmt: skip

_OF_EMBEDDERS: Final[frozenset[Ability]] = frozenset({"embeddings", "tokenize"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateTraits:
    """What a model's chat template can do, read from its text."""

    has_tools: bool = False
    """Whether it lays out tools."""
    has_effort: bool = False
    """Whether it takes a reasoning effort."""
    has_thinking_switch: bool = False
    """Whether private reasoning can be switched off."""
    opens_reasoning: bool = False
    """Whether it opens the reasoning in the prompt, so that answers hold only its end."""

    @staticmethod
    def of(template: str) -> "TemplateTraits":
        """Read the text of a template."""
        ending = template.rpartition("add_generation_prompt")[2]
        return TemplateTraits(
            has_tools="tools" in template,
            has_effort="reasoning_effort" in template,
            has_thinking_switch="enable_thinking" in template,
            opens_reasoning="<think>" in ending and "</think>" not in ending,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineModel:
    """A model file that can be served."""

    card: ModelCard
    """What is known about it."""
    settings: EngineSettings
    """How it is loaded."""
    traits: TemplateTraits = field(default_factory=TemplateTraits)
    """What its template can do."""
    embeds: bool = False
    """Whether it is a model for embeddings, which does nothing else."""


class EngineBackend:
    """Serves a GGUF file. Requests that run at once share what their prompts have in common and decode together."""

    def __init__(self, model: EngineModel, residency: Residency) -> None:
        self._model = model
        self._residency = residency

    @property
    def card(self) -> ModelCard:
        """What is known about the model now; more once it was loaded."""
        card = self._model.card
        engine = self._residency.engine(self._model.settings)
        if engine is None:
            return card
        return replace(card, facts={**card.facts, "context_length": engine.facts.context_length, "parallel": engine.facts.parallel})

    @property
    def abilities(self) -> frozenset[Ability]:
        """What the engine offers, and what the model's template adds."""
        if self._model.embeds:
            return _OF_EMBEDDERS
        traits = self._model.traits
        added: set[Ability] = set()
        if traits.has_tools:
            added.add("tools")
        if traits.has_effort or traits.has_thinking_switch:
            added.add("reasoning")
        return _ALWAYS | added

    @property
    def is_loaded(self) -> bool:
        """Whether the engine is in memory."""
        return self._residency.engine(self._model.settings) is not None

    async def generate(self, generation: Generation) -> AsyncIterator[Piece | Outcome]:
        """Generate by the engine, private reasoning apart from the answer."""
        request = self._request(generation)
        reader = _Reader(generation, opened=self._model.traits.opens_reasoning)
        async with self._residency.using(self._model.settings) as engine, aclosing(_fitted(engine, request)) as parts:
            async for part in parts:
                if isinstance(part, EngineResult):
                    for piece in reader.end():
                        yield piece
                    yield reader.outcome(part)
                else:
                    for piece in reader.add(part):
                        yield piece

    async def count_tokens(self, messages: Sequence[Message]) -> int:
        """Count as the model's template lays the chat out."""
        async with self._residency.using(self._model.settings) as engine:
            return await engine.count_tokens(messages)

    async def tokenize(self, text: str) -> tuple[int, ...]:
        """Turn text into token ids; control tokens in it are plain text."""
        async with self._residency.using(self._model.settings) as engine:
            return await engine.tokenize(text)

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Turn texts into vectors."""
        settings = self._model.settings if self._model.embeds else replace(self._model.settings, embeddings=True)
        async with self._residency.using(settings) as engine:
            made = await engine.embed(texts)
        return Vectors(vectors=made.vectors, tokens=made.tokens)

    async def close(self) -> None:
        """Leave unloading to the residency, which other models share."""

    def _request(self, generation: Generation) -> EngineRequest:
        if generation.schema is not None and generation.grammar is not None:
            raise RequestRefused("A request has a schema or a grammar, not both.", hint="Leave out one.")
        return EngineRequest(
            messages=generation.messages,
            text=generation.text,
            tokens=generation.tokens,
            max_tokens=generation.max_tokens,
            sampling=_sampling(generation),
            stop=generation.stop,
            schema=forced_call_schema(generation.tools) if generation.tool_choice == "required" else generation.schema,
            grammar=generation.grammar,
            logprobs=generation.logprobs,
            template_options=self._template_options(generation),
        )

    def _template_options(self, generation: Generation) -> dict[str, Any]:
        """Return the template's variables: a reasoning level follows the temperature where none is asked for."""
        traits = self._model.traits
        options: dict[str, Any] = {}
        if generation.tools and generation.tool_choice != "none":
            options["tools"] = template_tools(generation.tools)
        if traits.has_thinking_switch and generation.reasoning is not None:
            options["enable_thinking"] = generation.reasoning != "none"
        if traits.has_effort:
            options["reasoning_effort"] = generation.reasoning or level_of(generation.temperature)
            if options["reasoning_effort"] == "none":
                options["reasoning_effort"] = "low"
        return options


def level_of(temperature: float | None) -> str:
    """Return the reasoning level that goes with a temperature: up to 0.3 low, up to 0.7 medium, above high; medium if none is given."""
    if temperature is None:
        return "medium"
    return "low" if temperature <= 0.3 else "medium" if temperature <= 0.7 else "high"  # noqa: PLR2004 - the bounds are the definition


class _Reader:
    """Reads what the engine writes: reasoning, speech and tool calls."""

    def __init__(self, generation: Generation, *, opened: bool) -> None:
        is_formed = generation.schema is not None or generation.grammar is not None or generation.tool_choice == "required"
        self._channels = AnswerChannels(opened=opened) if generation.messages and not is_formed else None
        self._calls = splitter_for(generation)

    def add(self, part: TextPiece) -> list[Piece]:
        """Return what is certain now."""
        deltas = self._channels.add_text(part.text) if self._channels else [Delta(text=part.text)]
        choices = tuple(map(_choice, part.logprobs))
        pieces = self._pieces(deltas)
        if not choices:
            return pieces
        first, *others = pieces or [Piece(text="")]
        return [replace(first, logprobs=choices), *others]

    def end(self) -> list[Piece]:
        """Return what was held back."""
        pieces = self._pieces(self._channels.finish() if self._channels else [])
        held = self._calls.finish() if self._calls else ""
        return [*pieces, Piece(text=held)] if held else pieces

    def outcome(self, result: EngineResult) -> Outcome:
        """Return the end of the answer."""
        usage = Usage(prompt_tokens=result.prompt_tokens, cached_tokens=result.shared_tokens, completion_tokens=result.completion_tokens)
        calls = tool_calls(self._calls.calls or harmony_calls(result.text)) if self._calls else ()
        finish: Finish = "tool_calls" if calls else "length" if result.end_reason == "length" else "stop"
        return Outcome(finish=finish, usage=usage, tool_calls=calls)

    def _pieces(self, deltas: Sequence[Delta]) -> list[Piece]:
        pieces = []
        for delta in deltas:
            text = self._calls.feed(delta.text) if self._calls and delta.channel == "text" else delta.text
            if text:
                pieces.append(Piece(text=text, channel=delta.channel))
        return pieces


async def _fitted(engine: Engine, request: EngineRequest) -> AsyncGenerator[TextPiece | EngineResult, None]:
    """Generate; an answer limit beyond the window is taken as the rest of the window, as other servers do."""
    while True:
        stream = cast("AsyncGenerator[TextPiece | EngineResult, None]", engine.generate(request))
        try:
            async with aclosing(stream):
                async for part in stream:
                    yield part
        except ContextOverflow as error:
            left = _left(error, request)
            if left < 1:
                raise
            request = replace(request, max_tokens=left)
        else:
            return


def _left(error: ContextOverflow, request: EngineRequest) -> int:
    """Return how many tokens of the window the prompt leaves, or 0 if that is unknown or is what was asked for."""
    if error.needed is None or error.window is None or request.max_tokens is None:
        return 0
    left = error.window - (error.needed - request.max_tokens)
    return left if left < request.max_tokens else 0


def _sampling(generation: Generation) -> Sampling:
    """Return the engine's sampling; what was not given keeps the engine's default."""
    names = ("temperature", "top_p", "top_k", "min_p", "repeat_penalty", "presence_penalty", "frequency_penalty", "seed")
    given = {name: getattr(generation, name) for name in names}
    return Sampling(**{name: value for name, value in given.items() if value is not None})


def _choice(token: TokenLogprob) -> TokenChoice:
    return TokenChoice(text=token.text, logprob=token.logprob, alternatives=tuple(map(_choice, token.alternatives)))
