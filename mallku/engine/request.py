"""What an engine is asked for, and what it gives back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from mallku.dialogue.message import Message
from mallku.dialogue.prompt import JsonSchema

EndReason = Literal["stop", "length"]
"""Why an answer ended: the model or a stop text ended it, or the token limit was reached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How the next token is chosen. The defaults are llama.cpp's own."""

    temperature: float = 0.8
    """Randomness; 0 always takes the likeliest token."""
    top_k: int = 40
    """Keep only this many of the likeliest tokens; 0 keeps all."""
    top_p: float = 0.95
    """Keep the smallest set of tokens with this probability; 1 keeps all."""
    min_p: float = 0.05
    """Drop tokens less likely than this share of the likeliest one."""
    repeat_penalty: float = 1.0
    """Divide the logits of tokens among the last 64 by this; 1 is none."""
    presence_penalty: float = 0.0
    """Subtract this from the logit of every token already in the last 64."""
    frequency_penalty: float = 0.0
    """Subtract this, times its count, from the logit of every token in the last 64."""
    logit_bias: tuple[tuple[int, float], ...] = ()
    """Pairs of a token id and what is added to its logit before anything else; -100 rules a token out in practice."""
    seed: int | None = None
    """Seed of the random numbers; None draws one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRequest:
    """One generation. Exactly one of `messages`, `text` and `tokens` is the prompt."""

    messages: tuple[Message, ...] = ()
    """A chat, laid out by the model's own template; control tokens in a message's text are plain text."""
    continues: bool = False
    """Whether the chat ends in a message of the assistant's that is not over: the answer goes on from its last word."""
    text: str | None = None
    """Raw text, continued as it stands; control tokens in it are not recognised."""
    tokens: tuple[int, ...] | None = None
    """Token ids, taken as they are."""
    max_tokens: int | None = None
    """Most tokens of the answer. None: up to 512, and no more than the window leaves."""
    sampling: Sampling = field(default_factory=Sampling)
    """How tokens are chosen."""
    stop: tuple[str, ...] = ()
    """Texts that end the answer; they are not part of it."""
    schema: JsonSchema | None = None
    """The answer is JSON of this schema, its properties in the schema's order."""
    grammar: str | None = None
    """The answer follows this GBNF grammar; not together with `schema`."""
    logprobs: int | None = None
    """Report this many alternatives for every token, with log probabilities; 0 reports the chosen token only."""
    is_whole: bool = False
    """Whether nobody reads along: then the `EngineResult` is all that comes."""
    ignores_end: bool = False
    """Go on where the model would end its answer, up to `max_tokens`; for measuring."""
    template_options: Mapping[str, Any] = field(default_factory=dict)
    """Variables for the chat template, such as `enable_thinking`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenLogprob:
    """A token with its log probability before sampling, and the likeliest alternatives."""

    token: int
    """Token id."""
    text: str
    """Its text; bytes that are no whole character show as U+FFFD."""
    logprob: float
    """Natural logarithm of its probability under the model itself."""
    alternatives: tuple["TokenLogprob", ...] = ()
    """The likeliest tokens at this place, best first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextPiece:
    """New text of an answer: whole characters, never a part of a stop text."""

    text: str
    """The new characters."""
    logprobs: tuple[TokenLogprob, ...] = ()
    """For the tokens since the last piece, if asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineResult:
    """The end of a generation, with its measurements."""

    text: str
    """The whole answer."""
    tokens: tuple[int, ...]
    """Its token ids, the end-of-text token aside."""
    end_reason: EndReason
    """Why it ended."""
    prompt_tokens: int
    """Tokens of the prompt."""
    shared_tokens: int
    """Prompt tokens that were not computed for this request, because another one had them or left them behind."""
    completion_tokens: int
    """Tokens generated, the end-of-text token included."""
    first_token_s: float
    """Seconds from the request to its first token, waiting included."""
    total_s: float
    """Seconds from the request to its end."""
    compute_s: float
    """Its share of the seconds the engine was busy: each step's time is split over the tokens in it."""
    stop_text: str | None = None
    """The stop text that ended it, if one did."""
    logprobs: tuple[TokenLogprob, ...] = ()
    """For all tokens, if asked for."""

    @property
    def tokens_per_s(self) -> float | None:
        """Tokens after the first one per second, or None if there was only one."""
        seconds = self.total_s - self.first_token_s
        return (self.completion_tokens - 1) / seconds if self.completion_tokens > 1 and seconds > 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Embeddings:
    """Vectors of some texts."""

    vectors: tuple[tuple[float, ...], ...]
    """One for each text, of length 1."""
    tokens: int
    """Tokens of all texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFacts:
    """What is known about a loaded engine."""

    model: str
    """The model's own name, or its file name."""
    architecture: str
    """Such as `qwen2`."""
    description: str
    """Architecture, size and number format in one line, by llama.cpp."""
    parameters: int
    """Number of weights."""
    context_length: int
    """Most tokens of one request."""
    trained_length: int
    """Tokens the model was trained to read at once."""
    cells: int
    """Tokens the key-value memory holds."""
    sequences: int
    """Sequence ids: running requests and what finished ones left behind."""
    parallel: int
    """Most requests computed at once."""
    batch_tokens: int
    """Most tokens computed in one step."""
    smallest_batch: int
    """Fewest sequences that are decoded as one batch; fewer are computed one after the other."""
    own_kernel: bool
    """Whether mallku's kernel for a few columns of Q8_0 is in use."""
    prefill_chunk: int
    """Most prompt tokens computed in a step in which other requests are generating."""
    shares_prefixes: bool
    """Whether requests can share memory; False for recurrent and hybrid models."""
    is_embedding_model: bool
    """Whether it embeds texts and does not generate."""
    gpu_layers: int
    """Layers on the GPU."""
    threads: int
    """Threads of one step."""
    memory_bytes: int
    """Estimated memory of weights, key-value memory and buffers."""
    fingerprint: str
    """Equal for two engines exactly when they read the same file."""
    warnings: tuple[str, ...] = ()
    """What the person who chose the settings should know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineStatistics:
    """Sums since the engine was loaded."""

    requests: int = 0
    """Requests begun."""
    steps: int = 0
    """Decode steps."""
    prefilled_tokens: int = 0
    """Prompt tokens computed."""
    shared_tokens: int = 0
    """Prompt tokens taken over from another request."""
    generated_tokens: int = 0
    """Tokens sampled."""
    decode_s: float = 0.0
    """Seconds in llama.cpp's decoding."""
    sample_s: float = 0.0
    """Seconds in llama.cpp's sampling."""
    own_s: float = 0.0
    """Processor seconds of our own work between steps: planning, filling batches, text, delivery."""
    cells_used: int = 0
    """Tokens in the key-value memory now, left-overs of finished requests included."""
    cells_active: int = 0
    """Tokens in the key-value memory now that running requests hold."""
