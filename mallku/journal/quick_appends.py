"""Appends to a SQLite file: all that wait go into one transaction, by the driver itself, onto a remembered end of each deliberation.

A circle appends several times a turn, and the database toolkit needs more time for each statement than SQLite for the whole transaction.
"""

import sqlite3
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mallku.errors import JournalError
from mallku.events.kinds import AnyEvent
from mallku.journal.chain import GENESIS, forge
from mallku.journal.contract import DeliberationSummary
from mallku.journal.faults import in_our_words
from mallku.journal.outline import summary_after
from mallku.journal.sql import (
    INSERT_EVENT,
    INSERT_TEXT,
    SUMMARIES,
    UPSERT_SUMMARY,
    entry_row,
    positional,
    summary_from,
    summary_row,
    text_rows,
)

if TYPE_CHECKING:
    from sqlalchemy import Engine, PoolProxiedConnection

_MOST_TAILS: Final = 256


@dataclass(slots=True, eq=False)
class Append:
    """Events that are to be appended together, and what came of it."""

    events: Sequence[AnyEvent]
    """All of one deliberation, at least one."""
    durable: bool
    """Whether a power failure must not take them away."""
    done: bool = False
    """Whether it has been carried out or has failed."""
    error: JournalError | None = None
    """Why it failed, or None."""

    @property
    def deliberation(self) -> str:
        """Id of the deliberation."""
        return self.events[0].deliberation


class QuickAppends:
    """Carries out appends in the journal's thread. `put` may be called from any thread, all else only from that one."""

    def __init__(self, engine: "Engine", *, place: str) -> None:
        self._engine = engine
        self._place = place
        self._waiting: deque[Append] = deque()
        self._tails: dict[str, DeliberationSummary] = {}
        self._line: PoolProxiedConnection | None = None
        self._flushes: bool | None = None

    def put(self, append: Append) -> None:
        """Have an append wait for the next transaction."""
        self._waiting.append(append)

    def carry_out(self, append: Append) -> None:
        """Return once the append is in the journal, together with all that waited with it; raises what made it fail."""
        if not append.done:
            together: list[Append] = []
            while self._waiting:
                together.append(self._waiting.popleft())
            self._write(together)
        if append.error is not None:
            raise append.error

    def step_aside(self) -> None:
        """Give the connection back for other work."""
        if self._line is not None:
            self._line.close()
            self._line = self._flushes = None

    def _write(self, together: Sequence[Append]) -> None:
        """Write appends in one transaction; if it fails, each by itself, so that none falls with another."""
        try:
            self._transact(together)
        except JournalError as error:
            if len(together) == 1:
                together[0].error = error
            else:
                for one in together:
                    self._write([one])
        for one in together:
            one.done = True

    def _transact(self, together: Sequence[Append]) -> None:
        with in_our_words(self._place):
            connection = self._connected()
            flushes = any(one.durable for one in together)
            if flushes is not self._flushes:
                connection.execute(f"PRAGMA synchronous={'FULL' if flushes else 'NORMAL'}")
                self._flushes = flushes
            connection.execute("BEGIN IMMEDIATE")
            try:
                for one in together:
                    self._insert(connection, one)
                connection.execute("COMMIT")
            except BaseException:
                for one in together:
                    self._tails.pop(one.deliberation, None)
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def _insert(self, connection: sqlite3.Connection, append: Append) -> None:
        before = self._tail(connection, append.deliberation)
        try:
            self._insert_after(connection, append, before)
        except sqlite3.IntegrityError:
            # Somebody else has appended to this deliberation since its end was remembered.
            self._tails.pop(append.deliberation, None)
            self._insert_after(connection, append, self._tail(connection, append.deliberation))

    def _insert_after(self, connection: sqlite3.Connection, append: Append, before: DeliberationSummary | None) -> None:
        last_seq, head = (before.last_seq, before.head) if before else (0, GENESIS)
        entries = forge(append.events, last_seq=last_seq, head=head)
        summary = summary_after(append.events, before, head=entries[-1].hash)
        connection.executemany(positional(INSERT_EVENT), map(entry_row, entries))
        connection.execute(positional(UPSERT_SUMMARY), summary_row(summary))
        texts = text_rows(append.events)
        if texts:
            connection.executemany(positional(INSERT_TEXT), texts)
        if len(self._tails) >= _MOST_TAILS:
            del self._tails[next(iter(self._tails))]
        self._tails[append.deliberation] = summary

    def _tail(self, connection: sqlite3.Connection, deliberation: str) -> DeliberationSummary | None:
        known = self._tails.get(deliberation)
        if known is not None:
            return known
        row = connection.execute(f"{SUMMARIES} WHERE id = ?", (deliberation,)).fetchone()
        return summary_from(row) if row else None

    def _connected(self) -> sqlite3.Connection:
        if self._line is None:
            self._line = self._engine.raw_connection()
        connection = self._line.driver_connection
        assert isinstance(connection, sqlite3.Connection)
        return connection
