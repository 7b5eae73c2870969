"""The statements of an append, and SQL texts prepared once: making one anew costs more than the database needs to carry it out."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import datetime
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from mallku.errors import JournalDamaged
from mallku.events.kinds import AnyEvent
from mallku.journal.chain import Entry
from mallku.journal.contract import DeliberationSummary
from mallku.journal.outline import texts_of, words_of

if TYPE_CHECKING:
    from sqlalchemy import TextClause

_ENTRY: Final = tuple(field.name for field in fields(Entry))
_SUMMARY: Final = tuple(field.name for field in fields(DeliberationSummary))

INSERT_EVENT: Final = (
    "INSERT INTO journal_events (deliberation, seq, kind, at, caused_by, body, hash) "
    "VALUES (:deliberation, :seq, :kind, :at, :caused_by, :body, :hash)"
)
"""Takes an `entry_row`."""
UPSERT_SUMMARY: Final = (
    "INSERT INTO journal_deliberations (id, question, convened_at, last_at, status, statements, last_seq, head) "
    "VALUES (:id, :question, :convened_at, :last_at, :status, :statements, :last_seq, :head) "
    "ON CONFLICT (id) DO UPDATE SET question = excluded.question, last_at = excluded.last_at, status = excluded.status, "
    "statements = excluded.statements, last_seq = excluded.last_seq, head = excluded.head"
)
"""Takes a `summary_row`."""
INSERT_TEXT: Final = (
    "INSERT INTO journal_texts (words, deliberation, seq, turn, seat, source, text) "
    "VALUES (:words, :deliberation, :seq, :turn, :seat, :source, :text)"
)
"""Takes one of `text_rows`."""
SUMMARIES: Final = "SELECT id, question, convened_at, last_at, status, statements, last_seq, head FROM journal_deliberations"
"""Rows for `summary_from`."""

Row = tuple[Any, ...]
"""Values in the order in which the statement names them."""

entry_row: Final[Any] = attrgetter(*_ENTRY)
"""Return a line as a row."""


@cache
def sql(statement: str) -> "TextClause":
    """Return the statement as the database toolkit takes it."""
    from sqlalchemy import text

    return text(statement)


@cache
def positional(statement: str) -> str:
    """Return the statement with a `?` for each named value, as SQLite's driver takes rows."""
    return re.sub(r":\w+", "?", statement)


def named(statement: str, rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Return rows by the names under which the statement takes their values, as the database toolkit takes them."""
    names = re.findall(r":(\w+)", statement)
    return [dict(zip(names, row, strict=True)) for row in rows]


def text_rows(events: Sequence[AnyEvent]) -> list[Row]:
    """Return the texts of these events, all of one deliberation, that one may search for."""
    return [
        (" ".join(words_of(found.text)), events[0].deliberation, found.seq, found.turn, found.seat, found.source, found.text)
        for found in texts_of(events)
    ]


def summary_row(summary: DeliberationSummary) -> Row:
    """Return a summary as a row."""
    values = (getattr(summary, name) for name in _SUMMARY)
    return tuple(value.isoformat() if isinstance(value, datetime) else value for value in values)


def summary_from(row: Sequence[Any]) -> DeliberationSummary:
    """Read a summary from a row of `SUMMARIES`."""
    values = dict(zip(_SUMMARY, row, strict=True))
    try:
        moments = {name: datetime.fromisoformat(values[name]) for name in ("convened_at", "last_at")}
    except ValueError as error:
        raise JournalDamaged(f"deliberation {values['id']!r} has no readable time.", hint="Run `mallku verify`.") from error
    return DeliberationSummary(**values | moments)
