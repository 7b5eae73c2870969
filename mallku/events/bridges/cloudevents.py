"""Events as CloudEvents 1.0 in their JSON format, https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md."""

import json
from typing import Any, Final

from mallku.errors import BridgeError
from mallku.events.codec import from_data, to_data
from mallku.events.kinds import AnyEvent

TYPE_PREFIX: Final = "mallku."
CONTENT_TYPE: Final = "application/cloudevents+json"
_SEQUENCE_DIGITS: Final = 10


def to_cloudevent(event: AnyEvent, *, nonce: str = "") -> dict[str, Any]:
    """Put an event into its envelope.

    A recorded event always gets the same id, so that whoever receives it twice can tell. Passing events of one moment would share
    theirs: give each of them another `nonce`.
    """
    data = to_data(event)
    return {
        "specversion": "1.0",
        "id": f"{event.id}{nonce}",
        "source": f"/mallku/deliberations/{event.deliberation}",
        "type": f"{TYPE_PREFIX}{event.kind}",
        "subject": getattr(event, "turn", "") or event.deliberation,
        "time": data["at"],
        "datacontenttype": "application/json",
        "sequence": f"{event.seq:0{_SEQUENCE_DIGITS}d}",
        "data": data,
    }


def from_cloudevent(envelope: object) -> AnyEvent:
    """Take an event out of its envelope; raises `BridgeError` for anything that is none of ours, unknown attributes aside."""
    if not isinstance(envelope, dict) or envelope.get("specversion") != "1.0":
        raise BridgeError("this is no CloudEvent of version 1.0.", hint="Send events with `to_cloudevent`.")
    kind, data = envelope.get("type"), envelope.get("data")
    if not isinstance(kind, str) or not kind.startswith(TYPE_PREFIX) or not isinstance(data, dict):
        raise BridgeError(f"a CloudEvent of type {kind!r} is none of mallku's.", hint="Listen to a stream of mallku's own.")
    if data.get("kind") != kind.removeprefix(TYPE_PREFIX):
        raise BridgeError(f"the envelope says {kind!r} and the event {data.get('kind')!r}.", hint="Somebody changed it on its way.")
    try:
        return from_data(data)
    except ValueError as error:
        hint = "A newer mallku may have sent it; upgrade this one."
        raise BridgeError(f"the event of type {kind!r} cannot be read.", hint=hint) from error


def to_bytes(event: AnyEvent, *, nonce: str = "") -> bytes:
    """Write the envelope of an event as JSON."""
    text = json.dumps(to_cloudevent(event, nonce=nonce), ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace")


def from_bytes(text: bytes) -> AnyEvent:
    """Read an event from the JSON of its envelope."""
    try:
        envelope = json.loads(text)
    except ValueError as error:
        raise BridgeError("what came over the bridge is not JSON.", hint="Listen to a stream of mallku's own.") from error
    return from_cloudevent(envelope)
