"""JSON responses, written in the shortest way."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic_core import PydanticSerializationError, to_json
from starlette.responses import Response


def compact(data: Any) -> bytes:
    """Return JSON without spaces; lone surrogates, which UTF-8 cannot hold, become U+FFFD, and numbers that are none become null."""
    try:
        return to_json(data, inf_nan_mode="null")
    except (PydanticSerializationError, UnicodeEncodeError):
        return json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8", errors="replace")


class JsonResponse(Response):
    """A JSON body with a status; None is an empty body."""

    media_type = "application/json"

    def __init__(self, data: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(b"" if data is None else compact(data), status_code=status, headers=dict(headers or {}))
