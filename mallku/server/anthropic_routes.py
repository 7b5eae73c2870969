"""The routes of Anthropic's protocol: messages and their token counts."""

from fastapi import APIRouter, Request, Response

from mallku.server.anthropic_answer import MessageAnswer
from mallku.server.anthropic_request import CountRequest, MessagesRequest
from mallku.server.errors import Refusal
from mallku.server.event_stream import streamed, unless_left
from mallku.server.json_response import JsonResponse
from mallku.server.service import Service


def anthropic_router(service: Service) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/v1", tags=["Anthropic"])

    @router.post("/messages", summary="Answer a conversation", response_class=Response)
    @service.shortcuts.post("/v1/messages", MessagesRequest)
    async def messages(body: MessagesRequest, request: Request) -> Response:
        backend = service.roster.find(body.model)
        generation = body.generation(can_reason="reasoning" in backend.abilities)
        if generation.continues and "continues" not in backend.abilities:
            message = f"The last message is the assistant's; the model {backend.card.id!r} does not continue it. End with the user's."
            raise Refusal(400, message, code="unsupported_parameter", param="messages")
        service.check(backend, generation)
        shows = body.shows_thinking or (backend.card.owner == "circle" and body.thinking is None)
        if body.stream:
            known = "tokenize" in backend.abilities
            counted = await unless_left(request, service.limited(backend.count_tokens(body.chat))) if known else 0
            answer = MessageAnswer(model=backend.card.id, shows_thinking=shows, input_tokens=counted)
            return streamed(answer.events(service.answer(backend, generation)), model=backend.card.id)
        answer = MessageAnswer(model=backend.card.id, shows_thinking=shows)
        return JsonResponse(answer.whole(await unless_left(request, service.whole(backend, generation))))

    @router.post("/messages/count_tokens", summary="Count the tokens of a conversation", response_class=Response)
    @service.shortcuts.post("/v1/messages/count_tokens", CountRequest)
    async def count_tokens(body: CountRequest, request: Request) -> Response:
        backend = service.roster.find(body.model)
        counted = await unless_left(request, service.limited(backend.count_tokens(body.chat)))
        return JsonResponse({"input_tokens": counted})

    return router
