"""Scores of whole files, transcripts and tables, so that anyone can use the detectors on their own texts."""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from mallku.detectors.default import default_panel
from mallku.detectors.detector import JudgedTurn, Said, judged_turn
from mallku.detectors.panel import Panel
from mallku.dialogue.score import Score, TurnScores
from mallku.dialogue.transcript import Transcript
from mallku.errors import UsageError

InputFormat = Literal["jsonl", "csv", "chat"]
"""Formats that can be read: JSON lines, comma-separated values with a header, a chat log with `Name: text` on each line."""

OutputFormat = Literal["jsonl", "csv", "table"]
"""Formats that can be written."""

_SUFFIXES: Mapping[str, InputFormat] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "chat",
    ".log": "chat",
    ".chat": "chat",
}
_CHAT_LINE = re.compile(r"^\s*(?:\[[^\]]*\]|\d{1,2}[:.]\d{2}(?:[:.]\d{2})?)?\s*(?:<([^>]{1,60})>|([^:<>\[\]]{1,60}):)\s*(.+)$")
_TOPICS = ("privacy", "community", "resource_talk")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A text to be judged, with its id."""

    id: str
    """Id under which its scores are reported."""
    turn: JudgedTurn
    """The text with what was said before it."""


def score_transcript(transcript: Transcript, *, panel: Panel | None = None, seats: Sequence[str] = ()) -> tuple[TurnScores, ...]:
    """Judge every statement of a transcript, each after those before it."""
    judges = panel or default_panel()
    said = transcript.statements
    names = tuple(seats) or tuple(dict.fromkeys(statement.seat for statement in said))
    return tuple(
        judges.judge(JudgedTurn(statement=statement, previous=said[:index], question=transcript.question, seats=names))
        for index, statement in enumerate(said)
    )


def score_table(rows: Any, *, panel: Panel | None = None) -> list[dict[str, Any]]:
    """Judge a data frame, or any sequence of mappings, with the columns that `read_items` knows; one row of scores per row."""
    records: Iterable[Mapping[str, Any]] = rows.to_dict("records") if hasattr(rows, "to_dict") else rows
    judges = panel or default_panel()
    return [row_of(item, judges.judge(item.turn)) for item in _items(records, "the table")]


def score_file(path: Path, *, input_format: InputFormat | None = None, panel: Panel | None = None) -> Iterator[dict[str, Any]]:
    """Read a file and yield the scores of each text in it, in order, as plain values."""
    judges = panel or default_panel()
    for item in read_items(path, input_format=input_format):
        yield row_of(item, judges.judge(item.turn))


def read_items(path: Path, *, input_format: InputFormat | None = None) -> Iterator[Item]:
    """Read the texts of a file.

    A row has `text`, and may have `id`, `speaker`, `question`, `previous` (a list of `speaker` and `text`) and `conversation`. Without
    `previous`, rows with a speaker are taken as the turns of a conversation in their order.

    Raises:
        UsageError: the file cannot be read, or a row has no text.
    """
    kind = input_format or _SUFFIXES.get(path.suffix.lower())
    if kind is None:
        raise UsageError(f"The format of {str(path)!r} cannot be told from its name.", hint="Say which it is: jsonl, csv or chat.")
    try:
        content = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise UsageError(f"There is no file {str(path)!r}.", hint="Check the path.") from error
    except IsADirectoryError as error:
        raise UsageError(f"{str(path)!r} is a directory.", hint="Name a file in it.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{str(path)!r} is not UTF-8 text.", hint="Convert it to UTF-8 first.") from error
    except OSError as error:
        raise UsageError(f"{str(path)!r} cannot be read: {error.strerror}.", hint="Check its permissions.") from error
    rows = {"jsonl": _json_rows, "csv": _csv_rows, "chat": _chat_rows}[kind](content, path)
    yield from _items(rows, str(path))


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
    if output_format == "jsonl":
        for row in rows:
            yield json.dumps(row, ensure_ascii=False)
        return
    columns = ("id", "sovereignty", "reciprocity", *_TOPICS, "engages")
    if output_format == "csv":
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="")
        writer.writerow(columns)
        for row in rows:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
            writer.writerow([" ".join(row["engages"]) if name == "engages" else "" if row[name] is None else row[name] for name in columns])
        yield buffer.getvalue()
        return
    yield f"{'id':16}{'sovereignty':>12}{'reciprocity':>12}{'privacy':>12}{'community':>12}{'resources':>12}  engages"
    for row in rows:
        figures = "".join(f"{'-' if row[name] is None else format(row[name], '.2f'):>12}" for name in columns[1:6])
        yield f"{row['id'][:16]:16}{figures}  {', '.join(row['engages'])}".rstrip()


def _items(rows: Iterable[Mapping[str, Any]], where: str) -> Iterator[Item]:
    said: dict[str, list[Said]] = {}
    for number, row in enumerate(rows, 1):
        text = row.get("text")
        if not isinstance(text, str):
            raise UsageError(f"Row {number} of {where} has no text.", hint="Every row needs a field `text`.")
        speaker = str(row.get("speaker") or "")
        conversation = str(row.get("conversation") or row.get("dialogue_id") or "")
        previous = _previous(row.get("previous"), number, where)
        turns = said.setdefault(conversation, [])
        if previous is None:
            previous = list(turns) if speaker else []
        turn = judged_turn(text, previous=previous, question=str(row.get("question") or ""), speaker=speaker)
        if speaker:
            turns.append(replace(turn.statement, turn=f"t{len(turns)}"))
        yield Item(id=str(row.get("id") or number), turn=turn)


def _previous(given: Any, number: int, where: str) -> list[Said] | None:
    if given is None or given == "":
        return None
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except json.JSONDecodeError as error:
            raise UsageError(
                f"`previous` in row {number} of {where} is not JSON.", hint="Give a list of objects with `speaker` and `text`."
            ) from error
    if not isinstance(given, list) or not all(isinstance(one, Mapping) and isinstance(one.get("text"), str) for one in given):
        raise UsageError(
            f"`previous` in row {number} of {where} is not a list of turns.", hint="Give a list of objects with `speaker` and `text`."
        )
    return [(str(one.get("speaker") or ""), one["text"]) for one in given]


def _json_rows(content: str, path: Path) -> Iterator[Mapping[str, Any]]:
    if content.lstrip().startswith("["):
        try:
            yield from (row for row in json.loads(content) if isinstance(row, dict))
        except json.JSONDecodeError as error:
            raise UsageError(f"{str(path)!r} is not JSON: {error}.", hint="Repair the file.") from error
        return
    for number, line in enumerate(content.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise UsageError(
                f"Line {number} of {str(path)!r} is not JSON: {error.msg}.", hint="Every line must be one JSON object."
            ) from error
        if not isinstance(row, dict):
            raise UsageError(f"Line {number} of {str(path)!r} is no JSON object.", hint="Every line must be one JSON object.")
        yield row


def _csv_rows(content: str, path: Path) -> Iterator[Mapping[str, Any]]:
    reader = csv.DictReader(io.StringIO(content), delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
    if "text" not in (reader.fieldnames or ()):
        raise UsageError(f"{str(path)!r} has no column `text`.", hint=f"Its columns are {', '.join(map(repr, reader.fieldnames or ()))}.")
    yield from reader


def _chat_rows(content: str, path: Path) -> Iterator[Mapping[str, Any]]:
    current: dict[str, str] | None = None
    for line in content.splitlines():
        match = _CHAT_LINE.match(line)
        if match:
            if current:
                yield current
            current = {"speaker": (match.group(1) or match.group(2)).strip(), "text": match.group(3).strip()}
        elif line.strip() and current:
            current["text"] += "\n" + line.strip()
        elif line.strip():
            raise UsageError(
                f"{str(path)!r} does not begin with a line such as `Name: text`.", hint="Every turn of a chat log begins with its speaker."
            )
    if current:
        yield current
