"""Deliberations as a resource: convene, list, read, watch, stop, and take a person's turn."""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import Field

from mallku.firecircle import Deliberation
from mallku.firecircle.minutes import take_minutes, to_html, to_json, to_markdown
from mallku.journal import DeliberationSummary
from mallku.server.chat_request import RequestModel, Seed
from mallku.server.circle_backend import PREFIX, details_of, served_circles, summed_usage
from mallku.server.cloud_event import cloud_event, is_private
from mallku.server.deliberations import Deliberations, Motion
from mallku.server.errors import Refusal
from mallku.server.event_stream import event as sse
from mallku.server.event_stream import streamed, unless_left
from mallku.server.json_response import JsonResponse
from mallku.server.service import Service

Text = Annotated[str, Field(max_length=200_000)]


class ConveneRequest(RequestModel):
    """The body of `POST /v1/deliberations`."""

    question: Annotated[str, Field(min_length=1, max_length=20_000)]
    circle: str = "council"
    context: Text = ""
    options: Annotated[list[Annotated[str, Field(min_length=1, max_length=20_000)]], Field(max_length=26)] = []  # noqa: RUF012 - pydantic copies defaults
    seed: Seed | None = None


class StopRequest(RequestModel):
    """The body of `POST /v1/deliberations/{id}/stop`."""

    reason: Annotated[str, Field(min_length=1, max_length=1000)] = "a person stopped it over HTTP"
    now: bool = False


class TurnRequest(RequestModel):
    """The body of `POST /v1/deliberations/{id}/turns/{seat}`: words, a filled-in ballot, or a pass."""

    text: Text | None = None
    ballot: dict[str, Any] | None = None
    passes: Annotated[bool, Field(alias="pass")] = False


