"""What `/metrics` shows, for Prometheus. Names of models and routes only, never of callers."""

from collections.abc import Callable
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from mallku.dialogue.response import Usage

_LATENCIES = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0)


class Metrics:
    """The figures of one server."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter("mallku_requests", "Requests answered.", ("route", "status"), registry=self._registry)
        self._seconds = Histogram(
            "mallku_request_seconds",
            "Seconds from request to the end of the answer.",
            ("route",),
            registry=self._registry,
            buckets=_LATENCIES,
        )
        self._first = Histogram(
            "mallku_first_token_seconds",
            "Seconds from request to the first token.",
            ("model",),
            registry=self._registry,
            buckets=_LATENCIES,
        )
        self._prompt = Counter("mallku_prompt_tokens", "Tokens of prompts.", ("model",), registry=self._registry)
        self._cached = Counter("mallku_cached_tokens", "Prompt tokens that were in memory already.", ("model",), registry=self._registry)
        self._completion = Counter("mallku_completion_tokens", "Tokens of answers.", ("model",), registry=self._registry)
        self._cancelled = Counter("mallku_cancelled", "Answers whose client went away.", ("model",), registry=self._registry)
        # finding the figure of some labels costs more than counting; there are as many as routes, statuses and models
        self._of_route = cache(lambda route, status: (self._requests.labels(route, str(status)), self._seconds.labels(route)))
        self._of_model = cache(lambda model: tuple(one.labels(model) for one in (self._prompt, self._cached, self._completion)))
        self._first_of_model = cache(self._first.labels)

    def watch(self, name: str, description: str, value: Callable[[], float]) -> None:
        """Show a figure that is read whenever somebody looks."""
        Gauge(name, description, registry=self._registry).set_function(value)

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        requests, spent = self._of_route(route, status)
        requests.inc()
        spent.observe(seconds)

    def first_token(self, model: str, seconds: float) -> None:
        """Count the time until an answer began."""
        self._first_of_model(model).observe(seconds)

    def used(self, model: str, usage: Usage) -> None:
        """Count the tokens of an answer."""
        for counter, tokens in zip(self._of_model(model), (usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens), strict=True):
            counter.inc(tokens or 0)

    def cancelled(self, model: str) -> None:
        """Count an answer that nobody waited for."""
        self._cancelled.labels(model).inc()

    def text(self) -> bytes:
        """Return all figures in Prometheus's text format."""
        return generate_latest(self._registry)
