"""What `/metrics` shows, for Prometheus. Names of models and routes only, never of callers."""

from collections.abc import Callable

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

    def watch(self, name: str, description: str, value: Callable[[], float]) -> None:
        """Show a figure that is read whenever somebody looks."""
        Gauge(name, description, registry=self._registry).set_function(value)

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def first_token(self, model: str, seconds: float) -> None:
        """Count the time until an answer began."""
        self._first.labels(model).observe(seconds)

    def used(self, model: str, usage: Usage) -> None:
        """Count the tokens of an answer."""
        self._prompt.labels(model).inc(usage.prompt_tokens or 0)
        self._cached.labels(model).inc(usage.cached_tokens or 0)
        self._completion.labels(model).inc(usage.completion_tokens or 0)

    def cancelled(self, model: str) -> None:
        """Count an answer that nobody waited for."""
        self._cancelled.labels(model).inc()

    def text(self) -> bytes:
        """Return all figures in Prometheus's text format."""
        return generate_latest(self._registry)
