"""The engine in this process: llama.cpp on a thread of its own, never on the event loop."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from functools import lru_cache, partial
from operator import methodcaller
from typing import Final

from mallku.dialogue.message import Message
from mallku.engine.chat_template import ChatTemplate
from mallku.engine.decoder import Decoder, LoadDecoder
from mallku.engine.engine import OnProgress
from mallku.engine.request import Embeddings, EngineFacts, EngineRequest, EngineResult, EngineStatistics, TextPiece
from mallku.engine.worker import Job, Worker
from mallku.errors import ConfigurationError, ContextOverflow, MallkuError, RequestRefused

_DEFAULT_MAX_TOKENS: Final = 512
_SHORT: Final = 2_000
"""Characters of a prompt that are tokenised at once: handing them to another thread would take longer."""
_TEXTS_KEPT: Final = 256
_LONGEST_KEPT: Final = 8_000
"""Characters of a text whose tokens are kept: the next turn of a chat brings all earlier ones again."""


class ThreadedEngine:
    """An `Engine` over a worker thread. Made by `load`."""

    def __init__(self, worker: Worker, decoder: Decoder) -> None:
        self._worker = worker
        self._decoder = decoder
        self._template: ChatTemplate | None = None
        self._kept = lru_cache(maxsize=_TEXTS_KEPT)(partial(decoder.tokenize, special=False))

    @classmethod
    async def load(cls, load: LoadDecoder, on_progress: OnProgress | None = None) -> "ThreadedEngine":
        """Start a thread and load a decoder on it; raises a `ModelFileError`."""
        worker = Worker(load)
        return cls(worker, await worker.start(on_progress or _ignore))

    @property
    def facts(self) -> EngineFacts:
        """What is known about the loaded model."""
        return self._decoder.facts

    @property
    def is_open(self) -> bool:
        """Whether it answers."""
        return self._worker.is_open

    async def generate(self, request: EngineRequest) -> AsyncIterator[TextPiece | EngineResult]:
        """Answer one request as a stream."""
        tokens = await self._prompt(request)
        job = Job(request=request, tokens=tokens, max_tokens=self._answer_length(request, len(tokens)))
        self._worker.submit(job)
        is_over = False
        try:
            while not is_over:
                outcome = await job.outcomes.get()
                is_over = not isinstance(outcome, TextPiece)
                if isinstance(outcome, MallkuError):
                    raise outcome
                yield outcome
        finally:
            if not is_over:
                self._worker.cancel(job)

    async def count_tokens(self, messages: Sequence[Message]) -> int:
        """Count the tokens of a chat."""
        return len(await self._prompt(EngineRequest(messages=tuple(messages))))

    async def tokenize(self, text: str, *, special: bool = False) -> tuple[int, ...]:
        """Turn text into token ids."""
        return tuple(await asyncio.to_thread(self._decoder.tokenize, text, special=special))

    async def detokenize(self, tokens: Sequence[int]) -> str:
        """Turn token ids into text."""
        pieces = await self._worker.call(lambda decoder: b"".join(map(decoder.piece, tokens)))
        return pieces.decode("utf-8", errors="replace")

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """Turn texts into vectors of length 1."""
        if not self.facts.is_embedding_model:
            raise RequestRefused(
                f"{self.facts.model!r} was not loaded to embed texts.", hint="Set `embeddings=True`, or load an embedding model."
            )
        prompts = [await asyncio.to_thread(self._decoder.tokenize, text, special=False, framed=True) for text in texts]
        for prompt in prompts:
            if not prompt:
                raise RequestRefused("An empty text has no vector.", hint="Leave it out.")
            if len(prompt) > self.facts.context_length:
                window = self.facts.context_length
                raise ContextOverflow(
                    f"A text of {len(prompt)} tokens does not fit into the window of {window}.",
                    hint="Embed shorter texts, or load the model with a larger context_length.",
                    needed=len(prompt),
                    window=window,
                )
        vectors: list[tuple[float, ...]] = []
        for group in _groups(prompts, self.facts):
            vectors += map(_unit, await self._worker.call(methodcaller("embed", group)))
        return Embeddings(vectors=tuple(vectors), tokens=sum(map(len, prompts)))

    async def statistics(self) -> EngineStatistics:
        """Return the sums so far."""
        return await self._worker.call(lambda _: self._worker.statistics())

    async def close(self) -> None:
        """End running requests and free the memory."""
        await self._worker.close()

    async def _prompt(self, request: EngineRequest) -> Sequence[int]:
        """Turn what was asked into tokens."""
        given = (bool(request.messages), request.text is not None, request.tokens is not None)
        if sum(given) != 1:
            raise ConfigurationError("A request has exactly one of messages, text and tokens.", hint="Leave out the others.")
        if request.schema is not None and request.grammar is not None:
            raise ConfigurationError("A request has a schema or a grammar, not both.", hint="Leave out one.")
        if self.facts.is_embedding_model:
            raise RequestRefused(f"{self.facts.model!r} embeds texts and does not generate.", hint="Choose a generating model.")
        self._check_tokens([token for token, _ in request.sampling.logit_bias])
        if request.continues and (not request.messages or request.messages[-1].role != "assistant"):
            raise ConfigurationError("There is no message of the assistant's to continue.", hint="Let the chat end in one.")
        tokens: Sequence[int]
        if request.tokens is not None:
            tokens = request.tokens
            self._check_tokens(tokens)
        elif request.text is not None:
            begin = self._decoder.vocabulary.begin
            text = await _soon(len(request.text), partial(self._decoder.tokenize, request.text, special=False))
            tokens = text if begin is None else [begin, *text]
        else:
            tokens = await _soon(sum(len(message.content) for message in request.messages), partial(self._lay_out, request))
        if not tokens:
            raise RequestRefused("The prompt is empty.", hint="Give it at least one character.")
        return tokens

    def _check_tokens(self, tokens: Sequence[int]) -> None:
        size = self._decoder.vocabulary.size
        if any(not 0 <= token < size for token in tokens):
            raise RequestRefused("A token id is not in the model's vocabulary.", hint=f"Ids go from 0 to {size - 1}.")

    def _lay_out(self, request: EngineRequest) -> list[int]:
        if self._template is None:
            self._template = ChatTemplate(self._decoder.vocabulary)
        return self._template.tokens(request.messages, request.template_options, self._tokens, continues=request.continues)

    def _tokens(self, text: str) -> list[int]:
        """Turn a text of a chat into tokens, which are not to be changed."""
        return self._kept(text) if len(text) <= _LONGEST_KEPT else self._decoder.tokenize(text, special=False)

    def _answer_length(self, request: EngineRequest, prompt_length: int) -> int:
        """Settle the most tokens of the answer; raises `ContextOverflow` if prompt and answer can never fit."""
        window = min(self.facts.context_length, self.facts.cells)
        wanted = request.max_tokens if request.max_tokens is not None else max(1, min(_DEFAULT_MAX_TOKENS, window - prompt_length))
        if wanted < 1:
            raise ConfigurationError(f"max_tokens is {wanted!r}.", hint="Ask for at least one token.")
        if prompt_length + wanted > window:
            raise _overflow(prompt_length, wanted, window)
        return wanted


async def _soon(characters: int, work: Callable[[], list[int]]) -> list[int]:
    """Do what is short here, and what may take longer on a thread."""
    return work() if characters < _SHORT else await asyncio.to_thread(work)


def _overflow(prompt: int, answer: int, window: int) -> ContextOverflow:
    return ContextOverflow(
        f"The prompt of {prompt} tokens and an answer of up to {answer} do not fit into the window of {window}.",
        hint="Shorten the prompt, ask for a shorter answer, or load the model with a larger context_length.",
        needed=prompt + answer,
        window=window,
    )


def _groups(prompts: Sequence[Sequence[int]], facts: EngineFacts) -> Iterator[Sequence[Sequence[int]]]:
    """Split texts into as many at a time as a step can hold."""
    group: list[Sequence[int]] = []
    for prompt in prompts:
        if group and (len(group) == facts.sequences or sum(map(len, group)) + len(prompt) > facts.batch_tokens):
            yield group
            group = []
        group.append(prompt)
    if group:
        yield group


def _unit(vector: Sequence[float]) -> tuple[float, ...]:
    norm = math.sqrt(sum(value * value for value in vector)) or 1.0
    return tuple(value / norm for value in vector)


def _ignore(_: float) -> None:
    """Nobody wants to know."""
