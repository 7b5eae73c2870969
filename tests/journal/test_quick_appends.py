"""Appends that wait share a transaction, and none falls with another."""

import asyncio
import sqlite3

import pytest
from journal_events import convened, statement

from mallku.errors import JournalError
from mallku.journal import open_journal


@pytest.fixture
async def journal(tmp_path):
    async with await open_journal(tmp_path / "journal.db") as journal:
        yield journal


def commits(journal):
    """Have the journal's connection tell of every commit."""
    told = []
    journal._quick._connected().set_trace_callback(lambda text: told.append(text) if text == "COMMIT" else None)
    return told


async def test_what_comes_while_the_journal_writes_is_one_transaction(journal):
    ids = [f"d{number}" for number in range(20)]
    await journal.append([convened("first")])
    told = commits(journal)
    await asyncio.gather(*(journal.append([convened(one)]) for one in ids))

    assert len(told) <= 3
    assert {summary.id for summary in await journal.deliberations()} == {"first", *ids}
    assert all([(await journal.verify(one)).intact for one in ids])


async def test_a_bad_append_does_not_take_those_with_it_that_waited_beside_it(journal):
    await journal.append([convened("d1")])
    outcomes = await asyncio.gather(
        journal.append([convened("d2")]),
        journal.append([statement("d1", 9, "a gap")]),
        journal.append([statement("d1", 2, "fits")]),
        journal.append([convened("d3")]),
        return_exceptions=True,
    )

    assert [type(outcome) for outcome in outcomes] == [type(None), JournalError, type(None), type(None)]
    assert {summary.id: summary.last_seq for summary in await journal.deliberations()} == {"d1": 2, "d2": 1, "d3": 1}


async def test_the_remembered_end_is_not_trusted_over_the_database(journal, tmp_path):
    await journal.append([convened("d1"), statement("d1", 2, "here")])
    async with await open_journal(tmp_path / "journal.db") as elsewhere:
        await elsewhere.append([statement("d1", 3, "there")])
        with pytest.raises(JournalError, match="event 3 of deliberation 'd1' cannot follow event 3"):
            await journal.append([statement("d1", 3, "here too")])
        await journal.append([statement("d1", 4, "here, knowing")])

        assert [event.text for event in (await elsewhere.events("d1"))[1:]] == ["here", "there", "here, knowing"]
        assert (await elsewhere.verify("d1")).intact


async def test_reading_between_appends_sees_them_and_appending_goes_on(journal, tmp_path):
    for seq in range(1, 6):
        await journal.append([statement("d1", seq, "word") if seq > 1 else convened("d1")], durable=seq % 2 == 0)
        assert len(await journal.events("d1")) == seq
    with sqlite3.connect(tmp_path / "journal.db") as other:
        assert other.execute("SELECT count(*) FROM journal_texts").fetchone() == (5,)
    other.close()
