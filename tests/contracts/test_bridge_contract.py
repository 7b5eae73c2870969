"""What every bridge keeps to: in memory, over Redis and over NATS; real servers where they are installed."""

import asyncio
import uuid
from dataclasses import replace

import pytest
from journal_events import START, convened, small_deliberation, statement
from servers import free_port, nats_server, redis_server

from mallku.errors import BridgeError
from mallku.events.bridges import Bridge, MemoryBridge, NatsBridge, RedisBridge, carried
from mallku.events.bus import EventBus
from mallku.events.kinds import TurnDelta
from mallku.testing import EventRecorder


@pytest.fixture(scope="session")
def redis_url():
    pytest.importorskip("redis")
    with redis_server() as url:
        yield url


@pytest.fixture(scope="session")
def nats_url(tmp_path_factory):
    pytest.importorskip("nats")
    with nats_server(tmp_path_factory.mktemp("nats")) as url:
        yield url


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.live), pytest.param("nats", marks=pytest.mark.live)])
async def bridge(request):
    name = uuid.uuid4().hex[:12]
    if request.param == "memory":
        bridge = MemoryBridge()
    elif request.param == "redis":
        bridge = await RedisBridge.open(request.getfixturevalue("redis_url"), stream=f"test:{name}")
    else:
        bridge = await NatsBridge.open(request.getfixturevalue("nats_url"), stream=f"T{name}", prefix=f"test.{name}")
    yield bridge
    await bridge.close()


async def heard(bridge, count, **how):
    events = []
    async with asyncio.timeout(20):
        async for event in bridge.listen(**how):
            events.append(event)
            if len(events) == count:
                break
    return events


async def test_it_is_a_bridge(bridge):
    assert isinstance(bridge, Bridge)


async def test_events_arrive_whole_and_in_order(bridge):
    events = small_deliberation()
    for event in events:
        await bridge.publish(event)

    assert await heard(bridge, len(events)) == events


async def test_two_listeners_each_hear_everything(bridge):
    events = small_deliberation()
    listening = [asyncio.create_task(heard(bridge, len(events))) for _ in range(2)]
    for event in events:
        await bridge.publish(event)

    assert await asyncio.gather(*listening) == [events, events]


async def test_what_is_published_twice_is_heard_once(bridge):
    events = small_deliberation()
    for event in (*events[:5], *events[2:5], *events[5:]):
        await bridge.publish(event)

    assert await heard(bridge, len(events)) == events


async def test_one_deliberation_can_be_listened_to_alone(bridge):
    for pair in zip(small_deliberation("a.b"), small_deliberation("a b*>"), small_deliberation("水"), strict=True):
        for event in pair:
            await bridge.publish(event)

    assert await heard(bridge, 11, deliberation="a b*>") == small_deliberation("a b*>")
    assert await heard(bridge, 11, deliberation="a.b") == small_deliberation("a.b")


async def test_a_listener_that_comes_back_hears_what_it_has_not_heard(bridge):
    events = small_deliberation()
    for event in events:
        await bridge.publish(event)

    assert await heard(bridge, 4, known={"d1": 7}) == events[7:]


async def test_a_listener_may_leave_out_what_was_before(bridge):
    await bridge.publish(convened("before"))
    listening = asyncio.create_task(heard(bridge, 1, history=False))
    await asyncio.sleep(0.3)
    await bridge.publish(convened("after"))

    assert [event.deliberation for event in await listening] == ["after"]


async def test_passing_events_come_between(bridge):
    delta = TurnDelta(deliberation="d1", seq=1, at=START, turn="r0.Ada", seat="Ada", channel="text", text=" the")
    sent = [convened(), delta, delta, statement("d1", 2, "the the")]
    for event in sent:
        await bridge.publish(event)

    assert await heard(bridge, 4) == sent


async def test_a_bus_is_carried_to_its_last_event(bridge):
    bus = EventBus()
    delta = TurnDelta(deliberation="d1", seq=1, at=START, turn="r0.Ada", seat="Ada", channel="text", text="x")
    async with carried(bus, bridge):
        for event in (convened(), delta, *small_deliberation()[1:]):
            bus.publish(event)

    assert await heard(bridge, 11) == small_deliberation()


async def test_listeners_end_when_the_bridge_is_closed(bridge):
    await bridge.publish(convened())

    async def listen():
        return [event async for event in bridge.listen()]

    listening = asyncio.create_task(listen())
    await asyncio.sleep(0.2)
    await bridge.close()
    await bridge.close()
    outcome = (await asyncio.gather(listening, return_exceptions=True))[0]

    assert outcome == [convened()] or isinstance(outcome, BridgeError)
    with pytest.raises(BridgeError, match="closed"):
        await bridge.publish(convened("late"))


@pytest.mark.parametrize(
    "opening",
    [
        lambda: RedisBridge.open(f"redis://:secret@127.0.0.1:{free_port()}"),
        lambda: NatsBridge.open(f"nats://me:secret@127.0.0.1:{free_port()}"),
        lambda: RedisBridge.open("redis://:secret@8.8.8.8"),
        lambda: NatsBridge.open("nats://me:secret@8.8.8.8"),
        lambda: NatsBridge.open("nats://me:secret@[2002:808:808::1]"),
        lambda: RedisBridge.open("http://me:secret@localhost"),
        lambda: NatsBridge.open("redis://me:secret@localhost"),
    ],
    ids=["redis-away", "nats-away", "redis-public", "nats-public", "nats-6to4", "redis-scheme", "nats-scheme"],
)
async def test_a_server_that_cannot_be_used_is_explained_without_its_password(opening):
    pytest.importorskip("redis")
    pytest.importorskip("nats")
    with pytest.raises(BridgeError) as caught:
        await opening()

    assert caught.value.hint
    assert "secret" not in str(caught.value)


@pytest.mark.live
async def test_a_server_that_dies_is_reported_and_the_run_goes_on(tmp_path):
    pytest.importorskip("redis")
    bus, reports = EventBus(), EventRecorder()
    bus.subscribe(reports)
    with redis_server() as url:
        bridge = await RedisBridge.open(url)
        await bridge.publish(convened())
    async with carried(bus, bridge, patience_s=0.2):
        bus.publish(replace(convened("d2")))
    await bus.drain()
    await bridge.close()

    assert [event.kind for event in reports.events] == ["deliberation_convened", "subscriber_failed"]
    assert "BridgeError" in reports.events[1].error
