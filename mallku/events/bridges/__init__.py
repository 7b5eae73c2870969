"""Events for other processes: the same events as CloudEvents, over memory, Redis Streams or NATS JetStream."""

from mallku.events.bridges.bridge import Bridge, carried
from mallku.events.bridges.cloudevents import from_cloudevent, to_cloudevent
from mallku.events.bridges.memory import MemoryBridge
from mallku.events.bridges.nats_jetstream import NatsBridge
from mallku.events.bridges.redis_streams import RedisBridge

__all__ = [
    "Bridge",
    "MemoryBridge",
    "NatsBridge",
    "RedisBridge",
    "carried",
    "from_cloudevent",
    "to_cloudevent",
]
