"""The routes of OpenAI's protocol around raw text: completions, embeddings, and our own tokenisation."""

import array
import base64
import sys
import time
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field

from mallku.server.backend import Generation, Outcome, TokenChoice
from mallku.server.chat_answer import Part, usage_data
from mallku.server.chat_request import (
    MOST_ANSWERS,
    ChatMessage,
    Count,
    LogitBias,
    Penalty,
    RequestModel,
    Seed,
    Share,
    Stop,
    StreamOptions,
    Temperature,
    chat_messages,
    logit_bias,
    stop_texts,
)
from mallku.server.errors import Refusal
from mallku.server.event_stream import DONE, event, streamed, unless_left
from mallku.server.identity import new_id
from mallku.server.json_response import JsonResponse
from mallku.server.service import Service, refuse_many, require_ability

TokenId = Annotated[int, Field(ge=0, lt=2**31)]
Text = Annotated[str, Field(max_length=2_000_000)]
_MOST_PROMPTS = 256


class CompletionRequest(RequestModel):
    """The body of `POST /v1/completions`."""

    model: str | None = None
    prompt: Text | Annotated[list[Text], Field(min_length=1, max_length=_MOST_PROMPTS)] | Annotated[list[TokenId], Field(min_length=1)]
    max_tokens: Count | None = 16
    temperature: Temperature | None = None
    top_p: Share | None = None
    top_k: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    min_p: Share | None = None
    repeat_penalty: Annotated[float, Field(gt=0, le=10)] | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    logit_bias: LogitBias | None = None
    seed: Seed | None = None
    stop: Stop | None = None
    n: Annotated[int, Field(ge=1, le=MOST_ANSWERS)] | None = None
    best_of: Annotated[int, Field(ge=1, le=MOST_ANSWERS)] | None = None
    echo: bool | None = None
    suffix: None = None
    logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    grammar: Annotated[str, Field(max_length=100_000)] | None = None
    user: str | None = None

    def generations(self) -> list[Generation]:
        """Return one generation for each prompt."""
        if self.best_of is not None and self.best_of != (self.n or 1):
            raise Refusal(400, "`best_of` is not supported unless it equals `n`.", code="unsupported_parameter", param="best_of")
        if self.stream_options is not None and not self.stream:
            raise Refusal(400, "`stream_options` is only allowed with `stream`.", code="invalid_value", param="stream_options")
        if self.echo and not self.texts:
            raise Refusal(400, "`echo` is not supported for prompts of token ids.", code="unsupported_parameter", param="echo")
        if self.echo and self.logprobs is not None:
            raise Refusal(400, "`echo` is not supported together with `logprobs`.", code="unsupported_parameter", param="echo")
        common = Generation(
            max_tokens=self.max_tokens,
            temperature=self.temperature,
            top_p=self.top_p,
            top_k=self.top_k,
            min_p=self.min_p,
            repeat_penalty=self.repeat_penalty,
            presence_penalty=self.presence_penalty,
            frequency_penalty=self.frequency_penalty,
            logit_bias=logit_bias(self.logit_bias),
            seed=self.seed,
            stop=stop_texts(self.stop),
            grammar=self.grammar,
            logprobs=self.logprobs,
            is_whole=not self.stream,
        )
        if self.texts:
            return [replace(common, text=text) for text in self.texts]
        return [replace(common, tokens=tuple(token for token in self.prompt if isinstance(token, int)))]

    @property
    def texts(self) -> list[str]:
        """The prompts that are text."""
        return [self.prompt] if isinstance(self.prompt, str) else [text for text in self.prompt if isinstance(text, str)]


class EmbeddingRequest(RequestModel):
    """The body of `POST /v1/embeddings`."""

    model: str | None = None
    input: Annotated[str, Field(min_length=1)] | Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1, max_length=2048)]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: None = None
    user: str | None = None


class TokenizeRequest(RequestModel):
    """The body of `POST /v1/tokenize`: a text, or a chat that is laid out and counted."""

    model: str | None = None
    text: Text | None = None
    messages: Annotated[list[ChatMessage], Field(min_length=1)] | None = None


