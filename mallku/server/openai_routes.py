"""The routes of OpenAI's protocol: models and chat."""

from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, Request, Response

from mallku.server.backend import Backend
from mallku.server.chat_answer import ChatAnswer
from mallku.server.chat_request import ChatRequest
from mallku.server.event_stream import streamed, unless_left
from mallku.server.json_response import JsonResponse
from mallku.server.service import Service, refuse_many


def openai_router(service: Service) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/v1", tags=["OpenAI"])

    @router.get("/models", summary="List the models", response_class=Response)
    @service.shortcuts.get("/v1/models")
    async def models() -> Response:
        return JsonResponse({"object": "list", "data": [model_data(backend) for backend in service.roster.backends]})

    @router.get("/models/{model:path}", summary="One model", response_class=Response)
    async def model(model: str) -> Response:
        return JsonResponse(model_data(service.roster.find(model)))

    @router.post("/chat/completions", summary="Answer a chat", response_class=Response)
    @service.shortcuts.post("/v1/chat/completions", ChatRequest)
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
            return streamed(answer.events(parts), model=backend.card.id)

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
