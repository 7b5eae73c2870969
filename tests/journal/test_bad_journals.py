"""A journal that cannot be used says why and what to do, and loses nothing."""

import os
import shutil
import sqlite3
import subprocess
import sys

import pytest
from journal_events import convened, small_deliberation, statement

from mallku.errors import JournalDamaged, JournalError, JournalLocked, JournalReadOnly, JournalTooNew, UnknownDeliberation
from mallku.journal import open_journal
from mallku.journal.faults import POSTGRESQL, SQLITE


@pytest.fixture
async def path(tmp_path):
    """A journal that holds one deliberation and is closed."""
    path = tmp_path / "journal.db"
    async with await open_journal(path) as journal:
        await journal.append(small_deliberation())
    return path


async def _use(opening):
    async with await opening as journal:
        await journal.events("d1")
        await journal.append([convened("d2")])


async def _fault(kind, opening):
    with pytest.raises(kind) as caught:
        await _use(opening)
    assert type(caught.value) is kind
    assert caught.value.hint
    assert "\n" not in str(caught.value)
    return str(caught.value)


async def test_a_file_that_is_no_database(tmp_path):
    path = tmp_path / "journal.db"
    path.write_text("Dear diary, " * 1000)

    assert str(path) in await _fault(JournalDamaged, open_journal(path))
    assert path.read_text().startswith("Dear diary")


async def test_a_database_of_something_else_is_left_alone(tmp_path):
    path = tmp_path / "journal.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE recipes (name TEXT)")
    other.close()

    assert "recipes" in await _fault(JournalDamaged, open_journal(path))
    with sqlite3.connect(path) as other:
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("recipes",)]
    other.close()


async def test_a_file_cut_in_half(path):
    os.truncate(path, path.stat().st_size // 2 // 4096 * 4096)

    await _fault(JournalDamaged, open_journal(path))


async def test_an_empty_file_is_a_new_journal(tmp_path):
    path = tmp_path / "journal.db"
    path.touch()

    async with await open_journal(path) as journal:
        assert await journal.deliberations() == []


async def test_a_directory_in_its_place(tmp_path):
    assert "directory" in await _fault(JournalError, open_journal(tmp_path))


@pytest.mark.parametrize("name", ["n" * 300, "nul\x00"])
async def test_a_name_that_no_file_can_have(tmp_path, name):
    assert await _fault(JournalReadOnly, open_journal(tmp_path / name))
    assert await _fault(JournalReadOnly, open_journal(tmp_path / name / "journal.db"))


async def test_a_newer_schema(path):
    with sqlite3.connect(path) as newer:
        newer.execute("INSERT INTO journal_migrations VALUES (99, 'm099_future', '2030-01-01')")
    newer.close()

    assert "version 99" in await _fault(JournalTooNew, open_journal(path))


async def test_an_event_of_a_newer_version(path):
    with sqlite3.connect(path) as newer:
        newer.execute("""UPDATE journal_events SET kind = 'dream_dreamt', body = '{"kind":"dream_dreamt"}' WHERE seq = 4""")
    newer.close()

    assert "dream_dreamt" in await _fault(JournalTooNew, open_journal(path))


async def test_another_process_that_writes_and_does_not_end(path):
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        await _fault(JournalLocked, open_journal(path, patience_s=0.05))
    finally:
        other.execute("ROLLBACK")
        other.close()

    async with await open_journal(path) as journal:
        assert await journal.events("d1") == small_deliberation()


async def test_a_full_disk_loses_nothing_and_is_survived(path):
    async with await open_journal(path) as journal:
        with journal._reading() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(JournalError, match="disk is full"):
            await journal.append([convened("d2"), statement("d2", 2, "long " * 10_000)])
        with journal._reading() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
        await journal.append([convened("d2")])

        assert [summary.id for summary in await journal.deliberations()] == ["d2", "d1"]
        assert await journal.events("d1") == small_deliberation()


async def test_a_journal_opened_for_reading_is_not_written(path):
    async with await open_journal(path, readonly=True) as journal:
        assert await journal.events("d1") == small_deliberation()
        assert await journal.search("belongs")
        with pytest.raises(JournalReadOnly):
            await journal.append([convened("d2")])
        with pytest.raises(JournalReadOnly):
            async with journal.lease("d1"):
                pass


async def test_a_journal_that_is_not_there_is_not_made_by_reading(tmp_path):
    path = tmp_path / "journal.db"

    assert "no journal at" in await _fault(JournalError, open_journal(path, readonly=True))
    assert not path.exists()


async def test_a_closed_journal_says_so(path):
    journal = await open_journal(path)
    await journal.close()

    with pytest.raises(JournalError, match="closed"):
        await journal.deliberations()


WITHOUT_RIGHTS = """
import asyncio, sys
from mallku.errors import JournalError
from mallku.journal import open_journal

async def main():
    try:
        async with await open_journal(sys.argv[1], readonly=sys.argv[2] == "read") as journal:
            print(len(await journal.events("d1")), len(await journal.search("belongs")))
    except JournalError as error:
        print(type(error).__name__, error)

asyncio.run(main())
"""


@pytest.fixture
def without_rights():
    """Open a journal in a process that may not override the rights of files, as root may."""
    drop = []
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("root may write any file, and setpriv is not here to drop that right")
        drop = ["setpriv", "--inh-caps=-all", "--bounding-set=-all"]

    def run(path, mode):
        command = [*drop, sys.executable, "-c", WITHOUT_RIGHTS, str(path), mode]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout

    return run


async def test_a_file_without_the_right_to_write(path, without_rights):
    path.chmod(0o444)
    path.parent.chmod(0o555)
    try:
        assert without_rights(path, "write").startswith("JournalReadOnly")
        assert without_rights(path, "read") == "11 1\n"
    finally:
        path.parent.chmod(0o755)


async def test_a_directory_without_the_right_to_write(tmp_path, without_rights):
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o555)

    assert without_rights(folder / "journal.db", "write").startswith("JournalReadOnly")
    assert without_rights(folder / "below" / "journal.db", "write").startswith("JournalReadOnly")


@pytest.mark.parametrize("address", ["mysql://u:secret@localhost/x", "postgresql://u:secret@[/x", "nonsense://", "http://localhost/"])
async def test_an_address_of_no_journal(address):
    assert "secret" not in await _fault(JournalError, open_journal(address))


async def test_a_server_that_is_not_there():
    pytest.importorskip("psycopg")

    told = await _fault(JournalError, open_journal("postgresql://me:secret@127.0.0.1:1/x", patience_s=2))
    assert "cannot be reached" in told
    assert "secret" not in told


async def test_a_database_that_is_not_there(postgresql_server):
    from sqlalchemy import make_url

    nowhere = make_url(postgresql_server).set(database="mallku_nowhere").render_as_string(hide_password=False)
    await _fault(JournalError, open_journal(nowhere))


async def test_a_deliberation_that_is_not_there(path):
    async with await open_journal(path) as journal:
        with pytest.raises(UnknownDeliberation, match="d1"):
            await journal.events("d")


def test_every_fault_has_a_remedy():
    assert len(SQLITE) > 5
    for kind, what, remedy in (*SQLITE.values(), *POSTGRESQL.values()):
        assert issubclass(kind, JournalError)
        assert what
        assert remedy.endswith(".")