def completion_router(service: Service) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/v1", tags=["OpenAI"])

    @router.post("/completions", summary="Continue a text", response_class=Response)
    @service.shortcuts.post("/v1/completions", CompletionRequest)
    async def completions(body: CompletionRequest, request: Request) -> Response:
        backend = service.roster.find(body.model)
        generations = body.generations()
        for generation in generations:
            service.check(backend, generation)
        count = body.n or 1
        refuse_many(backend, count)
        answer = _CompletionAnswer(backend.card.id, body, count * len(generations))
        wanted = [generation for generation in generations for _ in range(count)]
        if body.stream:
            return streamed(answer.events(service.batch(backend, wanted)), model=backend.card.id)
        return JsonResponse(answer.whole(await unless_left(request, service.wholes(backend, wanted)), count))

    @router.post("/embeddings", summary="Turn texts into vectors", response_class=Response)
    @service.shortcuts.post("/v1/embeddings", EmbeddingRequest)
    async def embeddings(body: EmbeddingRequest, request: Request) -> Response:
        backend = service.roster.find(body.model)
        require_ability(backend, "embeddings", "/v1/embeddings")
        texts = [body.input] if isinstance(body.input, str) else body.input
        made = await unless_left(request, service.limited(backend.embed(texts)))
        data = [
            {"object": "embedding", "index": index, "embedding": _encoded(vector, body.encoding_format)}
            for index, vector in enumerate(made.vectors)
        ]
        usage = {"prompt_tokens": made.tokens, "total_tokens": made.tokens}
        return JsonResponse({"object": "list", "data": data, "model": backend.card.id, "usage": usage})

    @router.post("/tokenize", summary="Turn a text into token ids, or count a chat", response_class=Response, tags=["mallku"])
    @service.shortcuts.post("/v1/tokenize", TokenizeRequest)
    async def tokenize(body: TokenizeRequest, request: Request) -> Response:
        backend = service.roster.find(body.model)
        if (body.text is None) == (body.messages is None):
            raise Refusal(400, "Give `text` or `messages`, one of them.", code="invalid_value", param="text")
        if body.messages is not None:
            counted = await unless_left(request, service.limited(backend.count_tokens(chat_messages(body.messages))))
            return JsonResponse({"model": backend.card.id, "count": counted})
        require_ability(backend, "tokenize", "/v1/tokenize with `text`")
        tokens = await unless_left(request, service.limited(backend.tokenize(body.text or "")))
        return JsonResponse({"model": backend.card.id, "count": len(tokens), "tokens": tokens})

    return router


def _encoded(vector: tuple[float, ...], form: str | None) -> list[float] | str:
    if form != "base64":
        return list(vector)
    floats = array.array("f", vector)
    if sys.byteorder == "big":
        floats.byteswap()
    return base64.b64encode(floats.tobytes()).decode("ascii")


class _CompletionAnswer:
    """Completions in the making."""

    def __init__(self, model: str, body: CompletionRequest, count: int) -> None:
        self._head = {"id": new_id("cmpl-"), "object": "text_completion", "created": int(time.time()), "model": model}
        self._with_logprobs = body.logprobs is not None
        self._with_usage = bool(body.stream_options and body.stream_options.include_usage)
        echoed = body.texts if body.echo else [""]
        self._echo = [echoed[index * len(echoed) // count] for index in range(count)]
        self._length = [0] * count

    def whole(self, parts: Iterable[Part], answers: int) -> dict[str, Any]:
        texts = [[echo] for echo in self._echo]
        choices: list[list[TokenChoice]] = [[] for _ in texts]
        outcomes = [Outcome()] * len(texts)
        for index, part in parts:
            if isinstance(part, Outcome):
                outcomes[index] = part
            else:
                texts[index].append(part.text)
                choices[index] += part.logprobs
        shown = [
            self._choice(index, "".join(text), self._logprobs(index, tokens), outcome.finish)
            for index, (text, tokens, outcome) in enumerate(zip(texts, choices, outcomes, strict=True))
        ]
        return {**self._head, "choices": shown, "usage": _usage(outcomes, answers)}

    async def events(self, parts: AsyncGenerator[Part, None]) -> AsyncGenerator[bytes, None]:
        outcomes: dict[int, Outcome] = {}
        async with aclosing(parts):
            for index, echo in enumerate(self._echo):
                if echo:
                    yield self._event([self._choice(index, echo, None, None)])
            async for index, part in parts:
                if isinstance(part, Outcome):
                    outcomes[index] = part
                    yield self._event([self._choice(index, "", None, part.finish)])
                elif part.text or part.logprobs:
                    yield self._event([self._choice(index, part.text, self._logprobs(index, part.logprobs), None)])
        if self._with_usage:
            yield event({**self._head, "choices": [], "usage": usage_data(list(outcomes.values()))})
        yield DONE

    def _event(self, choices: list[dict[str, Any]]) -> bytes:
        return event({**self._head, "choices": choices, **({"usage": None} if self._with_usage else {})})

    @staticmethod
    def _choice(index: int, text: str, logprobs: dict[str, Any] | None, finish: str | None) -> dict[str, Any]:
        return {"index": index, "text": text, "logprobs": logprobs, "finish_reason": finish}

    def _logprobs(self, index: int, choices: list[TokenChoice] | tuple[TokenChoice, ...]) -> dict[str, Any] | None:
        if not self._with_logprobs:
            return None
        offsets = []
        for choice in choices:
            offsets.append(self._length[index])
            self._length[index] += len(choice.text)
        return {
            "tokens": [choice.text for choice in choices],
            "token_logprobs": [max(choice.logprob, -9999.0) for choice in choices],
            "top_logprobs": [{other.text: max(other.logprob, -9999.0) for other in choice.alternatives} for choice in choices],
            "text_offset": offsets,
        }


def _usage(outcomes: list[Outcome], answers: int) -> dict[str, Any]:
    """Return the usage of several prompts, each counted once for all of its answers."""
    total = usage_data(outcomes, prompt_once=False)
    prompts = usage_data(outcomes[::answers], prompt_once=False)
    return {
        **total,
        "prompt_tokens": prompts["prompt_tokens"],
        "prompt_tokens_details": prompts["prompt_tokens_details"],
        "total_tokens": prompts["prompt_tokens"] + total["completion_tokens"],
    }
