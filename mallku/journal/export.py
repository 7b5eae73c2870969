"""A deliberation as one text, hash chain included, so that it can be read, verified and taken over elsewhere."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal

from mallku.errors import JournalDamaged, JournalTooNew
from mallku.journal.chain import Entry, Verification, check
from mallku.journal.contract import Journal

FORMAT: Final = "mallku-deliberation"
VERSION: Final = 1

ExportFormat = Literal["json", "jsonl"]
"""One JSON object, or a line of JSON for the head and for each event."""


async def export_deliberation(journal: Journal, deliberation: str, *, form: ExportFormat = "json") -> str:
    """Return a whole deliberation as text."""
    return write_export(await journal.entries(deliberation), form=form)


async def import_deliberation(journal: Journal, text: str) -> str:
    """Add an exported deliberation to a journal, byte by byte, and return its id; raises `JournalDamaged` if anything in it was changed."""
    verification = verify_export(text)
    if not verification.intact:
        hint = "Get the export again from its origin."
        raise JournalDamaged(f"the export of {verification.deliberation!r} was changed: {verification.problem}.", hint=hint)
    _, entries = _parts(text)
    await journal.restore(entries)
    return entries[0].deliberation


def write_export(entries: Sequence[Entry], *, form: ExportFormat = "json") -> str:
    """Write stored lines as text; there is at least one."""
    head = {
        "format": FORMAT,
        "version": VERSION,
        "deliberation": entries[0].deliberation,
        "events": len(entries),
        "head": entries[-1].hash,
    }
    lines = [f'{{"seq":{entry.seq},"hash":"{entry.hash}","event":{entry.body}}}' for entry in entries]
    if form == "jsonl":
        return "\n".join([json.dumps(head), *lines]) + "\n"
    return json.dumps(head)[:-1] + ', "record": [\n' + ",\n".join(lines) + "\n]}\n"


def read_export(text: str) -> list[Entry]:
    """Read stored lines from an export in either form, without verifying them."""
    return _parts(text)[1]


def verify_export(text: str, *, head: str = "") -> Verification:
    """Recompute the hash chain of an export; with `head`, noted elsewhere, also prove that it is that very record."""
    told, entries = _parts(text)
    deliberation = str(told.get("deliberation", ""))
    verification = check(deliberation, entries, head=head or str(told.get("head", "")))
    if verification.intact and told.get("events") != len(entries):
        problem = f"the export says that it holds {told.get('events')!r} events and holds {len(entries)}"
        return Verification(deliberation=deliberation, intact=False, events=len(entries), head=verification.head, problem=problem)
    return verification


def _parts(text: str) -> tuple[dict[str, Any], list[Entry]]:
    """Take an export apart into what it says of itself and its lines."""
    try:
        whole = _parsed(text)
        records = whole.pop("record", None) if isinstance(whole, dict) else None
    except ValueError:
        whole, records = _lines(text)
    if not isinstance(whole, dict) or whole.get("format") != FORMAT:
        raise JournalDamaged("this text is no export of a deliberation.", hint="Make one with `mallku export ID`.")
    if whole.get("version") != VERSION:
        message = f"the export is of version {whole.get('version')!r}; this mallku reads version {VERSION}."
        raise JournalTooNew(message, hint="Upgrade mallku to read it.")
    if not isinstance(records, list):
        records = []
    return whole, [_entry(record) for record in records]


def _lines(text: str) -> tuple[Any, list[Any]]:
    try:
        parsed = [_parsed(line) for line in text.split("\n") if line.strip()]
    except ValueError as error:
        raise JournalDamaged("this text is no export of a deliberation, or was cut off.", hint="Export it again.") from error
    return (parsed[0], parsed[1:]) if parsed else (None, [])


def _parsed(text: str) -> Any:
    # A name given twice would be read one way here and another way elsewhere, behind one and the same hash.
    return json.loads(text, object_pairs_hook=_without_repeats)


def _without_repeats(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in pairs:
        if name in made:
            raise JournalDamaged(f"the export gives {name!r} twice in one object.", hint="Get it again from its origin.")
        made[name] = value
    return made


def _entry(record: Any) -> Entry:
    event = record.get("event") if isinstance(record, dict) else None
    if not isinstance(event, dict) or not isinstance(record.get("hash"), str) or not isinstance(record.get("seq"), int):
        raise JournalDamaged("a line of the export is not an event with its hash.", hint="Get it again from its origin.")
    try:
        body = json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        body.encode()
    except ValueError as error:
        raise JournalDamaged(f"event {record['seq']} of the export holds what no record can.", hint="Get it again.") from error
    return Entry(
        deliberation=str(event.get("deliberation", "")),
        seq=record["seq"],
        kind=str(event.get("kind", "")),
        at=str(event.get("at", "")),
        caused_by=str(event.get("caused_by", "")),
        body=body,
        hash=record["hash"],
    )