def deliberation_router(service: Service, deliberations: Deliberations) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/v1/deliberations", tags=["deliberations"])
    circles = {circle.name: circle for circle in served_circles(service.settings)}

    @router.post("", summary="Convene a circle", response_class=Response)
    async def convene(body: ConveneRequest, request: Request) -> Response:
        circle = circles.get(body.circle.removeprefix(PREFIX))
        if circle is None:
            message = f"There is no circle {body.circle!r}. There are {', '.join(circles)}."
            raise Refusal(404, message, code="circle_not_found", param="circle")
        wishes = circle.wishes if body.seed is None else replace(circle.wishes, seed=body.seed % 2**31)
        motion = Motion(question=body.question, context=body.context, options=tuple(body.options))
        running = await unless_left(request, deliberations.convene(wishes, motion))
        identifier = running.convened.result()
        found = resource(await deliberations.read(identifier), deliberations)
        return JsonResponse(found, status=201, headers={"location": f"/v1/deliberations/{identifier}"})

    @router.get("", summary="List the deliberations", response_class=Response)
    async def index(limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> Response:
        known = await (await deliberations.journal()).deliberations()
        data = [_line(summary, deliberations) for summary in known[:limit]]
        return JsonResponse({"object": "list", "data": data, "has_more": len(known) > limit})

    @router.get("/{id}", summary="One deliberation", response_class=Response)
    async def show(id: str) -> Response:  # noqa: A002 - the path's name for it
        return JsonResponse(resource(await deliberations.read(id), deliberations))

    @router.get("/{id}/minutes", summary="Its minutes", response_class=Response)
    async def minutes(id: str, format: Literal["md", "html", "json"] = "md") -> Response:  # noqa: A002 - names of the protocol
        taken = take_minutes((await deliberations.read(id)).events)
        if format == "json":
            return Response(to_json(taken), media_type="application/json")
        if format == "html":
            policy = {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'"}
            return Response(to_html(taken), media_type="text/html", headers=policy)
        return Response(to_markdown(taken), media_type="text/markdown")

    @router.get("/{id}/events", summary="Its events as they happen, from the beginning or after `Last-Event-ID`", response_class=Response)
    async def events(
        id: str,  # noqa: A002 - the path's name for it
        last_event_id: Annotated[str, Header()] = "",
        include_reasoning: bool = False,  # noqa: FBT001, FBT002 - a query parameter
    ) -> Response:
        if last_event_id and not (last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) < 10):  # noqa: PLR2004 - digits of any count of events
            raise Refusal(400, "`Last-Event-ID` is not the number of an event.", code="invalid_value", param="Last-Event-ID")
        after = int(last_event_id or 0)
        await (await deliberations.journal()).events(id, after=after)
        return streamed(_told(deliberations, id, after, with_reasoning=include_reasoning), model=id)

    @router.post("/{id}/stop", summary="End it before its next turn, or at once", response_class=Response)
    async def stop(id: str, body: StopRequest) -> Response:  # noqa: A002 - the path's name for it
        running = deliberations.must_run(id)
        if body.now:
            await running.cancel()
        else:
            running.circle.control.stop(body.reason)
        return JsonResponse(resource(await deliberations.read(id), deliberations), status=202)

    @router.get("/{id}/turns", summary="Turns that wait for a person", response_class=Response)
    async def turns(id: str) -> Response:  # noqa: A002 - the path's name for it
        await (await deliberations.journal()).events(id, after=2**31)
        running = deliberations.find(id)
        return JsonResponse({"object": "list", "data": running.desk.open_turns() if running else []})

    @router.post("/{id}/turns/{seat}", summary="Take a person's turn", response_class=Response)
    async def take_turn(id: str, seat: str, body: TurnRequest) -> Response:  # noqa: A002 - the path's name for it
        given = (body.text is not None, body.ballot is not None, body.passes)
        if sum(given) != 1:
            raise Refusal(400, "Give one of `text`, `ballot` and `pass`.", code="invalid_value", param="text")
        words = json.dumps(body.ballot, ensure_ascii=False) if body.ballot is not None else body.text
        deliberations.must_run(id).desk.answer(seat, words)
        return JsonResponse({"object": "deliberation.turn", "seat": seat, "accepted": True}, status=202)

    return router


async def _told(deliberations: Deliberations, identifier: str, after: int, *, with_reasoning: bool) -> AsyncGenerator[bytes, None]:
    yield b": mallku events\n\n"
    async with aclosing(deliberations.follow(identifier, after=after)) as events:
        async for happened in events:
            if is_private(happened) and not with_reasoning:
                continue
            number = str(happened.seq) if happened.recorded else ""
            yield sse(cloud_event(happened, with_reasoning=with_reasoning), name=happened.kind, id=number)


def resource(deliberation: Deliberation, deliberations: Deliberations) -> dict[str, Any]:
    """Return a deliberation as plain data."""
    state = deliberation.state
    usage = summed_usage(deliberation.events)
    verdict = deliberation.verdict
    return {
        "id": deliberation.id,
        "object": "deliberation",
        "created": int(deliberation.events[0].at.timestamp()),
        "question": deliberation.question,
        "running": deliberations.find(deliberation.id) is not None,
        "reason": deliberation.reason,
        "seats": [{"name": seat.name, "role": seat.role, "model": seat.model} for seat in (state.convened.seats if state.convened else ())],
        "statements": len(deliberation.statements),
        "last_seq": state.seq,
        "answer": verdict.text if verdict else None,
        "usage": {"prompt_tokens": usage.prompt_tokens, "completion_tokens": usage.completion_tokens, "cached_tokens": usage.cached_tokens},
        **{name: value for name, value in details_of(deliberation).items() if name != "deliberation"},
    }


def _line(summary: DeliberationSummary, deliberations: Deliberations) -> dict[str, Any]:
    return {
        "id": summary.id,
        "object": "deliberation",
        "created": int(summary.convened_at.timestamp()),
        "question": summary.question,
        "status": summary.status,
        "running": deliberations.find(summary.id) is not None,
        "statements": summary.statements,
        "last_seq": summary.last_seq,
    }
