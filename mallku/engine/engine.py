"""The seam to the engine: one interface, whether llama.cpp runs on a thread here or in a child process."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Protocol

from mallku.dialogue.message import Message
from mallku.engine.request import Embeddings, EngineFacts, EngineRequest, EngineResult, EngineStatistics, TextPiece

OnProgress = Callable[[float], None]
"""Called on the event loop with the share of the weights that is loaded, 0..1."""


class Engine(Protocol):
    """A loaded model that serves many requests at once.

    Contract:

    * `generate` yields `TextPiece`s and then, once and last, an `EngineResult` whose text is their concatenation; of a request that
      `is_whole`, the `EngineResult` only.
    * Any number of `generate` calls may run at once; what their prompts have in common is computed once, and they decode together.
    * Closing the iterator or cancelling the task stops the work within one decode step and frees its memory.
    * A prompt that can never fit raises `ContextOverflow` before anything is computed; one that does not fit now waits its turn.
    * The same seeded request gives the same text for the same history of batches. Greedy requests give the same text in any company,
      rounding of near-equal logits aside.
    * If native code dies, every running `generate` raises `EngineCrashed`.
    * `close` is idempotent; afterwards everything raises `EngineCrashed`.
    """

    @property
    def facts(self) -> EngineFacts:
        """What is known about the loaded model."""
        ...

    @property
    def is_open(self) -> bool:
        """Whether it answers; one that is closed, or that a fault has ended, has to be loaded again."""
        ...

    def generate(self, request: EngineRequest) -> AsyncIterator[TextPiece | EngineResult]:
        """Answer one request as a stream."""
        ...

    async def count_tokens(self, messages: Sequence[Message]) -> int:
        """Count the tokens of a chat as the model's template lays it out."""
        ...

    async def tokenize(self, text: str, *, special: bool = False) -> tuple[int, ...]:
        """Turn text into token ids; with `special`, control tokens in it are recognised."""
        ...

    async def detokenize(self, tokens: Sequence[int]) -> str:
        """Turn token ids into text."""
        ...

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """Turn texts into vectors of length 1; raises `RequestRefused` if this engine was not loaded for it."""
        ...

    async def statistics(self) -> EngineStatistics:
        """Return the sums so far."""
        ...

    async def close(self) -> None:
        """End running requests and free the memory."""
        ...


async def whole_result(engine: Engine, request: EngineRequest) -> EngineResult:
    """Run `generate` to its end and return the `EngineResult`."""
    async for part in engine.generate(replace(request, is_whole=True)):
        if isinstance(part, EngineResult):
            return part
    msg = "the engine's stream ended without a result"
    raise RuntimeError(msg)
