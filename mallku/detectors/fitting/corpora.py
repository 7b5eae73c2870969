"""The labelled texts that the fitted parts are made from and tested on, read from a folder of data."""

import csv
import gzip
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mallku.errors import UsageError

DEFAULT = Path(__file__).parents[3] / "tests" / "data" / "detectors"
"""The copies that come with the source tree; an installed package has none and needs `--data`."""
STATEMENTS = (
    "statements.txt",
    "statements_fresh.txt",
    "statements_third.txt",
    "statements_fourth.txt",
    "statements_fifth.txt",
    "statements_sixth.txt",
    "statements_seventh.txt",
    "statements_eighth.txt",
    "statements_ninth.txt",
    "statements_tenth.txt",
)
"""Sets of statements with all labels, in the order in which they were written; each was first seen by the detectors as they were then."""
SEEN = ("mallku_dev", "statements.txt", "statements_fresh.txt", "statements_third.txt")
"""Sets that the rules were written with."""
PRACTICE = (
    "practice.txt",
    "practice_second.txt",
    "practice_third.txt",
    "practice_fourth.txt",
    "practice_fifth.txt",
    "practice_languages.txt",
    "practice_topics.txt",
    "practice_sixth.txt",
    "practice_seventh.txt",
    "practice_eighth.txt",
)
"""Statements without earlier turns, written to learn from only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """A statement with its labels in the project's own format."""

    id: str
    """Id, unique within a folder of data."""
    text: str
    """The statement."""
    previous: tuple[tuple[str, str], ...]
    """Speaker and text of the turns before it."""
    sovereignty: float | None
    """Stance in -1..1, or None if control is not addressed."""
    reciprocity: float | None
    """Uptake in 0..1, or None without earlier turns."""
    topics: Mapping[str, int]
    """1 if the author makes a claim about the topic."""
    engages: tuple[str, ...]
    """Earlier speakers whose content is taken up."""
    kind: str
    """Trick or manner of the statement."""
    source: str
    """File it stands in."""


def opened(folder: Path, name: str) -> str:
    """Return the text of a file in the folder, plain or with `.gz` behind its name."""
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            raw = path.read_bytes()
            return (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8")
    raise UsageError(f"There is no {name!r} in {str(folder)!r}.", hint="Give the folder of development data with --data.")


def has(folder: Path, name: str) -> bool:
    """Whether the folder has the file, plain or compressed."""
    return (folder / name).is_file() or (folder / f"{name}.gz").is_file()


def rows(folder: Path, name: str, *, delimiter: str = ",") -> list[dict[str, str]]:
    """Read a table."""
    return list(csv.DictReader(io.StringIO(opened(folder, name)), delimiter=delimiter))


def control_pairs(folder: Path) -> list[tuple[str, str]]:
    """Return pairs of a statement that claims control and its negation that cedes it."""
    lines = opened(folder, "habermas_questions/control_pairs.jsonl").splitlines()
    return [(pair["claims_control"], pair["cedes_control"]) for pair in map(json.loads, lines)]


def labelled(folder: Path) -> list[Labelled]:
    """Return all statements with labels in the project's own format."""
    found = [_from_json(row) for row in map(json.loads, opened(folder, "mallku_dev/dev.jsonl").splitlines())]
    for name in STATEMENTS:
        found.extend(_from_lines(opened(folder, name).splitlines(), name))
    for name in PRACTICE:
        found.extend(_from_practice(opened(folder, name).splitlines(), name))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Twin:
    """Two statements that differ little and must be scored in this order."""

    dimension: str
    """What is compared."""
    higher: str
    """The statement that must score higher."""
    lower: str
    """The other."""
    previous: tuple[tuple[str, str], ...]
    """Speaker and text of the turns before both."""
    source: str
    """File they stand in."""


def twins(folder: Path) -> list[Twin]:
    """Return the pairs of statements of the sets that have some."""
    found = []
    for name in STATEMENTS:
        for previous, line in _scenes(opened(folder, name).splitlines()):
            if line.startswith("& "):
                dimension, higher, lower = line[2:].split("|")
                found.append(Twin(dimension=dimension, higher=higher, lower=lower, previous=previous, source=name))
    return found


def _scenes(lines: list[str]) -> Iterator[tuple[tuple[tuple[str, str], ...], str]]:
    """Yield each line that is neither empty nor a turn, with the turns before it."""
    previous: tuple[tuple[str, str], ...] = ()
    for line in lines:
        if line.startswith("= "):
            previous = ()
        elif line.startswith("> "):
            speaker, text = line[2:].split(": ", 1)
            previous = (*previous, (speaker, text))
        elif line.strip():
            yield previous, line


def _from_practice(lines: list[str], name: str) -> Iterator[Labelled]:
    for number, line in enumerate(lines, 1):
        marks, text = line.split("|", 1)
        stance, *flags = marks.split()
        yield Labelled(
            id=f"{name}:{number}",
            text=text,
            previous=(),
            sovereignty=None if stance == "~" else float(stance),
            reciprocity=None,
            topics=_topics("".join(flags)),
            engages=(),
            kind="practice",
            source=name,
        )


def _topics(flags: str) -> dict[str, int]:
    return {"privacy": int("p" in flags), "community": int("c" in flags), "resource_talk": int("r" in flags)}


def _from_json(row: dict[str, Any]) -> Labelled:
    labels = row["labels"]
    return Labelled(
        id=row["id"],
        text=row["text"],
        previous=tuple((turn["speaker"], turn["text"]) for turn in row["previous"]),
        sovereignty=labels["sovereignty"],
        reciprocity=labels["reciprocity"],
        topics={name: labels[name] for name in ("privacy", "community", "resource_talk")},
        engages=tuple(labels.get("engages", ())),
        kind=row["kind"],
        source="mallku_dev",
    )


def _from_lines(lines: list[str], name: str) -> Iterator[Labelled]:
    for number, (previous, line) in enumerate(_scenes(lines), 1):
        if line.startswith("& "):
            continue
        stance, uptake, flags, engages, kind, _, text = line.split("|", 6)
        yield Labelled(
            id=f"{name}:{number}",
            text=text,
            previous=previous,
            sovereignty=None if stance == "~" else float(stance),
            reciprocity=None if uptake == "~" else float(uptake),
            topics=_topics(flags),
            engages=tuple(filter(None, engages.split(","))),
            kind=kind,
            source=name,
        )
