"""Which journal is meant, and opening it."""

import os
from pathlib import Path
from typing import Final

from mallku.errors import ConfigurationError
from mallku.journal.contract import Journal
from mallku.journal.memory import MemoryJournal

IN_MEMORY: Final = ":memory:"
FILE_NAME: Final = "journal.db"


def journal_place(place: str | os.PathLike[str] | None = None) -> str:
    """Return the path or address meant: the one given, else `MALLKU_JOURNAL`, else a file below `MALLKU_HOME` or the user's data."""
    if place is None:
        place = os.environ.get("MALLKU_JOURNAL") or None
    if place is None:
        return str(_home() / FILE_NAME)
    text = os.fspath(place)
    if not text.strip():
        raise ConfigurationError(f"{text!r} names no journal.", hint="Give a path, a postgresql:// address or ':memory:'.")
    if text == IN_MEMORY or "://" in text:
        return text
    return str(Path(text).expanduser())


def _home() -> Path:
    if home := os.environ.get("MALLKU_HOME"):
        return Path(home).expanduser()
    from platformdirs import user_data_path

    return user_data_path("mallku", appauthor=False)


async def open_journal(place: str | os.PathLike[str] | None = None, *, readonly: bool = False, patience_s: float = 10.0) -> Journal:
    """Open a journal and bring its schema up to date.

    Args:
        place: A path (SQLite), `postgresql://USER@HOST/DATABASE`, `":memory:"`, or None for the user's own journal (`journal_place`).
        readonly: Never write; the journal must exist and its schema must be this version's.
        patience_s: Seconds to wait for another process that is writing before `JournalLocked` is raised.
    """
    where = journal_place(place)
    if where == IN_MEMORY:
        return MemoryJournal()
    from mallku.journal.store import SqlJournal

    return await SqlJournal.open(where, readonly=readonly, patience_s=patience_s)
