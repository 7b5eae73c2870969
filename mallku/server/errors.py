"""Errors as the protocols show them: one shape that OpenAI's and Anthropic's SDKs both read."""

from collections.abc import Mapping
from typing import Any, Final

from mallku import errors
from mallku.errors import MallkuError


class Refusal(Exception):
    """A request that is answered with an error. Never leaves the server: it becomes a response."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "",
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        """HTTP status."""
        self.message = message
        """What is wrong, and what to do."""
        self.kind = kind or _kind(status)
        """The protocol's class of errors."""
        self.code = code
        """Short name of the error for programs, or None."""
        self.param = param
        """The parameter at fault, or None."""
        self.headers = dict(headers or {})
        """Headers of the response."""


_STATUS: Final[tuple[tuple[type[MallkuError], int, str], ...]] = (
    (errors.UsageError, 400, "invalid_value"),
    (errors.ModelNotFound, 404, "model_not_found"),
    (errors.RequestRefused, 400, "request_refused"),
    (errors.ContextOverflow, 400, "context_length_exceeded"),
    (errors.Overloaded, 503, "overloaded"),
    (errors.DeadlineExceeded, 504, "timeout"),
    (errors.RemoteAddressRefused, 403, "remote_address_refused"),
    (errors.EngineCrashed, 500, "engine_crashed"),
    (errors.ParticipantError, 502, "participant_failed"),
    (errors.ModelTooLarge, 400, "model_too_large"),
    (errors.ModelFileMissing, 404, "model_not_found"),
    (errors.EngineUnavailable, 501, "engine_unavailable"),
    (errors.ModelFileError, 500, "model_file_invalid"),
    (errors.UnknownDeliberation, 404, "deliberation_not_found"),
    (errors.JournalLocked, 409, "journal_locked"),
    (errors.JournalError, 500, "journal_error"),
    (errors.DeliberationError, 502, "deliberation_failed"),
    (errors.MallkuError, 500, "internal_error"),
)

_KINDS: Final[Mapping[int, str]] = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}


def _kind(status: int) -> str:
    return _KINDS.get(status, "invalid_request_error" if status < 500 else "api_error")  # noqa: PLR2004 - the first status of server errors


def refusal_of(error: MallkuError) -> Refusal:
    """Translate an error of ours; the first class of the table that fits decides."""
    status, code = next((status, code) for kind, status, code in _STATUS if isinstance(error, kind))
    wait = getattr(error, "retry_after", None)
    headers = {"retry-after": str(max(1, round(wait)))} if wait is not None else {}
    return Refusal(status, str(error), code=code, headers=headers)


def error_body(refusal: Refusal, *, request_id: str = "") -> dict[str, Any]:
    """Return the body: `error` as OpenAI has it; `type` and `request_id` beside it are Anthropic's."""
    shown = {"message": refusal.message, "type": refusal.kind, "param": refusal.param, "code": refusal.code}
    return {"type": "error", "error": shown, "request_id": request_id or None}


def unsupported_option(name: str, model: str) -> Refusal:
    """Refuse an option by name."""
    message = f"`{name}` is not supported by the model {model!r} on this server. Leave it out, or choose another model."
    return Refusal(400, message, code="unsupported_parameter", param=name)
