"""A GGUF file as a model: an engine in this process, loaded when it is asked for."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final, cast

from mallku.dialogue.message import Message
from mallku.dialogue.response import Delta, Usage
from mallku.engine import Engine, EngineRequest, EngineResult, EngineSettings, Sampling, TextPiece, TokenLogprob, answer_opening
from mallku.errors import ContextOverflow, RequestRefused
from mallku.server.backend import Ability, Finish, Generation, ModelCard, Outcome, Piece, TokenChoice, Vectors
from mallku.server.residency import Residency
from mallku.server.tool_speech import forced_call_schema, splitter_for, template_tools, tool_calls
from mallku.wire.answer_channels import AnswerChannels, is_plain
from mallku.wire.reasoning_tags import ReasoningPlace, answer_place, closes_reasoning
from mallku.wire.tool_calls import harmony_calls

_ALWAYS: Final[frozenset[Ability]] = frozenset(
    {
        "chat", "text", "embeddings", "tokenize", "schema", "grammar", "seed", "top_p", "top_k", "min_p", "repeat_penalty",
        "presence_penalty", "frequency_penalty", "logprobs", "logit_bias", "stop", "temperature", "max_tokens", "many", "continues",
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
    source: str = ""
    """Its text, where it knows of reasoning in tags."""

    @staticmethod
    def of(template: str) -> "TemplateTraits":
        """Read the text of a template."""
        return TemplateTraits(
            has_tools="tools" in template,
            has_effort="reasoning_effort" in template,
            has_thinking_switch="enable_thinking" in template,
            source=template if closes_reasoning(template) else "",
        )

    def place(self, options: Mapping[str, Any]) -> ReasoningPlace:
        """Tell where an answer begins: the template may have opened the reasoning in the prompt, closed it, or said nothing of it."""
        switch = {name: options[name] for name in ("enable_thinking", "reasoning_effort") if name in options}
        return _place(self.source, tuple(sorted(switch.items()))) if self.source else "outside"


@lru_cache(maxsize=64)
def _place(source: str, options: tuple[tuple[str, Any], ...]) -> ReasoningPlace:
    return answer_place(answer_opening(source, dict(options)))


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
        self._told: tuple[Engine, ModelCard] | None = None
        self._closes_unopened = False
        added: set[Ability] = {"tools"} if model.traits.has_tools else set()
        if model.traits.has_effort or model.traits.has_thinking_switch:
            added.add("reasoning")
        self._abilities = _OF_EMBEDDERS if model.embeds else _ALWAYS | added

    @property
    def card(self) -> ModelCard:
        """What is known about the model now; more once it was loaded."""
        card = self._model.card
        engine = self._residency.engine(self._model.settings)
        if engine is None:
            return card
        if self._told is None or self._told[0] is not engine:
            facts = {**card.facts, "context_length": engine.facts.context_length, "parallel": engine.facts.parallel}
            self._told = (engine, replace(card, facts=facts))
        return self._told[1]

    @property
    def abilities(self) -> frozenset[Ability]:
        """What the engine offers, and what the model's template adds."""
        return self._abilities

    @property
    def engine_settings(self) -> EngineSettings:
        """How its file is loaded."""
        return self._model.settings

    @property
    def is_loaded(self) -> bool:
        """Whether the engine is in memory."""
        return self._residency.engine(self._model.settings) is not None

    async def generate(self, generation: Generation) -> AsyncGenerator[Piece | Outcome, None]:
        """Generate by the engine, private reasoning apart from the answer."""
        request = self._request(generation)
        reader = _Reader(generation, self._place(request), is_whole=request.is_whole)
        async with self._residency.using(self._model.settings) as engine:
            while True:
                try:
                    async with aclosing(_stream(engine, request)) as parts:
                        async for part in parts:
                            for piece in reader.read(part):
                                yield piece
                            self._closes_unopened = self._closes_unopened or reader.closed_unopened
                except ContextOverflow as error:
                    # an answer limit beyond the window is taken as the rest of the window, as other servers do
                    left = _left(error, request)
                    if left < 1:
                        raise
                    request = replace(request, max_tokens=left)
                else:
                    return

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

    def _place(self, request: EngineRequest) -> ReasoningPlace:
        """Tell where an answer begins. A model that once closed what no template had opened may do so again."""
        traits = self._model.traits
        return "unknown" if self._closes_unopened and not traits.source else traits.place(request.template_options)

    def _request(self, generation: Generation) -> EngineRequest:
        if generation.schema is not None and generation.grammar is not None:
            raise RequestRefused("A request has a schema or a grammar, not both.", hint="Leave out one.")
        return EngineRequest(
            messages=generation.messages,
            continues=generation.continues,
            text=generation.text,
            tokens=generation.tokens,
            max_tokens=generation.max_tokens,
            sampling=_sampling(generation),
            stop=generation.stop,
            schema=forced_call_schema(generation.tools) if generation.tool_choice == "required" else generation.schema,
            grammar=generation.grammar,
            logprobs=generation.logprobs,
            template_options=self._template_options(generation),
            # what a token's probability belongs to, speech or reasoning, is only known piece by piece
            is_whole=generation.is_whole and generation.logprobs is None,
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

    def __init__(self, generation: Generation, place: ReasoningPlace, *, is_whole: bool = False) -> None:
        is_formed = generation.schema is not None or generation.grammar is not None or generation.tool_choice == "required"
        # A lone closing tag makes reasoning of all before it: where that may come, or nobody reads along, the text waits for it.
        may_open = generation.is_whole or place == "unknown"
        channels = AnswerChannels(opened=may_open and not generation.continues, inside=place == "inside" and not generation.continues)
        self._channels = channels if generation.messages and not is_formed else None
        self._calls = splitter_for(generation)
        self._is_whole = is_whole
        self._begins_outside = place != "inside"

    @property
    def closed_unopened(self) -> bool:
        """Whether reasoning ended that nothing had opened."""
        return self._channels is not None and self._channels.opened_in_prompt

    def read(self, part: TextPiece | EngineResult) -> list[Piece | Outcome]:
        """Return what is certain now."""
        if isinstance(part, TextPiece):
            return [*self._add(part.text, part.logprobs)]
        if self._is_whole and self._calls is None and self._begins_outside and is_plain(part.text):
            return [Piece(text=part.text), self._outcome(part)]
        unread = self._add(part.text) if self._is_whole else []
        return [*unread, *self._end(), self._outcome(part)]

    def _add(self, text: str, logprobs: Sequence[TokenLogprob] = ()) -> list[Piece]:
        deltas = self._channels.add_text(text) if self._channels else [Delta(text=text)]
        pieces = self._pieces(deltas)
        if not logprobs:
            return pieces
        first, *others = pieces or [Piece(text="")]
        return [replace(first, logprobs=tuple(map(_choice, logprobs))), *others]

    def _end(self) -> list[Piece]:
        """Return what was held back."""
        pieces = self._pieces(self._channels.finish() if self._channels else [])
        held = self._calls.finish() if self._calls else ""
        return [*pieces, Piece(text=held)] if held else pieces

    def _outcome(self, result: EngineResult) -> Outcome:
        """Return the end of the answer."""
        usage = Usage(prompt_tokens=result.prompt_tokens, cached_tokens=result.shared_tokens, completion_tokens=result.completion_tokens)
        calls = tool_calls(self._calls.calls or harmony_calls(result.text)) if self._calls else ()
        finish: Finish = "tool_calls" if calls else "length" if result.end_reason == "length" else "stop"
        stop_text = result.stop_text if finish == "stop" else None
        return Outcome(finish=finish, usage=usage, tool_calls=calls, stop_text=stop_text, first_token_s=result.first_token_s)

    def _pieces(self, deltas: Sequence[Delta]) -> list[Piece]:
        pieces = []
        for delta in deltas:
            text = self._calls.feed(delta.text) if self._calls and delta.channel == "text" else delta.text
            if text:
                pieces.append(Piece(text=text, channel=delta.channel))
        return pieces


def _stream(engine: Engine, request: EngineRequest) -> AsyncGenerator[TextPiece | EngineResult, None]:
    return cast("AsyncGenerator[TextPiece | EngineResult, None]", engine.generate(request))


def _left(error: ContextOverflow, request: EngineRequest) -> int:
    """Return how many tokens of the window the prompt leaves, or 0 if that is unknown or is what was asked for."""
    if error.needed is None or error.window is None or request.max_tokens is None:
        return 0
    left = error.window - (error.needed - request.max_tokens)
    return left if left < request.max_tokens else 0


_SAMPLING_NAMES: Final = ("temperature", "top_p", "top_k", "min_p", "repeat_penalty", "presence_penalty", "frequency_penalty", "seed")
_given: Final = attrgetter(*_SAMPLING_NAMES)


def _sampling(generation: Generation) -> Sampling:
    """Return the engine's sampling; what was not given keeps the engine's default."""
    return _kept_sampling(_given(generation), tuple((generation.logit_bias or {}).items()))


@lru_cache(maxsize=64)
def _kept_sampling(given: tuple[Any, ...], bias: tuple[tuple[int, float], ...]) -> Sampling:
    values = {name: value for name, value in zip(_SAMPLING_NAMES, given, strict=True) if value is not None}
    return Sampling(logit_bias=bias, **values)


def _choice(token: TokenLogprob) -> TokenChoice:
    return TokenChoice(text=token.text, logprob=token.logprob, alternatives=tuple(map(_choice, token.alternatives)))
