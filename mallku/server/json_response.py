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
    """A JSON body with a status; None is an empty body, and `written` one that is JSON already."""

    media_type = "application/json"

    def __init__(self, data: Any, *, status: int = 200, headers: Mapping[str, str] | None = None, written: bytes | None = None) -> None:
        # what Starlette's own way sets, which takes longer
        self.status_code = status
        self.background = None
        self.body = body = written if written is not None else b"" if data is None else compact(data)
        self.raw_headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in (headers or {}).items()]
        if not (status < 200 or status in {204, 304}):  # noqa: PLR2004 - the statuses without a body
            self.raw_headers += [(b"content-length", b"%d" % len(body)), (b"content-type", b"application/json")]
