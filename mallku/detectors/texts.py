"""Texts out of files: JSON lines, tables, and chat logs in the forms that people have, read line by line."""

import csv
import json
import re
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal

from mallku.detectors.detector import JudgedTurn, Said, judged_turn
from mallku.dialogue.transcript import Statement
from mallku.errors import UsageError

InputFormat = Literal["jsonl", "csv", "chat"]
"""Formats that can be read: JSON (lines, an array, a Slack export), a table with a header, a chat log."""

OnFault = Callable[[int, str], None]
"""Told of a line that cannot be read: its number from 1, and what is wrong. The rest of the file is read on."""

REMEMBERED: Final = 60
"""How many turns of a conversation are kept; no detector looks back further."""
CONVERSATIONS: Final = 1024
"""How many conversations may be under way in one file; the one that has been silent longest is forgotten first."""
STDIN: Final = Path("-")
"""Stands for standard input."""

_SUFFIXES: Final[Mapping[str, InputFormat]] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "chat",
    ".log": "chat",
    ".chat": "chat",
}
_ALIASES: Final = {
    "text": ("text", "content", "message", "body", "utterance"),
    "speaker": ("speaker", "author", "name", "user", "nick", "from"),
    "conversation": ("conversation", "dialogue_id", "conversation_id", "channel", "thread"),
}
_DAY: Final = r"\d{1,4}[./-]\d{1,2}[./-]\d{2,4}"
_CLOCK: Final = r"\d{1,2}[:.]\d{2}(?:[:.]\d{2})?(?:\s?[aApP]\.?\s?[mM]\.?)?"
_STAMP: Final = rf"(?:{_DAY})?[,T]?\s*(?:{_CLOCK})?(?:\.\d+)?Z?"
_CHAT_LINE: Final = re.compile(
    rf"^\s*\u200e?(?:\[{_STAMP}\]|\({_STAMP}\)|(?=\d){_STAMP}\s*(?:-|–|\||\s))?\s*"  # noqa: RUF001 - an en dash stands in chat logs
    r"(?:<[@+%&~ ]?([^<>]{1,60})>\s*|([^\W\d_][^:<>\[\]\n,;?!]{0,59}|\+\d[\d ()-]{5,20}):\s+|([^\W\d_][^:<>\[\]\n,;?!]{0,59}):$)(.*)$"
)
_STAMPED: Final = re.compile(rf"^\s*\u200e?(?:\[{_STAMP}\]|(?=\d){_DAY},?\s+{_CLOCK}\s*-)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A text to be judged, with its id."""

    id: str | int
    """Id under which its scores are reported; the number of its line where it has none."""
    turn: JudgedTurn
    """The text with what was said before it."""


def read_items(path: Path, *, input_format: InputFormat | None = None, on_fault: OnFault | None = None) -> Iterator[Item]:
    """Read the texts of a file, or of standard input where `path` is `-`.

    A row has `text`, and may have `id`, `speaker`, `question`, `previous` (a list of `speaker` and `text`) and `conversation`. Without
    `previous`, rows with a speaker are taken as the turns of a conversation in their order. Only the last turns are kept in memory, so a
    file may be of any length; a JSON array is the exception.

    Raises:
        UsageError: the file cannot be read at all, or a line cannot be read and there is no `on_fault`.
    """
    kind = input_format or _SUFFIXES.get(path.suffix.lower())
    if kind is None:
        raise UsageError(f"The format of {str(path)!r} cannot be told from its name.", hint="Say which it is: jsonl, csv or chat.")
    where = "standard input" if path == STDIN else str(path)
    with ExitStack() as stack:
        lines = _lines(_opened(path, stack), where, on_fault)
        reader = {"jsonl": _json_rows, "csv": _csv_rows, "chat": _chat_rows}[kind]
        yield from items_of(reader(lines, where, on_fault), where, on_fault)


def _opened(path: Path, stack: ExitStack) -> BinaryIO:
    if path == STDIN:
        return sys.stdin.buffer
    try:
        return stack.enter_context(path.open("rb"))
    except FileNotFoundError as error:
        raise UsageError(f"There is no file {str(path)!r}.", hint="Check the path.") from error
    except IsADirectoryError as error:
        raise UsageError(f"{str(path)!r} is a directory.", hint="Name a file in it.") from error
    except OSError as error:
        raise UsageError(f"{str(path)!r} cannot be read: {error.strerror}.", hint="Check its permissions.") from error


def _lines(file: BinaryIO, where: str, on_fault: OnFault | None) -> Iterator[tuple[int, str]]:
    """Yield decoded lines with their numbers; one that is no UTF-8 is left out and told."""
    for number, raw in enumerate(file, 1):
        try:
            yield number, raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            _fault(on_fault, number, where, "is not UTF-8 text", "Convert the file to UTF-8 first.")


def _fault(on_fault: OnFault | None, number: int, where: str, told: str, hint: str) -> None:
    if on_fault is None:
        raise UsageError(f"Line {number} of {where!r} {told}.", hint=hint)
    on_fault(number, told)


def items_of(rows: Iterable[tuple[int, Mapping[str, Any]]], where: str, on_fault: OnFault | None = None) -> Iterator[Item]:
    """Turn rows with their numbers into texts with what was said before them."""
    said: OrderedDict[str, tuple[list[Statement], dict[str, None]]] = OrderedDict()
    for number, row in rows:
        fields = {name: next((row[one] for one in keys if row.get(one) not in (None, "")), None) for name, keys in _ALIASES.items()}
        text = row.get("text", fields["text"])
        if not isinstance(text, str):
            _fault(on_fault, number, where, "has no text", "Every row needs a field `text`.")
            continue
        try:
            previous = _previous(row.get("previous"))
        except ValueError as error:
            _fault(on_fault, number, where, str(error), "Give a list of objects with `speaker` and `text`.")
            continue
        given = row.get("id")
        key = given if isinstance(given, str | int) and given != "" else str(number)
        speaker, question, name = str(fields["speaker"] or ""), str(row.get("question") or ""), str(key)
        turns, speakers = said.setdefault(str(fields["conversation"] or ""), ([], {}))
        said.move_to_end(str(fields["conversation"] or ""))
        if len(said) > CONVERSATIONS:
            said.popitem(last=False)
        if previous is None:
            statement = Statement(turn=name, seat=speaker, round_index=0, round_kind="text", text=text)
            seats = tuple(dict.fromkeys((*speakers, speaker))) if speaker else ()
            turn = JudgedTurn(statement=statement, previous=tuple(turns) if speaker else (), question=question, seats=seats)
        else:
            turn = judged_turn(text, previous=previous, question=question, speaker=speaker)
        if speaker:
            speakers[speaker] = None
            turns.append(replace(turn.statement, turn=name))
            del turns[:-REMEMBERED]
        yield Item(id=key, turn=turn)


def _previous(given: Any) -> list[Said] | None:
    if given is None or given == "":
        return None
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except json.JSONDecodeError as error:
            msg = "has a `previous` that is not JSON"
            raise ValueError(msg) from error
    if not isinstance(given, list) or not all(isinstance(one, Mapping) and isinstance(one.get("text"), str) for one in given):
        msg = "has a `previous` that is not a list of turns"
        raise ValueError(msg)
    return [(str(one.get("speaker") or ""), one["text"]) for one in given]


def _json_rows(lines: Iterator[tuple[int, str]], where: str, on_fault: OnFault | None) -> Iterator[tuple[int, Mapping[str, Any]]]:
    is_first = True
    for number, line in lines:
        if is_first and line.lstrip().startswith("["):
            yield from _array_rows(line + "".join(rest for _, rest in lines), where)
            return
        if not line.strip():
            continue
        is_first = False
        try:
            row = json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            _fault(
                on_fault, number, where, f"is not JSON: {getattr(error, 'msg', 'nested too deep')}", "Every line must be one JSON object."
            )
            continue
        if isinstance(row, dict):
            yield number, row
        else:
            _fault(on_fault, number, where, "is no JSON object", "Every line must be one JSON object.")


def _array_rows(content: str, where: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield the objects of an array; in a Slack export the messages, with the names of their authors."""
    try:
        rows = json.loads(content)
    except (json.JSONDecodeError, RecursionError) as error:
        raise UsageError(f"{where!r} is not JSON: {error}.", hint="Repair the file.") from error
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict) or (row.get("type") == "message" and row.get("subtype")):
            continue  # what Slack itself says: somebody joined, a topic was set
        profile = row.get("user_profile")
        if row.get("type") == "message" and isinstance(profile, dict):
            row["speaker"] = profile.get("display_name") or profile.get("real_name") or row.get("user")
        yield number, row


def _csv_rows(lines: Iterator[tuple[int, str]], where: str, on_fault: OnFault | None) -> Iterator[tuple[int, Mapping[str, Any]]]:
    first = next(lines, (1, ""))[1]
    delimiter = max("\t,;", key=first.count)
    reader = csv.reader(_chained(first, lines), delimiter=delimiter)
    columns = [column.strip().lower() for column in next(reader, [])]
    if not any(column in _ALIASES["text"] for column in columns):
        raise UsageError(f"{where!r} has no column `text`.", hint=f"Its columns are {', '.join(map(repr, columns))}.")
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            _fault(on_fault, number, where, f"is no row of a table: {error}", "Repair it.")
            continue
        if len(cells) != len(columns):
            if cells:
                _fault(on_fault, number, where, f"has {len(cells)} cells, the header {len(columns)}", "Put texts with commas into quotes.")
            continue
        yield number, dict(zip(columns, cells, strict=True))


def _chained(first: str, rest: Iterator[tuple[int, str]]) -> Iterator[str]:
    yield first
    for _, line in rest:
        yield line


def _chat_rows(lines: Iterator[tuple[int, str]], where: str, on_fault: OnFault | None) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield turns; a line without a speaker goes on with the turn before, unless it bears a time, as notices of the program do."""
    current: dict[str, str] | None = None
    begun = 0
    for number, line in lines:
        match = _CHAT_LINE.match(line.rstrip("\r\n"))
        if match:
            if current:
                yield begun, current
            begun = number
            current = {"speaker": next(group for group in match.groups()[:3] if group).strip(), "text": match.group(4).strip()}
        elif not line.strip():
            continue
        elif _STAMPED.match(line):
            _fault(on_fault, number, where, "has a time and no speaker", "Leave notices of the chat program out.")
        elif current:
            current["text"] = f"{current['text']}\n{line.strip()}".strip()
        else:
            _fault(on_fault, number, where, "does not begin with a speaker, such as `Name: text`", "Every turn begins with its speaker.")
    if current:
        yield begun, current
