"""The routes of OpenAI's protocol: models and chat."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, Request, Response

from mallku.errors import MallkuError
from mallku.server.backend import Backend
from mallku.server.chat_answer import ChatAnswer, Part
from mallku.server.chat_request import ChatRequest
from mallku.server.errors import Refusal, error_body, refusal_of
from mallku.server.event_stream import DONE, EventStream, event, unless_left
from mallku.server.json_response import JsonResponse
from mallku.server.service import Service


def openai_router(service: Service) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/v1", tags=["OpenAI"])

    @router.get("/models", summary="List the models", response_class=Response)
    async def models() -> Response:
        return JsonResponse({"object": "list", "data": [model_data(backend) for backend in service.roster.backends]})

    @router.get("/models/{model:path}", summary="One model", response_class=Response)
    async def model(model: str) -> Response:
        return JsonResponse(model_data(service.roster.find(model)))

    @router.post("/chat/completions", summary="Answer a chat", response_class=Response)
    async def chat_completions(body: ChatRequest, request: Request) -> Response:
        backend = service.roster.find(body.model)
        generation = body.generation()
        service.check(backend, generation)
        count = body.n or 1
        refuse_many(backend, count)
        answer = ChatAnswer(
            model=backend.card.id,
            count=count,
            with_logprobs=bool(body.logprobs),
            with_reasoning=bool(body.include_reasoning) or backend.card.owner == "circle",
            with_usage=bool(body.stream_options and body.stream_options.include_usage),
        )
        parts = service.answers(backend, generation, count)
        if body.stream:
            return streamed(_chat_events(answer, parts), model=backend.card.id)

        async def whole() -> dict[str, Any]:
            async with aclosing(parts):
                return await answer.whole(parts)

        return JsonResponse(await unless_left(request, whole()))

    return router


def model_data(backend: Backend) -> dict[str, Any]:
    """Return a model as the protocol lists it, with our facts beside."""
    card = backend.card
    return {
        "id": card.id,
        "object": "model",
        "created": card.created,
        "owned_by": card.owner,
        **card.facts,
        "abilities": sorted({"chat", "text", "embeddings", "tools", "schema"} & backend.abilities),
        "loaded": backend.is_loaded,
    }


def refuse_many(backend: Backend, count: int) -> None:
    """Refuse `n` where the backend gives one answer only."""
    if count > 1 and "many" not in backend.abilities:
        raise Refusal(400, f"`n` is {count}; the model {backend.card.id!r} gives one answer.", code="unsupported_parameter", param="n")


async def _chat_events(answer: ChatAnswer, parts: AsyncGenerator[Part, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(parts):
        async for chunk in answer.chunks(parts):
            yield event(chunk)
    yield DONE


def streamed(events: AsyncGenerator[bytes, None], *, model: str) -> Response:
    """Stream events. What goes wrong before the first one is an ordinary error; afterwards it is an event."""
    return EventStream(_guarded(events), headers={"x-mallku-model": header_text(model)})


async def _guarded(events: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    has_begun = False
    async with aclosing(events):
        try:
            async for data in events:
                yield data
                has_begun = True
        except (MallkuError, Refusal) as error:
            if not has_begun:
                raise
            yield event(error_body(error if isinstance(error, Refusal) else refusal_of(error)), name="error")


def header_text(text: str) -> str:
    """Return text fit for a header."""
    return "".join(mark if " " <= mark <= "~" else "?" for mark in text)
