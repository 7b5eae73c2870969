"""The journal in a database: SQLite in a file, or PostgreSQL by its address. Only this package knows SQLAlchemy."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from mallku.errors import JournalError, JournalLocked, JournalReadOnly
from mallku.events.codec import now
from mallku.events.kinds import AnyEvent
from mallku.journal.chain import GENESIS, Entry, Verification, check, forge
from mallku.journal.contract import DeliberationSummary, SearchHit
from mallku.journal.engines import WRITING, postgresql_engine, sqlite_engine
from mallku.journal.faults import in_our_words
from mallku.journal.lease import file_lease
from mallku.journal.memory import refuse_broken
from mallku.journal.migrations import STEPS, insert_texts, migrate, version_of
from mallku.journal.outline import excerpt, resolve_among, storable, summary_after, unknown, words_of
from mallku.journal.quick_appends import Append, QuickAppends
from mallku.journal.sql import INSERT_EVENT, SUMMARIES, UPSERT_SUMMARY, entry_row, named, sql, summary_from, summary_row

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

Result = TypeVar("Result")

_ENTRIES = (
    "SELECT deliberation, seq, kind, at, caused_by, body, hash FROM journal_events "
    "WHERE deliberation = :deliberation AND seq > :after ORDER BY seq"
)
_HITS = (
    "SELECT t.deliberation, t.seq, t.turn, t.seat, t.source, t.text, d.question "
    "FROM journal_texts t JOIN journal_deliberations d ON d.id = t.deliberation"
)
_LOCK = "SELECT pg_try_advisory_lock(hashtextextended(:id, 0))"
_UNLOCK = "SELECT pg_advisory_unlock(hashtextextended(:id, 0))"
_FIND = {
    "sqlite": f"{_HITS} WHERE journal_texts MATCH :query ORDER BY rank, d.convened_at DESC, t.seq LIMIT :limit",
    "postgresql": f"{_HITS} WHERE to_tsvector('simple', t.words) @@ to_tsquery('simple', :query) "
    "ORDER BY ts_rank(to_tsvector('simple', t.words), to_tsquery('simple', :query)) DESC, d.convened_at DESC, t.seq LIMIT :limit",
}


class SqlJournal:
    """A `Journal` in a database. All its work is done in one thread of its own."""

    def __init__(self, engine: "Engine", *, place: str, path: Path | None, readonly: bool) -> None:
        self.place = place
        """Where the journal is kept."""
        self._engine = engine
        self._path = path
        self._readonly = readonly
        self._quick = QuickAppends(engine, place=place) if path is not None else None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")
        self._lease_session: Connection | None = None
        self._leases: set[str] = set()
        self._closed = False

    @classmethod
    async def open(cls, place: str, *, readonly: bool = False, patience_s: float = 10.0) -> Self:
        """Open the journal at a path or address and bring its schema up to date."""
        if "://" in place:
            engine, shown = await asyncio.to_thread(postgresql_engine, place, readonly=readonly, patience_s=patience_s)
            journal = cls(engine, place=shown, path=None, readonly=readonly)
        else:
            path = Path(place)
            engine = await asyncio.to_thread(sqlite_engine, path, readonly=readonly, patience_s=patience_s)
            journal = cls(engine, place=place, path=path, readonly=readonly)
        try:
            await journal._in_thread(journal._prepare)
        except BaseException:
            await journal.close()
            raise
        return journal

    def _prepare(self) -> None:
        with self._reading() as connection:
            version = version_of(connection, place=self.place)
        if version == len(STEPS):
            return
        if self._readonly:
            message = f"{self.place} has schema version {version} and cannot be brought to version {len(STEPS)} while it is only read."
            raise JournalReadOnly(message, hint="Open it once for writing, for instance with `mallku list`.")
        with self._writing(durable=True) as connection:
            migrate(connection, place=self.place, applied_at=now().isoformat())

    @contextmanager
    def _reading(self) -> Iterator["Connection"]:
        self._have_quick_appends_step_aside()
        with in_our_words(self.place), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def _writing(self, *, durable: bool) -> Iterator["Connection"]:
        if self._readonly:
            raise JournalReadOnly(f"{self.place} was opened only for reading.", hint="Open it without readonly=True.")
        self._have_quick_appends_step_aside()
        with in_our_words(self.place), self._engine.connect() as connection:
            connection = connection.execution_options(**{WRITING: "durable" if durable else "quick"})  # noqa: PLW2901 - the same one
            with connection.begin():
                yield connection

    def _have_quick_appends_step_aside(self) -> None:
        if self._quick is not None:
            self._quick.step_aside()

    async def _in_thread(self, work: Callable[..., Result], *args: Any, **named: Any) -> Result:
        """Do work in the journal's thread, to its end even if the caller is cancelled meanwhile."""
        if self._closed:
            raise JournalError(f"{self.place} is closed.", hint="Open it again.")
        job = asyncio.get_running_loop().run_in_executor(self._thread, partial(work, *args, **named))
        try:
            return await asyncio.shield(job)
        except asyncio.CancelledError:
            await asyncio.wait([job])
            if not job.cancelled() and (error := job.exception()):
                raise error from None
            raise

    async def append(self, events: Sequence[AnyEvent], *, durable: bool = True) -> None:
        """Add events of one deliberation at its end."""
        if not events:
            return
        if self._quick is None or self._readonly:
            await self._in_thread(self._append, tuple(events), durable=durable)
        else:
            append = Append(tuple(events), durable)
            self._quick.put(append)
            await self._in_thread(self._quick.carry_out, append)

    def _append(self, events: Sequence[AnyEvent], *, durable: bool) -> None:
        with self._writing(durable=durable) as connection:
            before = self._summary(connection, events[0].deliberation, lock=True)
            last_seq, head = (before.last_seq, before.head) if before else (0, GENESIS)
            self._insert(connection, forge(events, last_seq=last_seq, head=head), events, before)

    def _insert(
        self, connection: "Connection", entries: Sequence[Entry], events: Sequence[AnyEvent], before: DeliberationSummary | None
    ) -> None:
        connection.execute(sql(INSERT_EVENT), named(INSERT_EVENT, map(entry_row, entries)))
        summary = summary_after(events, before, head=entries[-1].hash)
        connection.execute(sql(UPSERT_SUMMARY), named(UPSERT_SUMMARY, [summary_row(summary)]))
        insert_texts(connection, events)

    def _summary(self, connection: "Connection", deliberation: str, *, lock: bool = False) -> DeliberationSummary | None:
        statement = f"{SUMMARIES} WHERE id = :id{' FOR UPDATE' if lock and self._path is None else ''}"
        row = connection.execute(sql(statement), {"id": deliberation}).one_or_none()
        return summary_from(row) if row else None

    async def events(self, deliberation: str, *, after: int = 0) -> list[AnyEvent]:
        """Return the events with a sequence number above `after`, in order."""
        return await self._in_thread(lambda: [entry.event() for entry in self._entries(deliberation, after=after)])

    async def entries(self, deliberation: str) -> list[Entry]:
        """Return the lines as they are stored, hashes included."""
        return await self._in_thread(self._entries, deliberation)

    def _entries(self, deliberation: str, *, after: int = 0) -> list[Entry]:
        with self._reading() as connection:
            rows = connection.execute(sql(_ENTRIES), {"deliberation": deliberation, "after": after}).mappings().all()
            if not rows and (after == 0 or self._summary(connection, deliberation) is None):
                raise unknown(deliberation, self._ids(connection), place=self.place)
        return [Entry(**row) for row in rows]

    async def restore(self, entries: Sequence[Entry]) -> None:
        """Add a whole deliberation from elsewhere, byte by byte."""
        await self._in_thread(self._restore, tuple(entries))

    def _restore(self, entries: Sequence[Entry]) -> None:
        with self._writing(durable=True) as connection:
            refuse_broken(entries, is_here=bool(entries) and self._summary(connection, entries[0].deliberation) is not None)
            self._insert(connection, entries, [entry.event() for entry in entries], None)

    async def deliberations(self) -> list[DeliberationSummary]:
        """Return all deliberations, the one convened last first."""
        return await self._in_thread(self._deliberations)

    def _deliberations(self) -> list[DeliberationSummary]:
        with self._reading() as connection:
            rows = connection.execute(sql(f"{SUMMARIES} ORDER BY convened_at DESC, id DESC")).all()
        return [summary_from(row) for row in rows]

    def _ids(self, connection: "Connection") -> list[str]:
        return list(connection.execute(sql("SELECT id FROM journal_deliberations ORDER BY id")).scalars())

    async def resolve(self, prefix: str) -> str:
        """Return the one id that begins with `prefix`."""
        return await self._in_thread(self._resolve, prefix)

    def _resolve(self, prefix: str) -> str:
        with self._reading() as connection:
            known = self._ids(connection)
        return resolve_among(prefix, [one for one in known if one.startswith(prefix)], known, place=self.place)

    async def verify(self, deliberation: str, *, head: str = "") -> Verification:
        """Recompute the hash chain."""
        return await self._in_thread(self._verify, deliberation, head=head)

    def _verify(self, deliberation: str, *, head: str) -> Verification:
        with self._reading() as connection:
            summary = self._summary(connection, deliberation)
        try:
            entries = self._entries(deliberation)
        except JournalError:
            if summary is None:
                raise
            entries = []
        return check(deliberation, entries, head=head or (summary.head if summary else ""))

    async def search(self, words: str, *, match: Literal["all", "any"] = "all", limit: int = 50) -> list[SearchHit]:
        """Find texts that hold all (or any) of the words or words that begin with them."""
        wanted = words_of(words)
        return await self._in_thread(self._search, wanted, match=match, limit=limit) if wanted else []

    def _search(self, wanted: Sequence[str], *, match: Literal["all", "any"], limit: int) -> list[SearchHit]:
        dialect = self._engine.dialect.name
        if dialect == "sqlite":
            query = (" " if match == "all" else " OR ").join(f'"{word}"*' for word in wanted)
        else:
            query = (" & " if match == "all" else " | ").join(f"{word}:*" for word in wanted)
        with self._reading() as connection:
            rows = connection.execute(sql(_FIND[dialect]), {"query": query, "limit": limit}).mappings().all()
        return [SearchHit(**row, excerpt=excerpt(row["text"], wanted)) for row in rows]

    @asynccontextmanager
    async def lease(self, deliberation: str) -> AsyncIterator[None]:
        """Hold the right to run a deliberation."""
        if self._readonly:
            raise JournalReadOnly(f"{self.place} was opened only for reading.", hint="Open it without readonly=True.")
        if self._path is not None:
            with file_lease(self._path, deliberation):
                yield
            return
        await self._in_thread(self._take_advisory_lock, deliberation)
        try:
            yield
        finally:
            await self._in_thread(self._free_advisory_lock, deliberation)

    def _take_advisory_lock(self, deliberation: str) -> None:
        """Take a lock of the one PostgreSQL session that keeps this journal's leases; it ends with that session."""
        from sqlalchemy import text
        from sqlalchemy.exc import DBAPIError

        with in_our_words(self.place):
            # A session may take the same lock twice: its own leases are told apart here.
            taken = deliberation not in self._leases
            if taken:
                key = {"id": storable(deliberation)}
                try:
                    taken = self._session_of_leases().execute(text(_LOCK), key).scalar_one()
                except DBAPIError as error:
                    if not error.connection_invalidated:
                        raise
                    taken = self._session_of_leases().execute(text(_LOCK), key).scalar_one()
        if not taken:
            raise JournalLocked(f"deliberation {deliberation!r} is already running.", hint="Wait for it to end, or stop it; then resume.")
        self._leases.add(deliberation)

    def _session_of_leases(self) -> "Connection":
        if self._lease_session is None or self._lease_session.invalidated:
            if self._lease_session is not None:
                self._lease_session.close()
            self._lease_session = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        return self._lease_session

    def _free_advisory_lock(self, deliberation: str) -> None:
        from sqlalchemy import text
        from sqlalchemy.exc import DBAPIError

        self._leases.discard(deliberation)
        if self._lease_session is None or self._lease_session.invalidated:
            return
        with in_our_words(self.place):
            try:
                self._lease_session.execute(text(_UNLOCK), {"id": storable(deliberation)})
            except DBAPIError as error:
                # A session that was cut has taken its locks with it.
                if not error.connection_invalidated:
                    raise

    async def close(self) -> None:
        """Give back the connections and the thread."""
        if not self._closed:
            job = asyncio.get_running_loop().run_in_executor(self._thread, self._let_go)
            self._closed = True
            await asyncio.wait([job])
            self._thread.shutdown(wait=False)

    def _let_go(self) -> None:
        self._have_quick_appends_step_aside()
        if self._lease_session is not None:
            self._lease_session.close()
        self._engine.dispose()

    async def __aenter__(self) -> Self:
        """Enter a block that ends with `close()`."""
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close."""
        await self.close()
