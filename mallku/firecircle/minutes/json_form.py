"""Minutes as JSON."""

import json
from dataclasses import asdict
from datetime import datetime

from mallku.firecircle.minutes.values import Minutes


def to_json(minutes: Minutes) -> str:
    """Render minutes as JSON whose names are those of `Minutes`; times are ISO 8601."""
    return json.dumps(asdict(minutes), ensure_ascii=False, indent=2, default=_plain) + "\n"


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(value)
