"""A journal that lives as long as its process and needs no database: for scripts, trials and tests."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Literal, Self

from mallku.errors import JournalDamaged, JournalLocked
from mallku.events.kinds import AnyEvent
from mallku.journal.chain import GENESIS, Entry, Verification, check, forge
from mallku.journal.contract import DeliberationSummary, SearchHit
from mallku.journal.outline import excerpt, resolve_among, summary_after, texts_of, unknown, words_of


class MemoryJournal:
    """A `Journal` in memory."""

    place = "memory"
    """Where the journal is kept."""

    def __init__(self) -> None:
        self._entries: dict[str, list[Entry]] = {}
        self._summaries: dict[str, DeliberationSummary] = {}
        self._leases: set[str] = set()

    async def append(self, events: Sequence[AnyEvent], *, durable: bool = True) -> None:  # noqa: ARG002 - memory outlives nothing
        """Add events of one deliberation at its end."""
        if not events:
            return
        before = self._summaries.get(events[0].deliberation)
        last_seq, head = (before.last_seq, before.head) if before else (0, GENESIS)
        self._add(forge(events, last_seq=last_seq, head=head), events, before)

    def _add(self, entries: Sequence[Entry], events: Sequence[AnyEvent], before: DeliberationSummary | None) -> None:
        deliberation = entries[0].deliberation
        self._summaries[deliberation] = summary_after(events, before, head=entries[-1].hash)
        self._entries.setdefault(deliberation, []).extend(entries)

    async def events(self, deliberation: str, *, after: int = 0) -> list[AnyEvent]:
        """Return the events with a sequence number above `after`, in order."""
        return [entry.event() for entry in await self.entries(deliberation) if entry.seq > after]

    async def entries(self, deliberation: str) -> list[Entry]:
        """Return the lines as they are stored, hashes included."""
        if deliberation not in self._entries:
            raise unknown(deliberation, list(self._entries), place=self.place)
        return list(self._entries[deliberation])

    async def restore(self, entries: Sequence[Entry]) -> None:
        """Add a whole deliberation from elsewhere, byte by byte."""
        refuse_broken(entries, is_here=bool(entries) and entries[0].deliberation in self._entries)
        self._add(entries, [entry.event() for entry in entries], None)

    async def deliberations(self) -> list[DeliberationSummary]:
        """Return all deliberations, the one convened last first."""
        return sorted(self._summaries.values(), key=lambda summary: (summary.convened_at, summary.id), reverse=True)

    async def resolve(self, prefix: str) -> str:
        """Return the one id that begins with `prefix`."""
        known = sorted(self._entries)
        return resolve_among(prefix, [one for one in known if one.startswith(prefix)], known, place=self.place)

    async def verify(self, deliberation: str, *, head: str = "") -> Verification:
        """Recompute the hash chain."""
        return check(deliberation, await self.entries(deliberation), head=head or self._summaries[deliberation].head)

    async def search(self, words: str, *, match: Literal["all", "any"] = "all", limit: int = 50) -> list[SearchHit]:
        """Find texts that hold all (or any) of the words or words that begin with them."""
        wanted = words_of(words)
        quantifier = all if match == "all" else any
        found: list[tuple[float, SearchHit]] = []
        for deliberation, entries in self._entries.items():
            for text in texts_of(entry.event() for entry in entries):
                present = words_of(text.text)
                counts = [sum(word.startswith(one) for word in present) for one in wanted]
                if wanted and quantifier(counts):
                    hit = SearchHit(
                        deliberation=deliberation,
                        question=self._summaries[deliberation].question,
                        seq=text.seq,
                        turn=text.turn,
                        seat=text.seat,
                        source=text.source,
                        text=text.text,
                        excerpt=excerpt(text.text, wanted),
                    )
                    found.append((sum(map(bool, counts)) + sum(counts) / (len(present) + 1), hit))
        found.sort(key=lambda pair: -pair[0])
        return [hit for _, hit in found[:limit]]

    @asynccontextmanager
    async def lease(self, deliberation: str) -> AsyncIterator[None]:
        """Hold the right to run a deliberation."""
        if deliberation in self._leases:
            raise JournalLocked(f"deliberation {deliberation!r} is already running.", hint="Wait for it to end, or stop it.")
        self._leases.add(deliberation)
        try:
            yield
        finally:
            self._leases.discard(deliberation)

    async def close(self) -> None:
        """Do nothing: what it holds can still be read."""

    async def __aenter__(self) -> Self:
        """Enter a block that ends with `close()`."""
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close."""
        await self.close()


def refuse_broken(entries: Sequence[Entry], *, is_here: bool) -> None:
    """Raise `JournalDamaged` for lines that are no whole, intact deliberation, or one that is here already."""
    if not entries:
        raise JournalDamaged("there is no event in what is to be restored.", hint="Export the deliberation again.")
    if is_here:
        hint = "A journal is never overwritten; remove nothing, and compare the two with `mallku verify`."
        raise JournalDamaged(f"deliberation {entries[0].deliberation!r} is in this journal already.", hint=hint)
    verification = check(entries[0].deliberation, entries)
    if not verification.intact:
        hint = "The record was edited or cut on its way; get it again from its origin."
        raise JournalDamaged(f"what is to be restored is not whole: {verification.problem}.", hint=hint)
