"""The seam every journal implements, and what it answers with."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Literal, Protocol, Self, runtime_checkable

from mallku.events.kinds import AnyEvent
from mallku.journal.chain import Entry, Verification

DeliberationStatus = Literal["open", "complete", "degraded", "failed", "stopped", "interrupted"]
"""How far a deliberation has come: `open` while it runs, or after its process died; `interrupted` if it was left to be resumed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliberationSummary:
    """One line about a deliberation."""

    id: str
    """Id of the deliberation."""
    question: str
    """What the circle deliberates on."""
    convened_at: datetime
    """When its first event happened, in UTC."""
    last_at: datetime
    """When its last event happened, in UTC."""
    status: DeliberationStatus
    """How far it has come."""
    statements: int
    """Statements made so far."""
    last_seq: int
    """Sequence number of the last event."""
    head: str
    """Hash of the last event; who keeps it can later prove that nothing was changed or cut off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchHit:
    """A text in which the words were found."""

    deliberation: str
    """Id of the deliberation."""
    question: str
    """What that deliberation was about."""
    seq: int
    """Sequence number of the event that holds the text."""
    turn: str
    """Id of the turn, or empty where the text is no statement."""
    seat: str
    """Who said it, or empty."""
    source: Literal["question", "statement", "dissent", "remark", "verdict"]
    """What kind of text it is."""
    text: str
    """The whole text."""
    excerpt: str
    """The part around the first word found, with `…` where it was cut."""


@runtime_checkable
class Journal(Protocol):
    """The append-only store of events.

    Contract:

    * Events of one deliberation have the sequence numbers 1, 2, 3 … without a gap; an `append` that would leave one, repeat one, or mix
      deliberations raises `JournalError` and changes nothing.
    * An `append` is one transaction: all of its events are kept, or none. When it returns they outlive the death of the process and,
      if it was `durable`, a power failure.
    * Once begun, an `append` is carried out even if the caller is cancelled; the cancellation is delivered afterwards. So after a
      cancelled `append` the events are there.
    * Every method but `close` raises a `JournalError` if the record cannot be read or written, with the remedy in its hint.
    * Nothing blocks the event loop.
    """

    @property
    def place(self) -> str:
        """Where the journal is kept, fit to be shown; never with a password."""
        ...

    async def append(self, events: Sequence[AnyEvent], *, durable: bool = True) -> None:
        """Add events of one deliberation at its end; `durable=False` may lose them in a power failure, never in a crash of the process."""
        ...

    async def events(self, deliberation: str, *, after: int = 0) -> list[AnyEvent]:
        """Return the events with a sequence number above `after`, in order; raises `UnknownDeliberation`."""
        ...

    async def entries(self, deliberation: str) -> list[Entry]:
        """Return the lines as they are stored, hashes included; raises `UnknownDeliberation`."""
        ...

    async def restore(self, entries: Sequence[Entry]) -> None:
        """Add a whole deliberation from elsewhere, byte by byte; raises `JournalDamaged` if its chain is broken or it is here already."""
        ...

    async def deliberations(self) -> list[DeliberationSummary]:
        """Return all deliberations, the one convened last first."""
        ...

    async def resolve(self, prefix: str) -> str:
        """Return the one id that begins with `prefix`; raises `UnknownDeliberation` naming the near ones."""
        ...

    async def verify(self, deliberation: str, *, head: str = "") -> Verification:
        """Recompute the hash chain and say which event is the first that does not fit, or that it does not end in the `head` given."""
        ...

    async def search(self, words: str, *, match: Literal["all", "any"] = "all", limit: int = 50) -> list[SearchHit]:
        """Find texts that hold all (or any) of the words or words that begin with them, case and accents aside, best first."""
        ...

    def lease(self, deliberation: str) -> AbstractAsyncContextManager[None]:
        """Hold the right to run a deliberation; raises `JournalLocked` if somebody holds it. A dead holder holds nothing."""
        ...

    async def close(self) -> None:
        """Give back files, connections and threads; may be called again."""
        ...

    async def __aenter__(self) -> Self:
        """Enter a block that ends with `close()`."""
        ...

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /) -> None:
        """Close."""
        ...
