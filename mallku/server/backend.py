"""The seam behind a model name: an engine in this process, a participant elsewhere, or a whole circle."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol, get_args

from mallku.dialogue.message import Message
from mallku.dialogue.prompt import JsonSchema, ReasoningEffort
from mallku.dialogue.response import Channel, Usage

Finish = Literal["stop", "length", "tool_calls"]
"""Why an answer ended: by itself, at the token limit, or to have tools called."""

ToolChoice = Literal["auto", "none", "required"]
"""Whether the model may, must not, or must call a tool."""

Ability = Literal[
    "chat", "text", "embeddings", "tokenize", "schema", "grammar", "seed", "top_p", "top_k", "min_p", "repeat_penalty", "presence_penalty",
    "frequency_penalty", "logprobs", "logit_bias", "stop", "temperature", "max_tokens", "reasoning", "tools", "many", "continues",
]  # fmt: skip
"""Something a backend can do. The names of options are those of `Generation`; `many` is several answers to one request."""

ABILITIES: Final[frozenset[Ability]] = frozenset(get_args(Ability))
"""All abilities there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A function that the model may have called by the client."""

    name: str
    """Its name."""
    description: str = ""
    """What it does."""
    parameters: JsonSchema = field(default_factory=dict)
    """JSON Schema of its arguments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One answer that is asked for, whatever the protocol. Exactly one of `messages`, `text` and `tokens` is the prompt."""

    messages: tuple[Message, ...] = ()
    """A chat."""
    continues: bool = False
    """Whether the chat ends in a message of the assistant's that the answer goes on from."""
    text: str | None = None
    """Raw text to continue."""
    tokens: tuple[int, ...] | None = None
    """Token ids to continue."""
    max_tokens: int | None = None
    """Most tokens of the answer, private reasoning included."""
    temperature: float | None = None
    """Randomness of sampling."""
    top_p: float | None = None
    """Nucleus sampling."""
    top_k: int | None = None
    """Keep only this many of the likeliest tokens."""
    min_p: float | None = None
    """Drop tokens less likely than this share of the likeliest."""
    repeat_penalty: float | None = None
    """Penalty on tokens of the recent text."""
    presence_penalty: float | None = None
    """Penalty on tokens that occurred."""
    frequency_penalty: float | None = None
    """Penalty on tokens by how often they occurred."""
    seed: int | None = None
    """Seed of the sampler."""
    stop: tuple[str, ...] = ()
    """Texts that end the answer."""
    schema: JsonSchema | None = None
    """The answer is JSON of this schema."""
    grammar: str | None = None
    """The answer follows this GBNF grammar."""
    logprobs: int | None = None
    """How many alternatives to report for each token."""
    logit_bias: Mapping[int, float] | None = None
    """What is added to the logits of these tokens."""
    reasoning: ReasoningEffort | None = None
    """How much private reasoning to ask for."""
    tools: tuple[Tool, ...] = ()
    """Functions the model may have called."""
    tool_choice: ToolChoice = "auto"
    """Whether it may call them."""
    is_whole: bool = False
    """Whether nobody reads the answer before its end, so that a backend may keep its pieces until then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenChoice:
    """A token of the answer with its log probability and the likeliest alternatives."""

    text: str
    """Its text."""
    logprob: float
    """Natural logarithm of its probability."""
    alternatives: tuple["TokenChoice", ...] = ()
    """The likeliest tokens at this place, best first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A function that the model wants called."""

    id: str
    """Id under which the client returns the result."""
    name: str
    """The function."""
    arguments: str
    """Its arguments as JSON text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """New text of an answer."""

    text: str
    """The new characters."""
    channel: Channel = "text"
    """Public text or private reasoning."""
    logprobs: tuple[TokenChoice, ...] = ()
    """For the tokens since the last piece, if asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The end of an answer."""

    finish: Finish = "stop"
    """Why it ended."""
    usage: Usage = field(default_factory=Usage)
    """Tokens."""
    reasoning_tokens: int | None = None
    """Tokens of private reasoning, where they were counted."""
    tool_calls: tuple[ToolCall, ...] = ()
    """Functions that the model wants called."""
    stop_text: str | None = None
    """The text of `stop` that ended it, where the backend knows."""
    first_token_s: float | None = None
    """Seconds from the request to its first token, where the backend measured them."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """Facts that only this kind of model has, such as a deliberation's id; they stand in the response under `mallku`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vectors:
    """Embeddings of some texts."""

    vectors: tuple[tuple[float, ...], ...]
    """One for each text."""
    tokens: int
    """Tokens of all texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """What is known about a model before it is used."""

    id: str
    """Name under which it is served."""
    owner: str = "mallku"
    """What stands behind it: `mallku` for an engine, `circle`, or the kind of a remote server."""
    created: int = 0
    """Unix time of the file, or 0."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Facts shown beside the protocol's own fields, such as `quantization`; less than a kilobyte."""


class Backend(Protocol):
    """Whatever answers to a model name.

    Contract:

    * `generate` yields `Piece`s and then, once and last, an `Outcome`.
    * Closing the iterator or cancelling the task ends the work at once and frees what it held.
    * Options of a `Generation` outside of `abilities` never arrive: they are refused by name before.
    * Everything that goes wrong is a `MallkuError`.
    """

    @property
    def card(self) -> ModelCard:
        """What is known about the model now."""
        ...

    @property
    def abilities(self) -> frozenset[Ability]:
        """What it can do."""
        ...

    @property
    def is_loaded(self) -> bool:
        """Whether it can answer without loading anything first."""
        ...

    def generate(self, generation: Generation) -> AsyncGenerator[Piece | Outcome, None]:
        """Answer as a stream."""
        ...

    async def count_tokens(self, messages: Sequence[Message]) -> int:
        """Count the tokens of a chat; an upper estimate where it cannot be exact."""
        ...

    async def tokenize(self, text: str) -> tuple[int, ...]:
        """Turn text into token ids; asked only of backends with the ability."""
        ...

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Turn texts into vectors; asked only of backends with the ability."""
        ...

    async def close(self) -> None:
        """Give back what it holds."""
        ...


OPTION_NAMES: Final[Mapping[str, str]] = {
    "schema": "response_format",
    "reasoning": "reasoning_effort",
    "continues": "continue_final_message",
}
"""Names in the protocols of those options that are called otherwise here."""


def unsupported(generation: Generation, abilities: frozenset[Ability]) -> str:
    """Return the protocol's name of an option in use that these abilities do not cover, or an empty string."""
    used: dict[Ability, bool] = {
        "chat": bool(generation.messages),
        "text": generation.text is not None or generation.tokens is not None,
        "max_tokens": generation.max_tokens is not None,
        "temperature": generation.temperature is not None,
        "top_p": generation.top_p not in {None, 1.0},
        "top_k": generation.top_k is not None,
        "min_p": generation.min_p is not None,
        "repeat_penalty": generation.repeat_penalty not in {None, 1.0},
        "presence_penalty": bool(generation.presence_penalty),
        "frequency_penalty": bool(generation.frequency_penalty),
        "seed": generation.seed is not None,
        "stop": bool(generation.stop),
        "schema": generation.schema is not None,
        "grammar": generation.grammar is not None,
        "logprobs": generation.logprobs is not None,
        "logit_bias": bool(generation.logit_bias),
        "reasoning": generation.reasoning is not None,
        "tools": bool(generation.tools) and generation.tool_choice != "none",
        "continues": generation.continues,
    }
    missing = next((name for name, is_used in used.items() if is_used and name not in abilities), "")
    return OPTION_NAMES.get(missing, missing)
