"""The bus keeps order, isolates subscribers and loses nothing silently."""

import asyncio
from datetime import UTC, datetime

from mallku.events.bus import EventBus
from mallku.events.kinds import RoundClosed, SubscriberFailed, TurnDelta

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def closed(index: int) -> RoundClosed:
    return RoundClosed(deliberation="d", seq=index, at=MOMENT, round_index=index)


def delta(text: str) -> TurnDelta:
    return TurnDelta(deliberation="d", seq=1, at=MOMENT, turn="r0.Ada", seat="Ada", channel="text", text=text)


async def test_each_subscriber_gets_events_in_the_order_of_publishing():
    bus, seen = EventBus(), []

    async def slow(event):
        await asyncio.sleep(0.001 * (3 - event.round_index))
        seen.append(event.round_index)

    bus.subscribe(slow)
    for index in range(3):
        bus.publish(closed(index))
    await bus.drain()

    assert seen == [0, 1, 2]


async def test_a_failing_subscriber_is_reported_and_the_others_go_on():
    bus, seen, failures = EventBus(), [], []

    def broken(event):
        raise ValueError("no")

    bus.subscribe(broken, RoundClosed, name="broken one")
    bus.subscribe(lambda event: seen.append(event.round_index), RoundClosed)
    bus.subscribe(failures.append, SubscriberFailed)
    bus.publish(closed(0))
    bus.publish(closed(1))
    await bus.drain()

    assert seen == [0, 1]
    assert [(f.subscriber, f.event_kind, f.error) for f in failures] == [("broken one", "round_closed", "ValueError: no")] * 2


async def test_a_subscriber_that_fails_on_reports_too_does_not_loop():
    bus = EventBus()

    def broken(event):
        raise ValueError("no")

    bus.subscribe(broken)
    bus.publish(closed(0))
    await asyncio.wait_for(bus.drain(), 5)


async def test_a_slow_subscriber_loses_deltas_first_and_it_is_said():
    bus, seen, failures, gate = EventBus(), [], [], asyncio.Event()

    async def slow(event):
        await gate.wait()
        seen.append(event)

    subscription = bus.subscribe(slow, RoundClosed, TurnDelta, capacity=3)
    bus.subscribe(failures.append, SubscriberFailed)
    bus.publish(closed(0))
    await asyncio.sleep(0)  # the worker holds the first event now
    bus.publish(closed(1))
    bus.publish(delta("x"))
    bus.publish(closed(2))
    bus.publish(closed(3))
    gate.set()
    await bus.drain()

    assert [event.round_index for event in seen] == [0, 1, 2, 3]
    assert subscription.dropped == 1
    assert len(failures) == 1


async def test_a_subscriber_may_choose_to_be_disconnected():
    bus, seen, gate = EventBus(), [], asyncio.Event()

    async def slow(event):
        await gate.wait()
        seen.append(event.round_index)

    bus.subscribe(slow, RoundClosed, capacity=1, overflow="disconnect")
    bus.publish(closed(0))
    await asyncio.sleep(0)
    bus.publish(closed(1))
    bus.publish(closed(2))
    gate.set()
    await bus.drain()
    await asyncio.sleep(0)

    assert seen == [0]


async def test_a_subscription_ends_with_its_block():
    bus, seen = EventBus(), []
    with bus.subscribed(lambda event: seen.append(event.round_index), RoundClosed):
        bus.publish(closed(0))
        await bus.drain()
    bus.publish(closed(1))
    await bus.drain()

    assert seen == [0]


async def test_a_subscriber_is_held_strongly():
    import gc

    bus, seen = EventBus(), []

    class Listener:
        def hear(self, event):
            seen.append(event.seq)

    bus.subscribe(Listener().hear)
    gc.collect()
    bus.publish(closed(7))
    await bus.drain()

    assert seen == [7]
