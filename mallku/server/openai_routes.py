"""The routes of OpenAI's protocol: models and chat."""

from typing import Any

from fastapi import APIRouter, Request, Response

from mallku.server.backend import Backend, ModelCard
from mallku.server.chat_answer import ChatAnswer
from mallku.server.chat_request import ChatRequest
from mallku.server.errors import Refusal
from mallku.server.event_stream import streamed, unless_left
from mallku.server.json_response import JsonResponse, compact
from mallku.server.roster import Roster
from mallku.server.service import Service, refuse_many


def openai_router(service: Service) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/v1", tags=["OpenAI"])

    listing = ModelList(service.roster)
    service.shortcuts.get("/v1/models", listing.response)

    @router.get("/models", summary="List the models", response_class=Response)
    async def models() -> Response:
        return listing.response()

    @router.get("/models/{model:path}", summary="One model", response_class=Response)
    async def model(model: str) -> Response:
        if not model:
            raise Refusal(
                404, "There is no model without a name. `GET /v1/models` lists all.", kind="invalid_request_error", code="not_found"
            )
        return JsonResponse(model_data(service.roster.find(model)))

    @router.post("/chat/completions", summary="Answer a chat", response_class=Response)
    @service.shortcuts.post("/v1/chat/completions", ChatRequest)
    async def chat_completions(body: ChatRequest, request: Request) -> Response:
        backend = service.roster.find(body.model)
        generation = body.generation()
        service.check(backend, generation)
        count = body.n or 1
        refuse_many(backend, count)
        card = backend.card
        answer = ChatAnswer(
            model=card.id,
            count=count,
            with_logprobs=bool(body.logprobs),
            with_reasoning=bool(body.include_reasoning) or card.owner == "circle",
            with_usage=bool(body.stream_options and body.stream_options.include_usage),
        )
        if body.stream:
            return streamed(answer.events(service.answers(backend, generation, count)), model=card.id)
        return JsonResponse(answer.whole(await unless_left(request, service.wholes(backend, [generation] * count))))

    return router


class ModelList:
    """The list of all models, of which only those entries are written anew that changed."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self._written: dict[str, tuple[ModelCard, bool, bytes]] = {}

    def response(self) -> Response:
        """Return the list."""
        entries = b",".join(map(self._entry, self._roster.backends))
        return JsonResponse(None, written=b'{"object":"list","data":[%s]}' % entries)

    def _entry(self, backend: Backend) -> bytes:
        card, is_loaded = backend.card, backend.is_loaded
        known = self._written.get(card.id)
        if known is None or known[0] is not card or known[1] is not is_loaded:
            known = self._written[card.id] = (card, is_loaded, compact(model_data(backend)))
        return known[2]


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
