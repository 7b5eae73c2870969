"""The seam between scheduling and llama.cpp: all that the engine needs of a loaded model."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from mallku.engine.planner import Copy, Drop, Run
from mallku.engine.request import EngineFacts, Sampling

SamplerHandle = int
"""Names one request's sampler to the decoder that made it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """What the engine must know about a model's tokens."""

    size: int
    """Number of tokens."""
    begin: int | None
    """Token that begins every prompt, or None if the model wants none."""
    begin_text: str
    """Its text, for the chat template."""
    end_text: str
    """Text of the token that ends an answer, for the chat template."""
    control: Mapping[str, int]
    """Control tokens by their text."""
    markup: frozenset[str]
    """Texts of further tokens that look like control tokens."""
    chat_template: str
    """The model's own chat template, or empty."""


class Decoder(Protocol):
    """A loaded model. Every method is called from one thread, except `tokenize`, which any thread may call."""

    facts: EngineFacts
    """What is known about the model."""
    vocabulary: Vocabulary
    """Its tokens."""

    def tokenize(self, text: str, *, special: bool, framed: bool = False) -> list[int]:
        """Turn text into token ids; `special` recognises control tokens in it, `framed` adds the model's begin and end."""
        ...

    def piece(self, token: int) -> bytes:
        """Return a token's bytes; control tokens have none."""
        ...

    def is_end(self, token: int) -> bool:
        """Whether the token ends an answer."""
        ...

    def change_memory(self, operation: Copy | Drop) -> None:
        """Copy or drop memory of a sequence."""
        ...

    def decode(self, runs: Sequence[Run]) -> list[int]:
        """Compute the tokens, and return for each run the row to sample from, or -1. Raises `EngineCrashed`."""
        ...

    def new_sampler(self, sampling: Sampling, grammar: str | None) -> SamplerHandle:
        """Make a sampler; raises `RequestRefused` for a grammar that is none."""
        ...

    def sample(self, sampler: SamplerHandle, row: int) -> int:
        """Choose the next token from a row of the last `decode`."""
        ...

    def free_sampler(self, sampler: SamplerHandle) -> None:
        """Free a sampler."""
        ...

    def logprobs(self, row: int, token: int, count: int) -> list[tuple[int, float]]:
        """Return log probabilities in a row: first the token's own, then those of the `count` likeliest tokens."""
        ...

    def embed(self, texts: Sequence[Sequence[int]]) -> list[list[float]]:
        """Turn texts, given as tokens, into vectors: at most `facts.sequences` texts, and `facts.batch_tokens` tokens in all."""
        ...

    def close(self) -> None:
        """Free the model."""
        ...


Tell = Callable[[float], bool]
"""Takes the share of the weights that is loaded, 0..1, and says whether to go on loading."""

LoadDecoder = Callable[[Tell], Decoder]
"""Loads a model, telling its progress; raises a `ModelFileError`, also where it was told not to go on."""
