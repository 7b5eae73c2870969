"""The hash chain: each event's hash covers its canonical JSON and the hash before it."""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mallku.errors import JournalError, JournalTooNew
from mallku.events.codec import canonical_json, canonical_text, from_json, to_data
from mallku.events.kinds import EVENT_KINDS, AnyEvent

GENESIS = "0" * 64
"""What stands before the first event."""

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A stored line: the event as text, and its place in the chain."""

    deliberation: str
    """Id of the deliberation."""
    seq: int
    """Sequence number, from 1."""
    kind: str
    """Kind of the event."""
    at: str
    """When it happened, as in the body."""
    caused_by: str
    """Id of the event that led to it, or empty."""
    body: str
    """Canonical JSON of the event."""
    hash: str
    """SHA-256, in hexadecimal, over the previous hash and the body."""

    def event(self) -> AnyEvent:
        """Read the event; raises `JournalTooNew` for a kind this version does not know, `JournalError` for anything else unreadable."""
        try:
            return from_json(self.body)
        except ValueError as error:
            where = f"event {self.seq} of deliberation {self.deliberation!r}"
            if self.kind not in EVENT_KINDS:
                hint = "A newer mallku wrote it; upgrade mallku to read it."
                raise JournalTooNew(f"{where} is of the unknown kind {self.kind!r}.", hint=hint) from error
            hint = "Run `mallku verify` to see whether it was edited."
            raise JournalError(f"{where} cannot be read as {self.kind!r}.", hint=hint) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What came of recomputing a hash chain."""

    deliberation: str
    """Id of the deliberation."""
    intact: bool
    """Whether everything fits."""
    events: int
    """How many events were read."""
    head: str
    """Hash of the last event that fits; all zeros if there is none."""
    first_bad: int | None = None
    """Sequence number of the first event that does not fit, or None if all do."""
    problem: str = ""
    """What does not fit, in a sentence; empty if all does."""


def link(previous: str, body: str) -> str:
    """Return the hash of an event with this canonical JSON after the one with hash `previous`."""
    return hashlib.sha256(f"{previous}{body}".encode()).hexdigest()


def body_of(event: AnyEvent) -> str:
    """Return the text that is stored: canonical JSON, with U+FFFD for lone surrogates, which no UTF-8 text can hold."""
    return _storable(canonical_json(event))


def _storable(text: str) -> str:
    return text if text.isascii() else _LONE_SURROGATE.sub("\ufffd", text)


def forge(events: Sequence[AnyEvent], *, last_seq: int, head: str) -> list[Entry]:
    """Make the lines that continue a chain; raises `JournalError` where they would not continue it."""
    entries: list[Entry] = []
    for event in events:
        if not event.recorded:
            raise JournalError(f"a {event.kind!r} event is not kept in a journal.", hint="Publish it on the bus only.")
        if event.deliberation != events[0].deliberation:
            deliberations = f"{events[0].deliberation!r} and {event.deliberation!r}"
            raise JournalError(f"one append held events of {deliberations}.", hint="Append each deliberation's events by themselves.")
        if event.seq != last_seq + 1:
            raise JournalError(
                f"event {event.seq} of deliberation {event.deliberation!r} cannot follow event {last_seq}.",
                hint="Somebody else may have gone on with this deliberation: read its events again and hold its lease while you append.",
            )
        fields = to_data(event)
        body = _storable(canonical_text(fields))
        head = link(head, body)
        last_seq = event.seq
        entries.append(
            Entry(
                deliberation=event.deliberation,
                seq=event.seq,
                kind=event.kind,
                at=fields["at"],
                caused_by=_storable(fields["caused_by"]),
                body=body,
                hash=head,
            )
        )
    return entries


def chain_head(events: Iterable[AnyEvent]) -> str:
    """Return the hash of the last of a deliberation's recorded events, all of them given from the first on."""
    head = GENESIS
    for event in events:
        head = link(head, body_of(event))
    return head


def check(deliberation: str, entries: Sequence[Entry], *, head: str = "") -> Verification:
    """Recompute the chain of a deliberation's lines; with `head` it must also end there."""
    previous = GENESIS
    for index, entry in enumerate(entries):
        problem = _misfit(deliberation, entry, index + 1, previous)
        if problem:
            missing_one = entry.seq > index + 1
            first_bad = index + 1 if missing_one else entry.seq
            return Verification(
                deliberation=deliberation, intact=False, events=len(entries), head=previous, first_bad=first_bad, problem=problem
            )
        previous = entry.hash
    if head and previous != head:
        problem = f"event {len(entries) + 1} is missing: the chain ends in {previous[:12]}… and not in {head[:12]}…"
        return Verification(
            deliberation=deliberation, intact=False, events=len(entries), head=previous, first_bad=len(entries) + 1, problem=problem
        )
    return Verification(deliberation=deliberation, intact=True, events=len(entries), head=previous)


def _misfit(deliberation: str, entry: Entry, expected_seq: int, previous: str) -> str:
    """Say what is wrong with a line, or nothing."""
    if entry.seq != expected_seq:
        return f"event {expected_seq} is missing; event {entry.seq} stands in its place"
    if link(previous, entry.body) != entry.hash:
        return f"event {entry.seq} does not have the hash that its text and the event before it give: one of them was edited"
    try:
        fields = json.loads(entry.body)
    except ValueError:
        return f"event {entry.seq} is not JSON"
    told = {"deliberation": deliberation, "seq": entry.seq, "kind": entry.kind, "at": entry.at, "caused_by": entry.caused_by}
    stored = {name: fields.get(name) for name in told} if isinstance(fields, dict) else {}
    wrong = [name for name in told if stored.get(name) != told[name]]
    if wrong:
        return f"event {entry.seq} is filed under another {wrong[0]} than its text says"
    return ""
