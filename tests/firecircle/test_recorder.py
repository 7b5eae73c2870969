"""Facts that come while the journal writes wait and are written together."""

import asyncio

import pytest

from mallku.errors import JournalError
from mallku.events import kinds
from mallku.events.bus import EventBus
from mallku.firecircle.recorder import Recorder
from mallku.firecircle.state import DeliberationState
from mallku.journal.memory import MemoryJournal


class SlowJournal(MemoryJournal):
    """Takes its time for each append, and remembers how many events each had."""

    def __init__(self):
        super().__init__()
        self.sizes = []
        self.refuses = False

    async def append(self, events, *, durable=True):
        await asyncio.sleep(0.01)
        if self.refuses:
            raise JournalError("the disk is full.", hint="Free some space.")
        self.sizes.append(len(events))
        await super().append(events, durable=durable)


@pytest.fixture
def journal():
    return SlowJournal()


@pytest.fixture
def recorder(journal):
    return Recorder("d1", journal, EventBus(), DeliberationState())


def warn(recorder, number):
    return recorder.record(kinds.SeatWarned, warning=f"warning {number}")


async def test_facts_that_come_together_share_an_append_and_keep_their_order(recorder, journal):
    ids = await asyncio.gather(*(warn(recorder, number) for number in range(20)))
    events = await journal.events("d1")

    assert journal.sizes in ([20], [1, 19])
    assert ids == [event.id for event in events]
    assert [event.warning for event in events] == [f"warning {number}" for number in range(20)]
    assert [event.caused_by for event in events] == ["", *ids[:-1]]
    assert [event.warning for event in recorder.state.warnings] == [event.warning for event in events]


async def test_facts_that_belong_together_are_not_torn_apart(recorder, journal):
    pair = [(kinds.SeatWarned, {"warning": "first"}), (kinds.SeatWarned, {"warning": "second"})]
    await asyncio.gather(warn(recorder, 0), recorder.record_all(pair), warn(recorder, 1))

    assert [event.warning for event in await journal.events("d1")] == ["warning 0", "first", "second", "warning 1"]


async def test_a_refused_append_fails_all_who_waited_and_leaves_no_gap(recorder, journal):
    journal.refuses = True
    outcomes = await asyncio.gather(*(warn(recorder, number) for number in range(3)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [JournalError] * 3
    assert recorder.state.seq == 0

    journal.refuses = False
    assert await warn(recorder, 9) == "d1:1"


async def test_who_is_cancelled_while_waiting_leaves_nothing_and_harms_nobody(recorder, journal):
    tasks = [asyncio.create_task(warn(recorder, number)) for number in range(3)]
    await asyncio.sleep(0)
    tasks.append(asyncio.create_task(warn(recorder, 3)))
    await asyncio.sleep(0)
    tasks[3].cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)

    assert isinstance(outcomes[3], asyncio.CancelledError)
    assert [event.warning for event in await journal.events("d1")] == ["warning 0", "warning 1", "warning 2"]


async def test_a_fact_recorded_with_the_next_is_in_the_state_at_once_and_in_the_journal_with_that_one(recorder, journal):
    await recorder.record_with_next(kinds.SeatWarned, warning="first")

    assert [event.warning for event in recorder.state.warnings] == ["first"]
    assert journal.sizes == []

    await warn(recorder, 2)
    first, second = await journal.events("d1")

    assert journal.sizes == [2]
    assert recorder.state.warnings == [first, second]
    assert second.caused_by == first.id


async def test_where_somebody_listens_a_fact_is_kept_and_told_before_the_next(recorder, journal):
    told = []
    recorder._bus.subscribe(told.append)
    await recorder.record_with_next(kinds.SeatWarned, warning="first")
    await recorder._bus.drain()

    assert journal.sizes == [1]
    assert told == await journal.events("d1")


async def test_who_begins_to_listen_meanwhile_is_told_of_a_fact_that_waited(recorder, journal):
    await recorder.record_with_next(kinds.SeatWarned, warning="first")
    told = []
    recorder._bus.subscribe(told.append)
    await warn(recorder, 2)
    await recorder._bus.drain()

    assert told == await journal.events("d1")
    assert len(told) == 2


async def test_settling_writes_what_waits_for_the_next_fact_and_nothing_twice(recorder, journal):
    await recorder.settle()
    await recorder.record_with_next(kinds.SeatWarned, warning="first")
    await recorder.settle()
    await recorder.settle()
    await warn(recorder, 2)

    assert journal.sizes == [1, 1]
    assert [event.seq for event in await journal.events("d1")] == [1, 2]


async def test_a_fact_that_the_journal_refused_goes_before_whatever_it_takes_later(recorder, journal):
    await recorder.record_with_next(kinds.SeatWarned, warning="first")
    journal.refuses = True
    with pytest.raises(JournalError, match="disk is full"):
        await recorder.settle()
    with pytest.raises(JournalError, match="disk is full"):
        await warn(recorder, 2)
    journal.refuses = False
    await warn(recorder, 3)

    assert [event.warning for event in await journal.events("d1")] == ["first", "warning 3"]
    assert [event.warning for event in recorder.state.warnings] == ["first", "warning 3"]


class SteadyJournal(SlowJournal):
    """Carries an append out even if whoever asked for it is cancelled, as the contract says."""

    async def append(self, events, *, durable=True):
        work = asyncio.ensure_future(super().append(events, durable=durable))
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            await work
            raise


async def test_a_fact_that_waits_is_kept_when_what_it_is_written_with_is_cancelled():
    journal = SteadyJournal()
    recorder = Recorder("d1", journal, EventBus(), DeliberationState())
    await recorder.record_with_next(kinds.SeatWarned, warning="first")
    writing = asyncio.create_task(warn(recorder, 2))
    await asyncio.sleep(0.001)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    await warn(recorder, 3)
    kept = await journal.events("d1")

    assert [event.warning for event in kept] == ["first", "warning 2", "warning 3"]
    assert recorder.state.warnings == kept
