"""The route of OpenAI's responses protocol."""

from fastapi import APIRouter, Request, Response

from mallku.server.event_stream import streamed, unless_left
from mallku.server.json_response import JsonResponse
from mallku.server.responses_answer import ResponsesAnswer
from mallku.server.responses_request import ResponsesRequest
from mallku.server.service import Service


def responses_router(service: Service) -> APIRouter:
    """Return the route."""
    router = APIRouter(prefix="/v1", tags=["OpenAI"])

    @router.post("/responses", summary="Answer, in the responses protocol", response_class=Response)
    @service.shortcuts.post("/v1/responses", ResponsesRequest)
    async def responses(body: ResponsesRequest, request: Request) -> Response:
        backend = service.roster.find(body.model)
        generation = body.generation()
        service.check(backend, generation)
        shows = body.shows_reasoning or backend.card.owner == "circle"
        answer = ResponsesAnswer(body, model=backend.card.id, shows_reasoning=shows)
        if body.stream:
            return streamed(answer.events(service.answer(backend, generation)), model=backend.card.id)
        return JsonResponse(answer.whole(await unless_left(request, service.whole(backend, generation))))

    return router
