"""What `/metrics` shows, for Prometheus. Names of models and routes only, never of callers.

The figures are counted on the event loop, without the locks of the client library's own counters, which cost more than small requests do.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from mallku.dialogue.response import Usage

_LATENCIES: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0)
_BOUNDS: Final = (*map(str, _LATENCIES), "+Inf")


class _Counter(Collector):
    """Sums by their labels."""

    def __init__(self, name: str, description: str, *labels: str) -> None:
        self._name, self._description, self._labels = name, description, labels
        self._sums: dict[tuple[str, ...], float] = {}

    def add(self, amount: float, *labels: str) -> None:
        self._sums[labels] = self._sums.get(labels, 0.0) + amount

    def collect(self) -> Iterator[Metric]:
        family = CounterMetricFamily(self._name, self._description, labels=self._labels)
        for labels, value in self._sums.items():
            family.add_metric(labels, value)
        yield family


class _Histogram(Collector):
    """Seconds by their labels: how many were in each range, and their sum at the end of the list."""

    def __init__(self, name: str, description: str, *labels: str) -> None:
        self._name, self._description, self._labels = name, description, labels
        self._found: dict[tuple[str, ...], list[float]] = {}

    def observe(self, seconds: float, *labels: str) -> None:
        found = self._found.get(labels)
        if found is None:
            found = self._found[labels] = [0.0] * (len(_BOUNDS) + 1)
        found[bisect_left(_LATENCIES, seconds)] += 1
        found[-1] += seconds

    def collect(self) -> Iterator[Metric]:
        family = HistogramMetricFamily(self._name, self._description, labels=self._labels)
        for labels, (*counts, total) in self._found.items():
            family.add_metric(labels, list(zip(_BOUNDS, accumulate(counts), strict=True)), total)
        yield family


class Metrics:
    """The figures of one server. Belongs to one event loop."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = _Counter("mallku_requests", "Requests answered.", "route", "status")
        self._seconds = _Histogram("mallku_request_seconds", "Seconds from request to the end of the answer.", "route")
        self._first = _Histogram("mallku_first_token_seconds", "Seconds from request to the first token.", "model")
        self._prompt = _Counter("mallku_prompt_tokens", "Tokens of prompts.", "model")
        self._cached = _Counter("mallku_cached_tokens", "Prompt tokens that were in memory already.", "model")
        self._completion = _Counter("mallku_completion_tokens", "Tokens of answers.", "model")
        self._cancelled = _Counter("mallku_cancelled", "Answers whose client went away.", "model")
        for figures in (self._requests, self._seconds, self._first, self._prompt, self._cached, self._completion, self._cancelled):
            self._registry.register(figures)

    def watch(self, name: str, description: str, value: Callable[[], float]) -> None:
        """Show a figure that is read whenever somebody looks."""
        Gauge(name, description, registry=self._registry).set_function(value)

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.add(1, route, str(status))
        self._seconds.observe(seconds, route)

    def first_token(self, model: str, seconds: float) -> None:
        """Count the time until an answer began."""
        self._first.observe(seconds, model)

    def used(self, model: str, usage: Usage) -> None:
        """Count the tokens of an answer."""
        self._prompt.add(usage.prompt_tokens or 0, model)
        self._cached.add(usage.cached_tokens or 0, model)
        self._completion.add(usage.completion_tokens or 0, model)

    def cancelled(self, model: str) -> None:
        """Count an answer that nobody waited for."""
        self._cancelled.add(1, model)

    def text(self) -> bytes:
        """Return all figures in Prometheus's text format."""
        return generate_latest(self._registry)
