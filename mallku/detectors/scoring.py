"""Scores of whole files, transcripts and tables, so that anyone can use the detectors on their own texts."""

import csv
import io
import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from mallku.detectors.default import full_panel
from mallku.detectors.detector import JudgedTurn
from mallku.detectors.panel import Panel
from mallku.detectors.replies import answered
from mallku.detectors.texts import InputFormat, Item, OnFault, items_of, read_items
from mallku.dialogue.score import Score, TurnScores
from mallku.dialogue.transcript import Transcript

OutputFormat = Literal["jsonl", "csv", "table"]
"""Formats that can be written."""

MOST_ANSWERED = 3
"""How many of the earlier speakers that a turn may answer are named in a row."""
_TOPICS = ("privacy", "community", "resource_talk")


def score_transcript(transcript: Transcript, *, panel: Panel | None = None, seats: Sequence[str] = ()) -> tuple[TurnScores, ...]:
    """Judge every statement of a transcript, each after those before it."""
    judges = panel or full_panel()
    said = transcript.statements
    names = tuple(seats) or tuple(dict.fromkeys(statement.seat for statement in said))
    return tuple(
        judges.judge(JudgedTurn(statement=statement, previous=said[:index], question=transcript.question, seats=names))
        for index, statement in enumerate(said)
    )


def score_table(rows: Any, *, panel: Panel | None = None) -> list[dict[str, Any]]:
    """Judge a data frame, or any sequence of mappings, with the columns that `read_items` knows; one row of scores per row."""
    records: Iterable[Mapping[str, Any]] = rows.to_dict("records") if hasattr(rows, "to_dict") else rows
    judges = panel or full_panel()
    return [row_of(item, judges.judge(item.turn)) for item in items_of(enumerate(records, 1), "the table")]


def score_file(
    path: Path, *, input_format: InputFormat | None = None, panel: Panel | None = None, on_fault: OnFault | None = None
) -> Iterator[dict[str, Any]]:
    """Read a file and yield the scores of each text in it, in order, as plain values.

    A line that cannot be read raises `UsageError`, or is told to `on_fault` and left out.
    """
    judges = panel or full_panel()
    for item in read_items(path, input_format=input_format, on_fault=on_fault):
        yield row_of(item, judges.judge(item.turn))


async def score_file_prepared(
    path: Path, panel: Panel, *, input_format: InputFormat | None = None, on_fault: OnFault | None = None
) -> AsyncIterator[dict[str, Any]]:
    """Do the same for a panel with detectors that need something first, such as vectors from a model."""
    for item in read_items(path, input_format=input_format, on_fault=on_fault):
        await panel.prepare(item.turn)
        yield row_of(item, panel.judge(item.turn))


def row_of(item: Item, scores: TurnScores) -> dict[str, Any]:
    """Turn scores into the plain row that files carry."""
    by_dimension = {score.dimension: score for score in scores.scores}
    row: dict[str, Any] = {"id": item.id}
    stance = by_dimension.get("sovereignty")
    row["sovereignty"] = None if stance is None or stance.value is None else _rounded(stance.raw)
    reciprocity = by_dimension.get("reciprocity")
    row["reciprocity"] = None if reciprocity is None else _rounded(reciprocity.value)
    for topic in _TOPICS:
        row[topic] = _rounded(by_dimension[topic].value) if topic in by_dimension else None
    row["engages"] = [name for name, _ in reciprocity.engages] if reciprocity else []
    row["answers"] = [[name, _rounded(probability)] for name, probability in answered(item.turn)[:MOST_ANSWERED]]
    row["evidence"] = [_evidence_rows(score) for score in scores.scores if score.evidence]
    row["unscored"] = {score.dimension: score.reason for score in scores.scores if score.value is None}
    known = {"sovereignty", "reciprocity", *_TOPICS}
    row["other"] = {
        score.dimension: _rounded(score.value) for score in scores.scores if score.dimension not in known and score.value is not None
    }
    return row


def _evidence_rows(score: Score) -> dict[str, Any]:
    spans = []
    for one in score.evidence:
        span: dict[str, Any] = {"label": one.label, "contribution": _rounded(one.contribution)}
        if one.start is not None:
            span |= {"start": one.start, "end": one.end, "text": one.text}
        if one.turn:
            span["turn"] = one.turn
        if one.measured is not None:
            span |= {"measured": one.measured, "unit": one.unit}
        spans.append(span)
    return {
        "dimension": score.dimension,
        "raw": _rounded(score.raw),
        "presence": _rounded(score.presence),
        "confidence": _rounded(score.confidence),
        "tiers": list(score.tiers),
        "detector": score.detector,
        "spans": spans,
    }


def _rounded(figure: float | None) -> float | None:
    return None if figure is None else round(figure, 4)


def write_rows(rows: Iterable[Mapping[str, Any]], output_format: OutputFormat = "jsonl") -> Iterator[str]:
    """Turn rows of scores into lines of text: JSON lines, CSV with a header, or an aligned table."""
    write = row_lines(output_format)
    yield from write(None)
    for row in rows:
        yield from write(row)


def row_lines(output_format: OutputFormat) -> Callable[[Mapping[str, Any] | None], list[str]]:
    """Return a function that turns a row of scores into lines of text, and None into what stands above all rows."""
    return {"jsonl": _json_line, "csv": _csv_line, "table": _table_line}[output_format]


_COLUMNS = ("id", "sovereignty", "reciprocity", *_TOPICS, "engages")


def _json_line(row: Mapping[str, Any] | None) -> list[str]:
    return [] if row is None else [json.dumps(row, ensure_ascii=False)]


def _csv_line(row: Mapping[str, Any] | None) -> list[str]:
    def cell(row: Mapping[str, Any], name: str) -> Any:
        return "; ".join(row["engages"]) if name == "engages" else "" if row[name] is None else row[name]

    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow(_COLUMNS if row is None else [cell(row, name) for name in _COLUMNS])
    return [buffer.getvalue()]


def _table_line(row: Mapping[str, Any] | None) -> list[str]:
    if row is None:
        return [f"{'id':16}{'sovereignty':>12}{'reciprocity':>12}{'privacy':>12}{'community':>12}{'resources':>12}  engages"]
    figures = "".join(f"{'-' if row[name] is None else format(row[name], '.2f'):>12}" for name in _COLUMNS[1:6])
    return [f"{str(row['id'])[:16]:16}{figures}  {', '.join(row['engages'])}".rstrip()]
