"""Fit the ranker of answered speakers: `python -m mallku.detectors.fitting.replies`.

A conditional logit over the earlier speakers of each case: meetings (MRDA) and chat channels (IRC), the chat once as it was written and
once without anybody's name, since people in a chat that is a meeting call each other by name far less.
"""

import argparse
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mallku.detectors.fitting.corpora import DEFAULT, has, rows
from mallku.detectors.fitting.learning import Array
from mallku.detectors.replies import LOOKS_BACK, features, name_forms

CHANNELS = ("mediawiki", "rust", "stripe")
"""Chat channels that the development data has."""
CHAT_WEIGHT = 4.0
"""How much a case of chat counts against one of a meeting: there are eight times fewer."""
PENALTY = 10.0
"""Penalty on the squared weights."""
OUT = Path(__file__).parents[1] / "data" / "heads" / "replies.json"
"""Where the weights stand."""
_STEPS = 400
_NAME = re.compile(r"@?[^\W_][\w'\-\[\]\\`^{}|]*[:,]?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A turn that answers somebody, with the turns before it."""

    said: tuple[tuple[str, str], ...]
    """Speaker and text of the turns before, oldest first."""
    speaker: str
    """Who speaks."""
    text: str
    """What is said."""
    answers: frozenset[str]
    """Whom it answers."""


@dataclass(slots=True)
class Cases:
    """Cases as numbers: one row of features per earlier speaker."""

    names: list[str]
    """Names of the features."""
    tables: list[Array]
    """One table per case; the last speaker's row comes first."""
    truths: list[Array]
    """For each row 1 if this speaker is answered."""
    missed: int
    """Cases whose answered speaker spoke too long ago to be among the candidates; they count as wrong."""


def chat(folder: Path, channel: str) -> Iterator[Case]:
    """Return the turns of a channel that answer a turn of somebody else."""
    lines = rows(folder, f"irc_chat/{channel}.csv")
    for name in dict.fromkeys(line["file"] for line in lines):
        part = [line for line in lines if line["file"] == name]
        place = {line["line"]: number for number, line in enumerate(part)}
        for number, line in enumerate(part):
            targets = [place[target] for target in line["replies_to"].split(";") if target in place and target != line["line"]]
            answers = frozenset(part[target]["speaker"] for target in targets) - {line["speaker"]}
            if line["annotated"] == "1" and answers:
                said = tuple((one["speaker"], one["text"]) for one in part[max(0, number - LOOKS_BACK) : number])
                yield Case(said=said, speaker=line["speaker"], text=line["text"], answers=answers)


def meetings(folder: Path, split: str) -> Iterator[Case]:
    """Return the turns of recorded meetings that answer somebody else."""
    said: list[tuple[str, str]] = []
    meeting = ""
    for row in rows(folder, "mrda_icsi/meetings.csv"):
        if row["meeting"] != meeting:
            meeting, said = row["meeting"], []
        if row["split"] == split and row["answers"] and row["answers"] != row["speaker"]:
            yield Case(said=tuple(said[-LOOKS_BACK:]), speaker=row["speaker"], text=row["text"], answers=frozenset((row["answers"],)))
        said.append((row["speaker"], row["text"]))


def nameless(cases: Iterable[Case]) -> Iterator[Case]:
    """Take every name of a speaker out of what was said."""
    for case in cases:
        known = frozenset().union(*(name_forms(name) for name, _ in case.said), name_forms(case.speaker))

        def strip(text: str, known: frozenset[str] = known) -> str:
            return _NAME.sub(lambda match: "" if match[0].strip("@:,").lower() in known else match[0], text)

        yield replace(case, said=tuple((name, strip(text)) for name, text in case.said), text=strip(case.text))


def counted(cases: Iterable[Case]) -> Cases:
    """Turn cases into numbers."""
    found = Cases([], [], [], 0)
    for case in cases:
        candidates = features(case.said, case.speaker, case.text)
        if not case.answers & candidates.keys():
            found.missed += 1
            continue
        found.names = found.names or list(next(iter(candidates.values())))
        found.tables.append(np.array([[one[name] for name in found.names] for one in candidates.values()]))
        found.truths.append(np.array([float(name in case.answers) for name in candidates]))
    return found


def fitted(parts: Iterable[tuple[Cases, float]]) -> dict[str, float]:
    """Fit the ranker on parts with their weights, by Nesterov's accelerated gradient."""
    parts = list(parts)
    tables = [table for part, _ in parts for table in part.tables]
    design, sizes = np.vstack(tables), [len(table) for table in tables]
    truth = np.concatenate([truth / truth.sum() for part, _ in parts for truth in part.truths])
    importance = np.repeat(np.concatenate([np.full(len(part.tables), weight) for part, weight in parts]), sizes)
    case, starts = np.repeat(np.arange(len(tables)), sizes), np.r_[0, np.cumsum(sizes)[:-1]]
    scale = design.std(0) + 1e-6
    design = design / scale
    rate = 2.0 / (float(np.linalg.norm(design * np.sqrt(importance)[:, None], 2)) ** 2 / 2 + PENALTY)
    weights = ahead = np.zeros(design.shape[1])
    momentum = 1.0
    for _ in range(_STEPS):
        logits = design @ ahead
        masses = np.exp(logits - np.maximum.reduceat(logits, starts)[case])
        error = (masses / np.add.reduceat(masses, starts)[case] - truth) * importance
        following = ahead - rate * (design.T @ error + PENALTY * ahead)
        grown = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = following + (momentum - 1) / grown * (following - weights)
        weights, momentum = following, float(grown)
    return dict(zip(parts[0][0].names, (weights / scale).tolist(), strict=True))


def hits(cases: Cases, choose: Callable[[Array], int]) -> Array:
    """Return for every case whether the chosen speaker is one that is answered."""
    right = [float(truth[choose(table)]) for table, truth in zip(cases.tables, cases.truths, strict=True)]
    return np.array([*right, *[0.0] * cases.missed])


def by_weights(cases: Cases, weights: dict[str, float]) -> Callable[[Array], int]:
    """Choose the likeliest speaker."""
    column = np.array([weights[name] for name in cases.names])
    return lambda table: int(np.argmax(table @ column))


def write(folder: Path, path: Path) -> None:
    """Fit on everything and write the weights."""
    talk = [counted(meetings(folder, split)) for split in ("train", "val")]
    chats = [counted(made) for channel in CHANNELS for made in (chat(folder, channel), nameless(chat(folder, channel)))]
    weights = fitted([*((part, 1.0) for part in talk), *((part, CHAT_WEIGHT) for part in chats)])
    kept = {name: round(weight, 4) for name, weight in weights.items() if round(weight, 4)}
    path.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def has_data(folder: Path) -> bool:
    """Whether the folder has the chats and meetings."""
    return has(folder, "mrda_icsi/meetings.csv") and all(has(folder, f"irc_chat/{channel}.csv") for channel in CHANNELS)


def main() -> None:
    """Read the arguments and fit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DEFAULT, help="folder of development data")
    parser.add_argument("--out", type=Path, default=OUT, help="file for the weights")
    arguments = parser.parse_args()
    write(arguments.data, arguments.out)


if __name__ == "__main__":
    main()
