"""An endpoint's error answer, turned into the error that a circle acts on."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from mallku.catalog.server_presets import preset
from mallku.errors import (
    ContextOverflow,
    EndpointRefused,
    EndpointUnreachable,
    ModelNotFound,
    Overloaded,
    ParticipantError,
    ProtocolViolation,
    RequestRefused,
)
from mallku.firecircle.adapters.endpoint import EndpointProfile
from mallku.wire.error_shapes import ErrorFacts, read_error
from mallku.wire.openai_chat import optional_fields

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


class RefusedError(Exception):
    """An error answer on its way to whoever can learn from it; never leaves the adapters."""

    def __init__(self, facts: ErrorFacts, sent: frozenset[str], error: ParticipantError) -> None:
        """Keep what was said, which optional fields the request carried, and the error if nothing can be learnt."""
        super().__init__(facts.text)
        self.facts = facts
        """What was said."""
        self.sent = sent
        """Optional fields of the refused request."""
        self.error = error
        """The error if nothing can be learnt."""


def participant_error(facts: ErrorFacts, *, url: str, server: str, model: str, retry_after: float | None = None) -> ParticipantError:
    """Return the error for what an endpoint answered, with its own words and the remedy that fits this kind of server."""
    known = preset(server)
    said = f"{url} answered{f' {facts.status}' if facts.status else ''}: {facts.text or 'nothing'}"
    window_hint = known.window_hint if known else "Start the server with a larger context window, or shorten the question."
    match facts.kind:
        case "overflow":
            return ContextOverflow(f"{said}.", hint=window_hint, needed=facts.needed, window=facts.window, status=facts.status)
        case "shared memory full":
            return Overloaded(
                f"{said}. Requests that ran together filled the memory they share.", hint=window_hint, status=facts.status, retry_after=0.0
            )
        case "loading":
            return Overloaded(f"{said}.", hint="The model is still loading.", retry_after=retry_after or 1.0, status=facts.status)
        case "busy":
            return Overloaded(f"{said}.", hint="The server has too much to do.", retry_after=retry_after, status=facts.status)
        case "key":
            return EndpointRefused(
                f"{said}.",
                hint="Give the key as `api_key` or in a file as `api_key_file`, or as LOCAL_API_KEY in the environment.",
                status=facts.status,
            )
        case "model missing":
            return ModelNotFound(
                f"{said}.", hint=f"The model asked for was {model!r}; `mallku models` lists what is here.", status=facts.status
            )
        case "wrong path":
            return ProtocolViolation(f"{said}.", hint="Give the address of the interface; it usually ends in `/v1`.", status=facts.status)
        case "generation":
            return _passing(f"{said}. The server failed while it generated.", facts)
        case "server":
            return _passing(f"{said}.", facts)
        case "roles" | "parameter" | "structured output" | "streaming refused" | "invalid request":
            return RequestRefused(
                f"{said}.", hint="Look into the server's log; its model or chat template declines this request.", status=facts.status
            )


def refusal(
    status: int, said: str, headers: Mapping[str, str], *, body: Mapping[str, Any], profile: EndpointProfile, url: str
) -> RefusedError:
    """Read an error answer to a request; redirects are among them, since none is followed."""
    sent = optional_fields(body)
    facts = read_error(status, said, sent=sent)
    if status in _REDIRECTS and "location" in headers:
        facts = replace(facts, kind="wrong path", text=f"it redirects to {headers['location']!r}, and redirects are not followed")
    failure = participant_error(
        facts, url=f"POST {url}", server=profile.facts.server, model=profile.model, retry_after=retry_after_of(headers)
    )
    return RefusedError(facts, sent, failure)


def _passing(message: str, facts: ErrorFacts) -> ParticipantError:
    return EndpointUnreachable(message, hint="Look into the server's log.", status=facts.status)


def retry_after_of(headers: Mapping[str, str]) -> float | None:
    """Return the seconds a server asked us to wait, or None if it did not (RFC 9110, 10.2.3: seconds or a date)."""
    text = headers.get("retry-after", "").strip()
    milliseconds = headers.get("retry-after-ms", "").strip()
    try:
        if milliseconds:
            return max(0.0, float(milliseconds) / 1000)
        return max(0.0, float(text)) if text else None
    except ValueError:
        pass
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    aware = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())
