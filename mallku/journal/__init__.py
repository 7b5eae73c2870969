"""What we keep: the append-only store of events, its proof that nothing was edited, and the ways out of it.

Importing this package loads no database toolkit; that happens when a journal is opened.
"""

from mallku.journal.chain import Entry, Verification, chain_head
from mallku.journal.contract import DeliberationStatus, DeliberationSummary, Journal, SearchHit
from mallku.journal.export import export_deliberation, import_deliberation, verify_export
from mallku.journal.memory import MemoryJournal
from mallku.journal.opening import journal_place, open_journal

__all__ = [
    "DeliberationStatus",
    "DeliberationSummary",
    "Entry",
    "Journal",
    "MemoryJournal",
    "SearchHit",
    "Verification",
    "chain_head",
    "export_deliberation",
    "import_deliberation",
    "journal_place",
    "open_journal",
    "verify_export",
]
