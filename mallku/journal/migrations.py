"""The schema, as the ordered steps that lead to it. A step that was released is never changed; a new one is added."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from mallku.errors import JournalDamaged, JournalTooNew
from mallku.events.kinds import AnyEvent
from mallku.journal.chain import Entry
from mallku.journal.sql import INSERT_TEXT, named, sql, text_rows

if TYPE_CHECKING:
    from sqlalchemy import Connection

APPLIED: Final = "journal_migrations"


def _m001_events(connection: "Connection") -> None:
    """Events in their chain, and one line about each deliberation."""
    _run(
        connection,
        """
        CREATE TABLE journal_events (
            deliberation TEXT NOT NULL,
            seq INTEGER NOT NULL,
            kind TEXT NOT NULL,
            at TEXT NOT NULL,
            caused_by TEXT NOT NULL,
            body TEXT NOT NULL,
            hash TEXT NOT NULL,
            PRIMARY KEY (deliberation, seq)
        )
        """,
        """
        CREATE TABLE journal_deliberations (
            id TEXT PRIMARY KEY,
            question TEXT NOT NULL,
            convened_at TEXT NOT NULL,
            last_at TEXT NOT NULL,
            status TEXT NOT NULL,
            statements INTEGER NOT NULL,
            last_seq INTEGER NOT NULL,
            head TEXT NOT NULL
        )
        """,
    )


def _m002_search(connection: "Connection") -> None:
    """The texts one may search for, each with its words without case and accents."""
    if connection.dialect.name == "sqlite":
        _run(
            connection,
            """
            CREATE VIRTUAL TABLE journal_texts USING fts5(
                words, deliberation UNINDEXED, seq UNINDEXED, turn UNINDEXED, seat UNINDEXED, source UNINDEXED, text UNINDEXED
            )
            """,
        )
    else:
        _run(
            connection,
            """
            CREATE TABLE journal_texts (
                words TEXT NOT NULL,
                deliberation TEXT NOT NULL,
                seq INTEGER NOT NULL,
                turn TEXT NOT NULL,
                seat TEXT NOT NULL,
                source TEXT NOT NULL,
                text TEXT NOT NULL
            )
            """,
            "CREATE INDEX journal_texts_words ON journal_texts USING gin (to_tsvector('simple', words))",
        )
    _index_all(connection)


def _index_all(connection: "Connection") -> None:
    from sqlalchemy import text

    stored = connection.execute(
        text("SELECT deliberation, seq, kind, at, caused_by, body, hash FROM journal_events ORDER BY deliberation, seq")
    )
    for row in stored.mappings().all():
        insert_texts(connection, [Entry(**row).event()])


def insert_texts(connection: "Connection", events: Sequence[AnyEvent]) -> None:
    """Make the texts of these events, all of one deliberation, findable."""
    rows = text_rows(events)
    if rows:
        connection.execute(sql(INSERT_TEXT), named(INSERT_TEXT, rows))


Step = Callable[["Connection"], None]

STEPS: Final[tuple[Step, ...]] = (_m001_events, _m002_search)
"""Step N leads from version N-1 to version N."""


def version_of(connection: "Connection", *, place: str) -> int:
    """Return the version of the schema, 0 for an empty database; raises where the database is not a journal or is a newer one."""
    from sqlalchemy import inspect, text

    tables = inspect(connection).get_table_names()
    if APPLIED not in tables:
        if tables and connection.dialect.name == "sqlite":
            message = f"{place} is a database, but not a journal: it holds {', '.join(sorted(tables)[:3])}."
            raise JournalDamaged(message, hint="Name another path for the journal.")
        return 0
    version: int = connection.execute(text(f"SELECT coalesce(max(version), 0) FROM {APPLIED}")).scalar_one()  # noqa: S608 - our own name
    if version > len(STEPS):
        message = f"{place} has schema version {version}; this mallku knows versions up to {len(STEPS)}."
        raise JournalTooNew(message, hint="Upgrade mallku, or name another journal.")
    return version


def migrate(connection: "Connection", *, place: str, applied_at: str, steps: Sequence[Step] = STEPS) -> None:
    """Take the steps that are missing, within the caller's transaction."""
    from sqlalchemy import text

    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": APPLIED})
    version = version_of(connection, place=place)
    if version == 0:
        _run(
            connection, f"CREATE TABLE IF NOT EXISTS {APPLIED} (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at TEXT NOT NULL)"
        )
    for number, step in enumerate(steps[version:], start=version + 1):
        step(connection)
        insert = f"INSERT INTO {APPLIED} (version, name, applied_at) VALUES (:version, :name, :at)"  # noqa: S608 - our own name
        connection.execute(text(insert), {"version": number, "name": step.__name__.lstrip("_"), "at": applied_at})


def _run(connection: "Connection", *statements: str) -> None:
    from sqlalchemy import text

    for statement in statements:
        connection.execute(text(statement))
