"""Which journal is meant, and that asking costs nothing."""

import asyncio
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from journal_events import convened

from mallku.errors import ConfigurationError
from mallku.journal import MemoryJournal, journal_place, open_journal


@pytest.fixture(autouse=True)
def _no_surroundings(monkeypatch, tmp_path):
    for name in ("MALLKU_JOURNAL", "MALLKU_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


def test_the_users_own_journal_is_the_default():
    assert Path(journal_place()).name == "journal.db"
    assert "mallku" in Path(journal_place()).parts


def test_the_environment_names_another(monkeypatch, tmp_path):
    monkeypatch.setenv("MALLKU_HOME", str(tmp_path))
    assert journal_place() == str(tmp_path / "journal.db")

    monkeypatch.setenv("MALLKU_JOURNAL", "postgresql://somewhere/db")
    assert journal_place() == "postgresql://somewhere/db"
    assert journal_place("mine.db") == "mine.db"


def test_an_empty_name_is_refused():
    with pytest.raises(ConfigurationError, match="names no journal"):
        journal_place(" ")


async def test_a_journal_in_memory_needs_no_database():
    assert isinstance(await open_journal(":memory:"), MemoryJournal)


async def test_directories_of_a_new_journal_are_made(tmp_path):
    async with await open_journal(tmp_path / "a" / "b" / "journal.db") as journal:
        assert await journal.deliberations() == []


async def test_a_new_journal_is_for_its_user_alone(tmp_path):
    path = tmp_path / "new" / "journal.db"
    async with await open_journal(path) as journal:
        await journal.append([convened()])

        assert [stat.filemode(file.stat().st_mode) for file in sorted(path.parent.glob("journal.db*"))] == ["-rw-------"] * 3
        assert stat.filemode(path.parent.stat().st_mode) == "drwx------"


async def test_the_rights_of_a_journal_that_is_there_are_left_alone(tmp_path):
    path = tmp_path / "journal.db"
    path.touch(mode=0o640)
    path.chmod(0o640)
    async with await open_journal(path) as journal:
        await journal.append([convened()])

    assert stat.filemode(path.stat().st_mode) == "-rw-r-----"


def test_importing_the_package_loads_no_database_toolkit():
    program = (
        "import sys, mallku.journal; print([name for name in sys.modules if name in {'sqlalchemy', 'sqlite3', 'psycopg', 'platformdirs'}])"
    )
    told = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)

    assert told.stdout.strip() == "[]"


async def test_many_may_open_the_same_new_journal_at_once(tmp_path):
    async def visit(place):
        async with await open_journal(place) as journal:
            return await journal.deliberations()

    for number in range(12):
        found = await asyncio.gather(*(visit(tmp_path / f"{number}.db") for _ in range(5)))
        assert found == [[]] * 5
