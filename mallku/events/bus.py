"""The bus: events to whoever subscribes, in order, each subscriber by itself. The only door to blinker.

What a subscriber may rely on:

* it gets the events it subscribed to in the order in which they were published;
* it is held strongly until it unsubscribes;
* it runs in a task of its own: a slow one delays nobody, a failing one is reported as `SubscriberFailed` and goes on with the next event;
* up to `capacity` events wait for it; what happens beyond that is its own choice of `overflow`;
* `drain()` returns when everything published before has been handled.

Events are shared: do not change what you are given.
"""

import asyncio
import inspect
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

from blinker import Signal

from mallku.events.codec import now
from mallku.events.kinds import AnyEvent, SubscriberFailed, TurnDelta

Handler = Callable[[AnyEvent], Awaitable[None] | None]
"""A subscriber: a function or coroutine function of one event."""

Overflow = Literal["drop-deltas", "drop-oldest", "disconnect"]
"""What to do when a subscriber falls behind: drop waiting token deltas before other events, drop the oldest, or end its subscription."""

DEFAULT_CAPACITY = 10_000
"""Events that may wait for one subscriber."""


class Subscription:
    """One subscriber's place on the bus. Ends with `close()`."""

    def __init__(
        self, bus: "EventBus", handler: Handler, *, kinds: frozenset[type[AnyEvent]], capacity: int, overflow: Overflow, name: str
    ) -> None:
        self.name = name
        """Name used in reports."""
        self.dropped = 0
        """How many events it lost because it was too slow."""
        self._bus = bus
        self._handler = handler
        self._kinds = kinds
        self._capacity = capacity
        self._overflow = overflow
        self._waiting: deque[AnyEvent] = deque()
        self._worker: asyncio.Task[None] | None = None
        self._taken = 0
        self._handled = 0
        self._moved = asyncio.Event()
        self._open = True

    def offer(self, _sender: object, *, event: AnyEvent) -> None:
        """Take an event if it is of a kind that was asked for. Called by the bus."""
        if not self._open or (self._kinds and type(event) not in self._kinds):
            return
        if len(self._waiting) >= self._capacity and not self._make_room():
            return
        self._waiting.append(event)
        self._taken += 1
        if self._worker is None or self._worker.done():
            self._worker = asyncio.get_running_loop().create_task(self._work(), name=f"subscriber {self.name}")

    def _make_room(self) -> bool:
        """Drop one waiting event, or end the subscription and return False, as `overflow` says."""
        if self._overflow == "disconnect":
            self._bus.report(self, self._waiting[-1], f"it fell {self._capacity} events behind and was disconnected")
            self.close()
            return False
        if self.dropped == 0:
            self._bus.report(self, self._waiting[-1], f"it fell {self._capacity} events behind and loses events")
        self.dropped += 1
        delta = next((index for index, event in enumerate(self._waiting) if isinstance(event, TurnDelta)), 0)
        del self._waiting[delta if self._overflow == "drop-deltas" else 0]
        self._has_handled(1)
        return True

    async def _work(self) -> None:
        while self._waiting:
            event = self._waiting.popleft()
            try:
                outcome = self._handler(event)
                if inspect.isawaitable(outcome):
                    await outcome
            except Exception as error:  # noqa: BLE001 - border: whatever a subscriber raises must not reach the circle
                self._bus.report(self, event, f"{type(error).__name__}: {error}")
            self._has_handled(1)

    def _has_handled(self, events: int) -> None:
        self._handled += events
        self._moved.set()

    async def drain(self) -> None:
        """Wait until every event offered so far has been handled or dropped; what comes meanwhile is not waited for."""
        due = self._taken
        while self._handled < due:
            self._moved.clear()
            await self._moved.wait()

    def close(self) -> None:
        """End the subscription; events still waiting are dropped."""
        self._open = False
        self._bus.forget(self)
        self._has_handled(len(self._waiting))
        self._waiting.clear()


class EventBus:
    """Carries events from whoever publishes to whoever subscribed. Use it from one event loop."""

    def __init__(self) -> None:
        self._signal = Signal()
        self._subscriptions: list[Subscription] = []

    def subscribe(
        self,
        handler: Handler,
        *kinds: type[Any],
        capacity: int = DEFAULT_CAPACITY,
        overflow: Overflow = "drop-deltas",
        name: str = "",
    ) -> Subscription:
        """Have `handler` called with every event of these kinds, or of all kinds if none is named."""
        known = name or getattr(handler, "__qualname__", type(handler).__name__)
        subscription = Subscription(self, handler, kinds=frozenset(kinds), capacity=capacity, overflow=overflow, name=known)
        self._signal.connect(subscription.offer, weak=False)
        self._subscriptions.append(subscription)
        return subscription

    @contextmanager
    def subscribed(
        self, handler: Handler, *kinds: type[Any], capacity: int = DEFAULT_CAPACITY, overflow: Overflow = "drop-deltas", name: str = ""
    ) -> Iterator[Subscription]:
        """Subscribe for the length of a `with` block. Leave it after `drain()` if the last events matter."""
        subscription = self.subscribe(handler, *kinds, capacity=capacity, overflow=overflow, name=name)
        try:
            yield subscription
        finally:
            subscription.close()

    @property
    def heard(self) -> bool:
        """Whether anybody subscribes: passing events need not be made for nobody."""
        return bool(self._subscriptions)

    def publish(self, event: AnyEvent) -> None:
        """Hand the event to every subscriber; returns at once. Needs a running event loop."""
        if self._subscriptions:
            self._signal.send(self, event=event)

    async def drain(self) -> None:
        """Wait until all subscribers have handled all that was published so far, and what was reported about them meanwhile.

        Another deliberation that goes on publishing on the same bus does not keep this from returning.
        """
        for _ in ("what was published", "reports about those who handled it"):
            await asyncio.gather(*(subscription.drain() for subscription in self._subscriptions))

    def report(self, subscription: Subscription, event: AnyEvent, error: str) -> None:
        """Publish that a subscriber failed; a failure while handling such a report is not reported again."""
        if isinstance(event, SubscriberFailed):
            return
        self.publish(
            SubscriberFailed(
                deliberation=event.deliberation,
                seq=event.seq,
                at=now(),
                caused_by=event.id,
                subscriber=subscription.name,
                event_kind=event.kind,
                error=error,
            )
        )

    def forget(self, subscription: Subscription) -> None:
        """Take a closed subscription off the bus."""
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)
            self._signal.disconnect(subscription.offer)
