"""A replay tells subscribers what the first run told them."""

import asyncio
from datetime import timedelta

from journal_events import START, convened, small_deliberation, statement

from mallku.events.bus import EventBus
from mallku.events.kinds import TurnDelta, TurnOpened
from mallku.journal.replay import replay
from mallku.testing import EventRecorder


async def _heard(events, **how):
    bus, recorder = EventBus(), EventRecorder()
    bus.subscribe(recorder)
    await replay(events, bus, **how)
    return recorder.events


async def test_events_come_in_their_order():
    assert await _heard(small_deliberation()) == small_deliberation()


async def test_more_events_than_a_subscriber_can_hold_are_all_handled():
    events = [convened(), *(statement("d1", seq, "more") for seq in range(2, 12_000))]

    assert await _heard(events) == events


async def test_words_come_between_the_opening_of_a_turn_and_its_statement():
    heard = await _heard(small_deliberation(), words=True)
    said = {}
    for place, event in enumerate(heard):
        if isinstance(event, TurnDelta):
            said.setdefault(event.turn, []).append(event.text)
            assert any(isinstance(e, TurnOpened) and e.turn == event.turn for e in heard[:place])
            assert event.seq == next(e.seq for e in reversed(heard[:place]) if e.recorded)

    assert "".join(said["r0.Ada"]) == "The well belongs to all; a café says so."
    assert [event for event in heard if event.recorded] == small_deliberation()


async def test_time_between_events_is_kept_and_long_pauses_are_cut(monkeypatch):
    pauses = []
    sleep = asyncio.sleep

    async def note(seconds):
        pauses.append(seconds)
        await sleep(0)

    events = [convened(), statement("d1", 2, "soon"), statement("d1", 3, "then")]
    night = events[-1].at + timedelta(hours=9)
    events.append(convened(at=night))
    monkeypatch.setattr(asyncio, "sleep", note)
    await _heard(events, speed=2.0, longest_pause_s=3.0)

    assert events[0].at == START
    assert [pause for pause in pauses if pause] == [1.0, 0.5, 3.0]
