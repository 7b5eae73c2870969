"""What a journal keeps beside the events so that it can list and find: folded from them, never the truth."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Literal

from mallku.errors import UnknownDeliberation
from mallku.events.kinds import (
    AnyEvent,
    BallotCounted,
    ConvenerRemarked,
    DeliberationConvened,
    DeliberationEnded,
    DeliberationInterrupted,
    DeliberationResumed,
    DissentRecorded,
    StatementMade,
)
from mallku.journal.chain import GENESIS
from mallku.journal.contract import DeliberationStatus, DeliberationSummary

_IDEOGRAPH = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(f"[{_IDEOGRAPH}]|[^\\W_{_IDEOGRAPH}]+")
_CONTROL = re.compile("[\x00\ud800-\udfff]")
_NEAR = 5
_EXCERPT = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundText:
    """A text that can be searched for."""

    seq: int
    """Sequence number of the event that holds it."""
    turn: str = ""
    """Id of the turn, or empty."""
    seat: str = ""
    """Who said it, or empty."""
    source: Literal["question", "statement", "dissent", "remark", "verdict"]
    """What kind of text it is."""
    text: str
    """The text, without what no database can hold."""


def summary_after(events: Sequence[AnyEvent], before: DeliberationSummary | None, *, head: str) -> DeliberationSummary:
    """Carry a deliberation's summary over some further events, of which there is at least one."""
    first, last = events[0], events[-1]
    summary = before or DeliberationSummary(
        id=first.deliberation,
        question="",
        convened_at=first.at,
        last_at=first.at,
        status="open",
        statements=0,
        last_seq=0,
        head=GENESIS,
    )
    question, status = summary.question, summary.status
    for event in events:
        if isinstance(event, DeliberationConvened):
            question = storable(event.question)
        status = _status_after(event, status)
    statements = summary.statements + sum(isinstance(event, StatementMade) for event in events)
    return replace(summary, question=question, status=status, statements=statements, last_at=last.at, last_seq=last.seq, head=head)


def _status_after(event: AnyEvent, status: DeliberationStatus) -> DeliberationStatus:
    if isinstance(event, DeliberationEnded):
        return event.status
    if isinstance(event, DeliberationInterrupted):
        return "interrupted"
    if isinstance(event, DeliberationResumed):
        return "open"
    return status


def texts_of(events: Iterable[AnyEvent]) -> Iterator[FoundText]:
    """Yield the texts of these events that one may search for."""
    for event in events:
        if isinstance(event, DeliberationConvened):
            yield FoundText(seq=event.seq, source="question", text=storable(event.question))
        elif isinstance(event, StatementMade):
            yield FoundText(seq=event.seq, turn=event.turn, seat=event.seat, source="statement", text=storable(event.text))
        elif isinstance(event, DissentRecorded):
            yield FoundText(seq=event.seq, turn=event.turn, seat=event.seat, source="dissent", text=storable(event.text))
        elif isinstance(event, ConvenerRemarked):
            yield FoundText(seq=event.seq, turn=event.turn, source="remark", text=storable(event.text))
        elif isinstance(event, BallotCounted) and event.stage == "final" and event.verdict.text:
            yield FoundText(seq=event.seq, source="verdict", text=storable(event.verdict.text))


def storable(text: str) -> str:
    """Replace NUL and lone surrogates, which some databases cannot hold as text."""
    return _CONTROL.sub("\ufffd", text)


def words_of(text: str) -> list[str]:
    """Split a text into words for searching: without case and accents, each ideograph by itself."""
    if text.isascii():
        return _WORD.findall(text.lower())
    plain = "".join(mark for mark in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(mark))
    return _WORD.findall(plain)


def excerpt(text: str, words: Sequence[str]) -> str:
    """Cut out the part around the first of `words` that the text holds."""
    line = " ".join(text.split())
    spans = (match.span() for match in re.finditer(r"\S+", line) if any(w.startswith(tuple(words)) for w in words_of(match.group())))
    middle = sum(next(spans, (0, 0))) // 2
    start = max(0, min(middle - _EXCERPT // 2, len(line) - _EXCERPT))
    end = min(len(line), start + _EXCERPT)
    return f"{'…' if start else ''}{line[start:end].strip()}{'…' if end < len(line) else ''}"


def resolve_among(prefix: str, beginning: Sequence[str], known: Sequence[str], *, place: str) -> str:
    """Return the one id in `beginning`, those of the `known` ids that begin with `prefix`, or explain why there is not just one."""
    if prefix in beginning:
        return prefix
    if len(beginning) == 1 and prefix:
        return beginning[0]
    if len(beginning) > 1 and prefix:
        near = ", ".join(repr(candidate) for candidate in beginning[:_NEAR])
        more = " and more" if len(beginning) > _NEAR else ""
        message = f"{len(beginning)} deliberations begin with {prefix!r}."
        raise UnknownDeliberation(message, hint=f"Add letters until one is left: {near}{more}.")
    raise unknown(prefix, known, place=place)


def unknown(deliberation: str, known: Sequence[str], *, place: str) -> UnknownDeliberation:
    """Say that no deliberation has this id, and which ones are near."""
    near = get_close_matches(deliberation, known, n=_NEAR, cutoff=0.5) or list(known[:_NEAR])
    hint = f"Near: {', '.join(map(repr, near))}." if near else "It holds none yet."
    return UnknownDeliberation(f"no deliberation {deliberation!r} in {place}.", hint=hint)
