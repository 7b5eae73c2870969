"""Database engines set up for a journal."""

import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from mallku.errors import JournalError, JournalReadOnly

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

WRITING = "mallku_writing"
"""Execution option of a connection whose transaction writes: `durable` or `quick`."""

_PAUSE_S: Final = 0.01


def sqlite_engine(path: Path, *, readonly: bool, patience_s: float) -> "Engine":
    """Make the engine of a SQLite file: write-ahead log, transactions that are begun by us."""
    from sqlalchemy import create_engine, event

    if not readonly:
        _make_room(path)
    if path.is_dir():
        raise JournalError(f"{str(path)!r} is a directory.", hint="Name a file in it, such as journal.db.")
    if readonly and not path.is_file():
        raise JournalError(f"there is no journal at {str(path)!r}.", hint="Run a deliberation first, or name another path.")
    mode = "rwc" if not readonly else "ro&immutable=1" if _is_still(path) else "ro"
    address = f"file:{quote(str(path.absolute()))}?mode={mode}"

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(address, uri=True, timeout=patience_s, isolation_level=None, check_same_thread=False)

    engine = create_engine("sqlite://", creator=connect, pool_size=1, max_overflow=0, poolclass=_queue_pool())

    def set_up(connection: sqlite3.Connection, _record: Any) -> None:
        connection.execute("PRAGMA foreign_keys=ON")
        if not readonly:
            _switch_to_wal(connection, patience_s)

    def begin(connection: "Connection") -> None:
        writing = connection.get_execution_options().get(WRITING)
        if writing:
            connection.exec_driver_sql(f"PRAGMA synchronous={'FULL' if writing == 'durable' else 'NORMAL'}")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    event.listen(engine, "connect", set_up)
    event.listen(engine, "begin", begin)
    return engine


def _switch_to_wal(connection: sqlite3.Connection, patience_s: float) -> None:
    """Switch a database to write-ahead logging; SQLite does not wait by itself when others open the same new file at this moment."""
    until = time.monotonic() + patience_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode not in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED} or time.monotonic() > until:
                raise
            time.sleep(_PAUSE_S)
        else:
            return


def _queue_pool() -> Any:
    from sqlalchemy.pool import QueuePool

    return QueuePool


def _make_room(path: Path) -> None:
    """Make a new journal's directory and file, for this user's eyes only; refuse early what could not be written later."""
    import os

    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        closed = [place for place in (path, path.parent) if place.exists() and not os.access(place, os.W_OK)]
        if not closed and not path.exists():
            path.touch(mode=0o600)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        hint = "Name another journal with MALLKU_JOURNAL or --journal."
        raise JournalReadOnly(f"the journal {str(path)!r} cannot be made ({reason}).", hint=hint) from error
    if closed:
        hint = "Make it writable for you, or name another journal with MALLKU_JOURNAL or --journal."
        raise JournalReadOnly(f"{str(closed[0])!r} cannot be written.", hint=hint)


def _is_still(path: Path) -> bool:
    """Tell whether nobody can be writing: no write-ahead log is left, and none can be made beside the file."""
    import os

    return not path.with_name(f"{path.name}-wal").exists() and not os.access(path.parent, os.W_OK)


def postgresql_engine(address: str, *, readonly: bool, patience_s: float) -> tuple["Engine", str]:
    """Make the engine of a PostgreSQL database; also return its address without the password."""
    from sqlalchemy import create_engine, event, make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(address)
    except ArgumentError as error:
        hint = "Write postgresql://USER@HOST/DATABASE, or a path."
        raise JournalError("the address of the journal cannot be read.", hint=hint) from error
    url, shown = _with_driver(url)
    options = {"connect_timeout": max(2, int(patience_s)), "options": f"-c lock_timeout={int(patience_s * 1000)}"}
    engine = create_engine(url, connect_args=options, pool_size=1, max_overflow=4, pool_pre_ping=True)

    def begin(connection: "Connection") -> None:
        if connection.get_execution_options().get(WRITING) == "quick":
            connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
        if readonly:
            connection.exec_driver_sql("SET TRANSACTION READ ONLY")

    event.listen(engine, "begin", begin)
    return engine, shown


def _with_driver(url: "URL") -> tuple["URL", str]:
    shown = url.render_as_string(hide_password=True)
    if url.get_backend_name() not in {"postgresql", "postgres"}:
        hint = "A journal is a SQLite file (a path) or a PostgreSQL database (postgresql://…)."
        raise JournalError(f"{shown!r} is no kind of journal.", hint=hint)
    try:
        import psycopg  # noqa: F401 - asked for here so that its absence gets a remedy
    except ImportError as error:
        raise JournalError("a PostgreSQL journal needs psycopg.", hint="pip install 'mallku[postgres]'") from error
    return url.set(drivername="postgresql+psycopg"), shown
