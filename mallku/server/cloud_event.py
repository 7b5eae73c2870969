"""Events as they leave the server: CloudEvents without private reasoning, unless it is wanted."""

from typing import Any

from mallku.events.bridges.cloudevents import to_cloudevent
from mallku.events.kinds import AnyEvent, TurnDelta


def cloud_event(event: AnyEvent, *, with_reasoning: bool = False) -> dict[str, Any]:
    """Return an event's envelope; private reasoning is blanked unless it is wanted."""
    envelope = to_cloudevent(event)
    data = envelope["data"]
    if not with_reasoning and "reasoning" in data:
        envelope["data"] = {**data, "reasoning": ""}
    return envelope


def is_private(event: AnyEvent) -> bool:
    """Tell whether an event is nothing but private reasoning."""
    return isinstance(event, TurnDelta) and event.channel == "reasoning"
