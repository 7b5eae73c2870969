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
