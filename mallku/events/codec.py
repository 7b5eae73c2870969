"""Events as plain data, JSON and canonical JSON."""

import json
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from mallku.events.kinds import AnyEvent

if TYPE_CHECKING:
    from pydantic import TypeAdapter

_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


@cache
def _adapter() -> "TypeAdapter[AnyEvent]":
    # Built on first use: building it costs more than importing the rest of the package.
    from typing import Annotated

    from pydantic import Field, TypeAdapter

    return TypeAdapter(Annotated[AnyEvent, Field(discriminator="kind")])


def to_data(event: AnyEvent) -> dict[str, Any]:
    """Return the event as JSON-ready plain data, `kind` and `id` included."""
    data: dict[str, Any] = _adapter().dump_python(event, mode="json")
    return data


def from_data(data: dict[str, Any]) -> AnyEvent:
    """Build the event that `to_data` had taken apart; raises `pydantic.ValidationError` on anything else."""
    return _adapter().validate_python(data)


def from_json(text: str | bytes) -> AnyEvent:
    """Build an event from its JSON."""
    return _adapter().validate_json(text)


def canonical_json(event: AnyEvent) -> str:
    """Return the one JSON text that hashes are computed over: keys sorted, no spaces, non-ASCII kept, NaN refused."""
    return canonical_text(to_data(event))


def canonical_text(data: dict[str, Any]) -> str:
    """Return the canonical JSON of an event that `to_data` has taken apart."""
    return _CANONICAL.encode(data)


def now() -> datetime:
    """Return the time for a new event: UTC, to the millisecond."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
