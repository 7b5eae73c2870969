"""Fit every fitted part from the development data: `python -m mallku.detectors.fitting.fit [--data DIR] [--out DIR]`."""

import argparse
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np

from mallku.detectors.address import without_address
from mallku.detectors.detector import judged_turn
from mallku.detectors.fitting.corpora import DEFAULT, SEEN, STATEMENTS, Labelled, labelled, rows
from mallku.detectors.fitting.learning import Array, Hashed, fit_bounded, fit_hashed
from mallku.detectors.fitting.wording import Shown, stance_parts, write_heads
from mallku.detectors.ngrams import HEADS, table
from mallku.detectors.reciprocity import Uptake, edge_features, uptake
from mallku.detectors.topics import TOPICS, TopicDetector, topic_features
from mallku.detectors.uptake import uptake_features
from mallku.detectors.wording import heads

NOT_NEGATIVE = frozenset(
    (
        "named", "named-many", "words-taken", "share-taken", "fields-taken", "numbers-taken", "several", "pointing", "length", "offer",
        "concession", "opposition", "reason", "condition", "second", "question", "anchored", "linked", "named-linked", "named-acts",
        "first",
    )
)  # fmt: skip
"""Features of reciprocity that may not count against a statement."""
NOT_POSITIVE = frozenset(("thanks", "empty", "summary", "short", "share-about"))
"""Features of reciprocity that may not count for it."""


def fit_matrix(maps: list[dict[str, float]]) -> tuple[list[str], Array]:
    """Turn named features into a matrix, with the names of its columns."""
    names = sorted({name for one in maps for name in one})
    return names, np.array([[one.get(name, 0.0) for name in names] for one in maps])


def bounds(names: list[str], not_negative: frozenset[str], not_positive: frozenset[str]) -> tuple[Array, Array]:
    """Return the lowest and highest weight allowed for each feature."""
    low = np.array([0.0 if name in not_negative else -9.0 for name in names])
    high = np.array([0.0 if name in not_positive else 9.0 for name in names])
    return low, high


def compared(item: Labelled) -> Uptake:
    """Compare a labelled statement with what was said before it."""
    return uptake(judged_turn(item.text, previous=item.previous))


def statement_weights(items: list[Labelled]) -> dict[str, float]:
    """Fit the weights of reciprocity of whole statements."""
    names, matrix = fit_matrix([compared(item).features for item in items])
    low, high = bounds(names, NOT_NEGATIVE, NOT_POSITIVE)
    target = np.array([item.reciprocity for item in items], dtype=float)
    return _named(names, *fit_bounded(matrix, target, penalty=3.0, low=low, high=high, logistic=False))


def edge_weights(items: list[Labelled]) -> dict[str, float]:
    """Fit the probability that a statement takes up one earlier turn."""
    maps, labels = [], []
    for item in items:
        found = compared(item)
        for one, statement in zip(found.edges, found.earlier, strict=True):
            maps.append(edge_features(one, found.edges, found.features))
            labels.append(float(statement.seat in item.engages))
    names, matrix = fit_matrix(maps)
    low, high = bounds(names, frozenset(), frozenset())
    return _named(names, *fit_bounded(matrix, np.array(labels), penalty=1.0, low=low, high=high, logistic=True))


def topic_maps(items: list[Labelled], topic: str, wording: Array) -> list[dict[str, float]]:
    """Return the features of a topic for every statement; `wording` is the figure of the head for each, fitted without it."""
    maps = []
    for item, figure in zip(items, wording, strict=True):
        features, _ = topic_features(without_address(item.text)[0], topic)
        features["wording"] = float(figure)
        if item.previous:
            features["context"] = TopicDetector(topic).context(judged_turn(item.text, previous=item.previous))
        maps.append(features)
    return maps


def topic_model(maps: list[dict[str, float]], labels: Array) -> dict[str, float]:
    """Fit the head of a topic; only other senses of its words may count against it."""
    names, matrix = fit_matrix(maps)
    against = frozenset(("off", "any-off"))
    low, high = bounds(names, frozenset(names) - against, against)
    return _named(names, *fit_bounded(matrix, labels, penalty=0.5, low=low, high=high, logistic=True))


