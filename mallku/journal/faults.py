"""What the databases say when something is wrong, in our words: one table for each."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from mallku.errors import JournalDamaged, JournalError, JournalLocked, JournalReadOnly

if TYPE_CHECKING:
    from sqlalchemy.exc import SQLAlchemyError

Remedy = tuple[type[JournalError], str, str]
"""Class of our error, what happened, what to do."""

_LOCKED: Final = (JournalLocked, "is held by another process that is writing", "Wait for it to end, or name another journal.")
_READ_ONLY: Final = (
    JournalReadOnly,
    "cannot be written",
    "Make the file and its directory writable for you, or name another journal with MALLKU_JOURNAL or --journal.",
)
_DAMAGED: Final = (
    JournalDamaged,
    "is not a journal, or is damaged",
    "Name another path, or restore the file from a backup; what can still be read can be exported with `mallku export`.",
)
_FULL: Final = (JournalError, "cannot grow: the disk is full", "Free some space; nothing that was recorded is lost.")
_DEVICE: Final = (JournalError, "cannot be read or written: the storage reports a failure", "Check the disk, or name another journal.")

SQLITE: Final[dict[str, Remedy]] = {
    "SQLITE_BUSY": _LOCKED,
    "SQLITE_LOCKED": _LOCKED,
    "SQLITE_PROTOCOL": _LOCKED,
    "SQLITE_READONLY": _READ_ONLY,
    "SQLITE_PERM": _READ_ONLY,
    "SQLITE_AUTH": _READ_ONLY,
    "SQLITE_CANTOPEN": (
        JournalReadOnly,
        "cannot be opened",
        "Check that its directory exists and that you may write there, or name another journal.",
    ),
    "SQLITE_NOTADB": _DAMAGED,
    "SQLITE_CORRUPT": _DAMAGED,
    "SQLITE_FULL": _FULL,
    "SQLITE_IOERR": _DEVICE,
}
"""By primary result code, https://www.sqlite.org/rescode.html."""

POSTGRESQL: Final[dict[str, Remedy]] = {
    "08": (JournalError, "lost its connection", "Check that the server runs and is reachable, then resume."),
    "25006": _READ_ONLY,
    "28": (JournalError, "refused the user or the password", "Check the address; give the password with PGPASSWORD or ~/.pgpass."),
    "3D": (JournalError, "does not exist", "Create the database with `createdb`, or name another."),
    "40": _LOCKED,
    "42501": (JournalReadOnly, "cannot be written by this user", "Grant the user CREATE and write rights, or open it read-only."),
    "53100": _FULL,
    "53": (JournalError, "has no room for another connection", "Wait, or raise the server's limits."),
    "55P03": _LOCKED,
    "57": (JournalError, "was shut down by its administrator", "Wait until the server is back, then resume."),
    "58": _DEVICE,
    "XX001": _DAMAGED,
    "XX002": _DAMAGED,
}
"""By SQLSTATE or its class, https://www.postgresql.org/docs/current/errcodes-appendix.html; the longest that fits counts."""

_OTHER: Final = (
    JournalError,
    "refused an operation",
    "Run `mallku verify`; if the journal is whole, this is a fault of mallku: please report it.",
)
_UNREACHABLE: Final = (JournalError, "cannot be reached", "Check that the server runs at this address.")


@contextmanager
def in_our_words(place: str) -> Iterator[None]:
    """Raise our errors for what the database toolkit, or SQLite's own driver, raises inside."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        kind, what, remedy = _remedy(error)
        detail = str(getattr(error, "orig", None) or error).strip().splitlines()
        raise kind(f"The journal {place} {what} ({detail[0] if detail else type(error).__name__}).", hint=remedy) from error


def _remedy(error: "SQLAlchemyError | sqlite3.Error") -> Remedy:
    original = error if isinstance(error, sqlite3.Error) else getattr(error, "orig", None)
    name = getattr(original, "sqlite_errorname", None)
    if name is not None:
        return SQLITE.get("_".join(name.split("_")[:2]), _OTHER)
    if original is not None and hasattr(original, "sqlstate"):
        state: str | None = original.sqlstate
        if state is None:
            return _UNREACHABLE
        return next((POSTGRESQL[state[:length]] for length in (5, 2) if state[:length] in POSTGRESQL), _OTHER)
    return _OTHER
