"""Logging of the command line: structlog to stderr, quiet unless asked. Keys, prompts and statements are never logged."""

import sys
from typing import Any, Final, Literal

from mallku.dialogue.response import Timings, Usage
from mallku.events.bus import EventBus, Subscription
from mallku.events.kinds import AnyEvent

LogLevel = Literal["debug", "info", "warning", "error", "off"]
"""From which importance on something is logged."""

_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40, "off": 50}
_LOGGED_FIELDS: Final = (
    "seat", "turn", "round_index", "round_kind", "stage", "attempt", "error", "will_retry", "partial", "finish_reason",
    "model", "status", "rule", "tokens", "window", "subscriber", "event_kind",
)  # fmt: skip
_WARNINGS: Final = frozenset({"turn_failed", "seat_lost", "seat_substituted", "seat_warned", "ballot_spoiled", "subscriber_failed"})


def configure_logging(level: LogLevel, *, as_json: bool = False) -> None:
    """Set up structlog for this process: lines for people, or JSON, on stderr."""
    import structlog

    shape: Any = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    structlog.configure(
        processors=[structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True), shape],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def log_events(bus: EventBus) -> Subscription:
    """Log every recorded event of the bus by its kind and figures; what was said stays out."""
    import structlog

    logger = structlog.get_logger()

    def log(event: AnyEvent) -> None:
        if event.recorded or event.kind == "subscriber_failed":
            fields = logged_fields(event)
            (logger.warning if event.kind in _WARNINGS else logger.info)(event.kind, **fields)

    return bus.subscribe(log, name="log")


def logged_fields(event: AnyEvent) -> dict[str, object]:
    """Return what is logged of an event: names, places and figures, never words that somebody wrote."""
    fields: dict[str, object] = {"deliberation": event.deliberation, "seq": event.seq}
    for name in _LOGGED_FIELDS:
        value = getattr(event, name, None)
        if value not in (None, ""):
            # an error's message may quote what somebody wrote; its class may not
            fields[name] = value.split(":", 1)[0] if name == "error" else value
    usage: Usage | None = getattr(event, "usage", None)
    timings: Timings | None = getattr(event, "timings", None)
    if usage is not None and usage.completion_tokens is not None:
        fields["completion_tokens"] = usage.completion_tokens
    if timings is not None and timings.total_s is not None:
        fields["seconds"] = round(timings.total_s, 3)
    return fields
