"""The application: one service behind all routes, and one shape for all errors."""

import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache, partial

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from mallku import __version__
from mallku.errors import MallkuError
from mallku.server.anthropic_routes import anthropic_router
from mallku.server.circle_backend import circle_backends
from mallku.server.completion_routes import completion_router
from mallku.server.deliberation_routes import deliberation_router
from mallku.server.deliberations import Deliberations
from mallku.server.description import describe
from mallku.server.docs_page import CONTENT_SECURITY, PAGE
from mallku.server.engine_backend import EngineBackend
from mallku.server.errors import Refusal, error_body, refusal_of
from mallku.server.guard import Guard
from mallku.server.json_response import JsonResponse
from mallku.server.openai_routes import openai_router
from mallku.server.residency import Residency, SeatEngines
from mallku.server.responses_routes import responses_router
from mallku.server.roster import Roster
from mallku.server.served_models import served_models
from mallku.server.service import Service
from mallku.server.settings import ServerSettings
from mallku.server.shortcuts import invalid

_log = logging.getLogger("mallku.server")


def create_app(settings: ServerSettings | None = None, *, roster: Roster | None = None) -> FastAPI:
    """Build the application. It holds all of its state itself: two of them can live side by side.

    Args:
        settings: The settings; defaults if None.
        roster: The models; those of the settings if None.
    """
    settings = settings or ServerSettings()
    residency = Residency(max_memory_gb=settings.max_memory_gb, unload_after_s=settings.unload_after_s)
    if roster is None:
        roster = Roster(served_models(settings, residency), default=settings.default_model)
    served = {one.engine_settings.model_path: one.engine_settings for one in roster.backends if isinstance(one, EngineBackend)}
    deliberations = Deliberations(settings, SeatEngines(residency, served))
    for backend in circle_backends(settings, deliberations):
        roster.add(backend)
    service = Service(settings, roster)
    service.metrics.watch("mallku_deliberations_running", "Deliberations that run.", lambda: deliberations.running)
    service.metrics.watch("mallku_model_memory_bytes", "Memory of the models that are loaded.", lambda: residency.memory_gb * 1e9)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await deliberations.close()
        await service.roster.close()
        await residency.close()

    guard = Middleware(Guard, service=service)
    ways = {"docs_url": None, "redoc_url": None, "redirect_slashes": False}
    app = FastAPI(title="mallku", version=__version__, lifespan=lifespan, middleware=[guard], **ways)  # type: ignore[arg-type]
    app.state.service = service
    app.include_router(openai_router(service))
    app.include_router(completion_router(service))
    app.include_router(responses_router(service))
    app.include_router(anthropic_router(service))
    app.include_router(deliberation_router(service, deliberations))
    _add_own_routes(app, service)
    app.openapi = cache(partial(describe, app))  # type: ignore[method-assign]
    app.exception_handler(Refusal)(_on_refusal)
    app.exception_handler(MallkuError)(_on_error)
    app.exception_handler(HTTPException)(_on_http)
    app.exception_handler(RequestValidationError)(_on_invalid)
    app.exception_handler(Exception)(_on_bug)
    return app


def _add_own_routes(app: FastAPI, service: Service) -> None:
    def state() -> Response:
        loaded = [backend for backend in service.roster.backends if backend.is_loaded]
        named = next(iter(loaded), service.roster.default)
        return JsonResponse(
            {
                "status": "ok",
                "model_loaded": bool(loaded),
                "model_name": named.card.id if named else None,
                "uptime_seconds": round(time.time() - service.started, 3),
            }
        )

    service.shortcuts.get("/health", state)

    @app.get("/health", tags=["server"], summary="Whether the server answers", response_class=Response)
    async def health() -> Response:
        return state()

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return Response(PAGE, media_type="text/html", headers={"content-security-policy": CONTENT_SECURITY})

    @app.get("/metrics", tags=["server"], summary="Figures for Prometheus", response_class=Response)
    async def metrics() -> Response:
        return Response(service.metrics.text(), media_type="text/plain; version=0.0.4")


def _answer(request: Request, refusal: Refusal) -> Response:
    request_id = request.scope.get("state", {}).get("request_id", "")
    return JsonResponse(error_body(refusal, request_id=request_id), status=refusal.status, headers=refusal.headers)


async def _on_refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return _answer(request, error)


async def _on_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, MallkuError)
    return _answer(request, refusal_of(error))


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    told = {
        404: (f"There is nothing at {request.method} {request.url.path}. See /docs.", "not_found"),
        405: (f"{request.url.path} does not take {request.method}. See /docs.", "method_not_allowed"),
    }
    message, code = told.get(error.status_code, (str(error.detail), "invalid_request"))
    return _answer(request, Refusal(error.status_code, message, kind="invalid_request_error", code=code, headers=error.headers))


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return _answer(request, invalid(*({**one, "loc": one["loc"][1:]} for one in error.errors())))


async def _on_bug(request: Request, error: Exception) -> Response:
    request_id = request.scope.get("state", {}).get("request_id", "")
    _log.error("request %s to %s met a fault of the server: %s", request_id, request.url.path, type(error).__name__)
    message = "The server made a mistake with this request; it is in the server's log under the request id."
    return _answer(request, Refusal(500, message, code="internal_error"))