def hashed_targets(folder: Path) -> dict[str, tuple[list[str], Array, list[str], bool]]:
    """Return texts, labels, groups and whether labels are classes, for every hashed head."""
    messages = [row for row in rows(folder, "delidata/delidata_messages.tsv", delimiter="\t") if row["annotation_type"]]
    texts, groups = [row["original_text"] for row in messages], [row["group_id"] for row in messages]
    probing = np.array([float(row["annotation_type"] == "Probing") for row in messages])
    agreement = np.array([float(row["annotation_target"] in ("Agree", "Disagree")) for row in messages])
    replies = rows(folder, "receptiveness/receptive_train.csv")
    lessons = [row for row in rows(folder, "uptake_ncte/uptake_data.csv") if row["uptake_zscore"]]
    return {
        "probing": (texts, probing, groups, True),
        "agreement": (texts, agreement, groups, True),
        "receptiveness": (
            [row["text"] for row in replies],
            np.array([float(row["receptive_z"]) for row in replies]),
            list(map(str, range(len(replies)))),
            False,
        ),
        "uptake": (
            [row["teacher_text"] for row in lessons],
            np.array([float(row["uptake_zscore"]) for row in lessons]),
            [row["obs_id"] for row in lessons],
            False,
        ),
    }


def penalty_of(name: str) -> float:
    """Return the penalty of a hashed head, chosen by cross-validation."""
    return {"probing": 0.3, "agreement": 0.3, "receptiveness": 3.0, "uptake": 3.0}[name]


def write_hashed(folder: Path, path: Path) -> None:
    """Fit the hashed heads and write them, one signed byte per weight."""
    header, columns = b"", b""
    targets = hashed_targets(folder)
    for name in HEADS:
        texts, target, _, logistic = targets[name]
        weights, bias = fit_hashed(Hashed(texts), target, penalty=penalty_of(name), steps=300, logistic=logistic)
        scale = float(np.quantile(np.abs(weights[weights != 0]), 0.9995)) / 127
        header += struct.pack("=dd", scale, bias)
        columns += np.clip(np.round(weights / scale), -127, 127).astype(np.int8).tobytes()
    path.write_bytes(header + columns)


def uptake_model(lessons: list[dict[str, str]], wording: Array) -> dict[str, float]:
    """Fit the rating of uptake on its features and the figure of the hashed head."""
    maps = [
        uptake_features(row["student_text"], row["teacher_text"]) | {"wording": figure}
        for row, figure in zip(lessons, wording, strict=True)
    ]
    names, matrix = fit_matrix(maps)
    low, high = bounds(names, frozenset(), frozenset())
    scale = matrix.std(0) + 1e-9
    target = np.array([float(row["uptake_zscore"]) for row in lessons])
    weights, bias = fit_bounded(matrix / scale, target, penalty=30.0, low=low, high=high, logistic=False)
    return _named(names, weights / scale, bias)


def held_out_wording(folder: Path) -> Array:
    """Return the hashed head's figure for each lesson from a fit without its classroom."""
    from mallku.detectors.fitting.learning import out_of_fold

    texts, target, groups, logistic = hashed_targets(folder)["uptake"]
    hashed = Hashed(texts)

    def predict(left_out: Any) -> Array:
        weights, bias = fit_hashed(hashed.where(~left_out), target[~left_out], penalty=penalty_of("uptake"), steps=200, logistic=logistic)
        return hashed.where(left_out).times(weights) + bias

    return out_of_fold(groups, 10, predict)


def _named(names: list[str], weights: Array, bias: float) -> dict[str, float]:
    return {name: round(float(weight), 5) for name, weight in zip(names, weights, strict=True) if round(float(weight), 4)} | {
        "bias": round(bias, 5)
    }


def fit_all(folder: Path, out: Path) -> None:
    """Fit everything and write it to `out`."""
    items = labelled(folder)
    spoken = [item for item in items if item.reciprocity is not None and item.source in SEEN]
    _write(out / "reciprocity.json", {"statement": statement_weights(spoken), "edge": edge_weights(spoken)})
    shown = Shown(items, folder)
    write_heads(*shown.heads(), out / "wording.json")
    heads.cache_clear()
    figures = shown.held_out()
    _write(
        out / "stance.json",
        stance_parts(shown, figures, np.array([item.source in STATEMENTS and item.source not in SEEN for item in items])),
    )
    maps = {topic: topic_maps(items, topic, figures[:, 2 + place]) for place, topic in enumerate(TOPICS)}
    _write(
        out / "topics.json", {topic: topic_model(maps[topic], np.array([float(item.topics[topic]) for item in items])) for topic in TOPICS}
    )
    write_hashed(folder, out / "ngrams.bin")
    table.cache_clear()
    lessons = [row for row in rows(folder, "uptake_ncte/uptake_data.csv") if row["uptake_zscore"]]
    _write(out / "uptake.json", uptake_model(lessons, held_out_wording(folder)))


def _write(path: Path, tables: dict[str, Any]) -> None:
    path.write_text(json.dumps(tables, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def main() -> None:
    """Read the arguments and fit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DEFAULT, help="folder of development data")
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "data" / "heads", help="folder for the fitted weights")
    arguments = parser.parse_args()
    fit_all(arguments.data, arguments.out)


if __name__ == "__main__":
    main()
