"""Whatever is edited in a stored record is found."""

import sqlite3

import pytest
from journal_events import small_deliberation

from mallku.journal import open_journal
from mallku.journal.chain import GENESIS, link

EDITS = {
    "a word in a statement": ("UPDATE journal_events SET body = replace(body, 'belongs', 'bemoans') WHERE seq = 4", 4),
    "one more space": ("UPDATE journal_events SET body = body || ' ' WHERE seq = 6", 6),
    "a hash": ("UPDATE journal_events SET hash = '00' || substr(hash, 3) WHERE seq = 5", 5),
    "the kind a line is filed under": ("UPDATE journal_events SET kind = 'turn_passed' WHERE seq = 4", 4),
    "the time a line is filed under": ("UPDATE journal_events SET at = '2020-01-01T00:00:00Z' WHERE seq = 4", 4),
    "the cause a line is filed under": ("UPDATE journal_events SET caused_by = 'd1:1' WHERE seq = 4", 4),
    "an event taken out": ("DELETE FROM journal_events WHERE seq = 5", 5),
    "the first event taken out": ("DELETE FROM journal_events WHERE seq = 1", 1),
    "the last event taken out": ("DELETE FROM journal_events WHERE seq = 11", 11),
    "all events taken out": ("DELETE FROM journal_events", 1),
    "two events exchanged": ("UPDATE journal_events SET seq = CASE seq WHEN 3 THEN -5 ELSE -3 END WHERE seq IN (3, 5)", 3),
}


@pytest.fixture
async def path(tmp_path):
    path = tmp_path / "journal.db"
    async with await open_journal(path) as journal:
        await journal.append(small_deliberation())
        await journal.append(small_deliberation("d2"))
    return path


@pytest.mark.parametrize("edit", EDITS)
async def test_an_edit_is_found_where_it_was_made(path, edit):
    statement, first_bad = EDITS[edit]
    with sqlite3.connect(path) as editor:
        editor.execute(f"{statement} {'AND' if 'WHERE' in statement else 'WHERE'} deliberation = 'd1'")
        editor.execute("UPDATE journal_events SET seq = -seq WHERE seq < 0")
    editor.close()
    async with await open_journal(path, readonly=True) as journal:
        verification = await journal.verify("d1")

        assert not verification.intact
        assert verification.first_bad == first_bad
        assert str(first_bad) in verification.problem
        assert (await journal.verify("d2")).intact


async def test_a_rewritten_chain_is_found_by_the_head_that_was_kept(path):
    async with await open_journal(path) as journal:
        entries = await journal.entries("d1")
    previous = GENESIS
    with sqlite3.connect(path) as editor:
        for entry in entries:
            body = entry.body.replace("belongs", "bemoans")
            previous = link(previous, body)
            editor.execute(
                "UPDATE journal_events SET body = ?, hash = ? WHERE deliberation = 'd1' AND seq = ?", (body, previous, entry.seq)
            )
        editor.execute("UPDATE journal_deliberations SET head = ? WHERE id = 'd1'", (previous,))
    editor.close()
    async with await open_journal(path) as journal:
        assert (await journal.verify("d1")).intact
        assert not (await journal.verify("d1", head=entries[-1].hash)).intact
