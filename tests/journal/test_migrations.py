"""A journal of every past version is brought up to date with all it holds."""

from dataclasses import asdict

import pytest
from journal_events import small_deliberation
from sqlalchemy import text

from mallku.journal import open_journal
from mallku.journal.engines import WRITING, sqlite_engine
from mallku.journal.migrations import STEPS, migrate, version_of
from mallku.journal.sql import INSERT_EVENT, UPSERT_SUMMARY
from mallku.journal.store import SqlJournal


async def _old_journal(path, version):
    """Write a journal with the schema of an earlier version."""
    memory = await open_journal(":memory:")
    await memory.append(small_deliberation())
    (summary,) = await memory.deliberations()
    moments = {"convened_at": summary.convened_at.isoformat(), "last_at": summary.last_at.isoformat()}
    engine = sqlite_engine(path, readonly=False, patience_s=1)
    with engine.connect().execution_options(**{WRITING: "durable"}) as connection, connection.begin():
        migrate(connection, place=str(path), applied_at="2026-01-01", steps=STEPS[:version])
        if version >= 1:
            connection.execute(text(INSERT_EVENT), [asdict(entry) for entry in await memory.entries("d1")])
            connection.execute(text(UPSERT_SUMMARY), asdict(summary) | moments)
    engine.dispose()


@pytest.mark.parametrize("version", range(1, len(STEPS)))
async def test_a_past_version_is_brought_up_to_date(tmp_path, version):
    path = tmp_path / "journal.db"
    await _old_journal(path, version)
    async with await open_journal(path) as journal:
        assert await journal.events("d1") == small_deliberation()
        assert (await journal.verify("d1")).intact
        assert [hit.seat for hit in await journal.search("belongs")] == ["Ada"]
        with journal._reading() as connection:
            assert version_of(connection, place="") == len(STEPS)
            applied = connection.execute(text("SELECT version, name FROM journal_migrations ORDER BY version")).all()
    assert [number for number, _ in applied] == list(range(1, len(STEPS) + 1))


async def test_a_past_version_is_not_changed_by_reading(tmp_path):
    path = tmp_path / "journal.db"
    await _old_journal(path, 1)

    with pytest.raises(Exception, match="version 1") as caught:
        await open_journal(path, readonly=True)
    assert "list" in caught.value.hint


async def test_a_migration_that_fails_changes_nothing(tmp_path):
    path = tmp_path / "journal.db"
    await _old_journal(path, 1)
    engine = sqlite_engine(path, readonly=False, patience_s=1)

    def breaks(connection):
        connection.execute(text("CREATE TABLE half_done (x TEXT)"))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), engine.connect().execution_options(**{WRITING: "durable"}) as connection, connection.begin():
        migrate(connection, place=str(path), applied_at="2026-01-01", steps=(STEPS[0], breaks))
    with engine.connect() as connection:
        tables = connection.execute(text("SELECT name FROM sqlite_master")).scalars().all()
        assert version_of(connection, place="") == 1
    engine.dispose()
    assert "half_done" not in tables


async def test_the_current_schema_is_left_alone(tmp_path):
    path = tmp_path / "journal.db"
    await (await open_journal(path)).close()
    async with await SqlJournal.open(str(path)) as journal, await SqlJournal.open(str(path)) as same:
        await journal.append(small_deliberation())
        assert await same.events("d1") == small_deliberation()
