"""Fit the heads of the second tier's wording, and how rules and wording are put together to a stance."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mallku.detectors.address import without_address
from mallku.detectors.detector import judged_turn, names_of
from mallku.detectors.fitting.corpora import PRACTICE, Labelled, control_pairs, twins
from mallku.detectors.fitting.learning import Array, Mask, fit_bounded, folds
from mallku.detectors.frames import Parsed, parsed
from mallku.detectors.reading import read
from mallku.detectors.stance import rules_stance
from mallku.detectors.topics import TOPICS
from mallku.detectors.wording import Features, features

PENALTY = 0.3
"""Penalty of the heads, chosen by leaving whole sets out."""
CEDED, CLAIMED = -0.7, 0.7
"""Stance that the control pairs are taken to have."""
TWINS_APART = 1.0
"""How far apart the stances of twins are taken to be."""
CONTRAST = 0.3
"""How much the difference of two like statements counts beside a statement."""
ALIKE = 0.4
"""Share of words from which on neighbouring practice statements of opposite sides are compared."""
FREQUENT = 60
"""Statements that show a feature, from which on its products are made all at once."""
NULL_ALARMS = 0.1
"""Share of statements that do not address control which may be scored all the same, out of fold."""


@dataclass(frozen=True, slots=True)
class Extra:
    """A row to fit the stance on that is no labelled statement of its own: a control pair's side, or the difference of twins."""

    features: Features
    """What it shows."""
    target: float
    """Its stance, or the difference of stances."""
    trust: float
    """How much it counts."""
    rows: tuple[int, ...]
    """Statements that it is made of; it is left out with them."""
    source: str
    """File it stands in."""
    centred: bool = True
    """Whether it is a stance, to which the bias belongs."""
    ruled: float = 0.0
    """The stance by rules, or the difference of two."""


def _control(folder: Path) -> Iterator[Extra]:
    for pair in control_pairs(folder):
        for text, stance in zip(pair, (CLAIMED, CEDED), strict=True):
            yield Extra(features(_read(text, ())), stance, 0.3, (), "control_pairs")


def _made() -> Iterator[Extra]:
    """Yield plain claims and cessions with and without a denial, made of parts, so that a denial is known to turn them."""
    ours = ("we", "the growers", "our association", "the residents", "the nurses", "this village")
    theirs = ("the supplier", "the agency", "the operator", "the foundation", "the insurer", "they")
    does = (
        "decide where the samples go",
        "keep the master copy",
        "own the sensors",
        "pick the auditor",
        "hold the password",
        "run the mill",
        "control the valve",
        "approve each update",
    )
    for sides, sign in ((ours, 1.0), (theirs, -1.0)):
        for who, what in itertools.product(sides, does):
            for form, turn in (
                ("{} should {}.", 1.0),
                ("{} should not {}.", -1.0),
                ("{} must {}.", 1.0),
                ("{} must never {}.", -1.0),
                ("It is not true that {} should not {}.", 1.0),
            ):
                text = form.format(who, what)
                yield Extra(features(_read(text[0].upper() + text[1:], ())), 0.8 * sign * turn, 0.15, (), "made")
    for how, who in itertools.product(
        ("hand the tapes", "give the password", "sell the sensors", "leave the choice", "transfer the mill"), theirs[:5]
    ):
        yield Extra(features(_read(f"Let us {how} to {who}.", ())), -0.8, 0.15, (), "made")
        yield Extra(features(_read(f"Let us not {how} to {who}.", ())), 0.7, 0.15, (), "made")


def _twins(folder: Path) -> Iterator[Extra]:
    for twin in twins(folder):
        if twin.dimension == "sovereignty":
            one, other = (_read(text, twin.previous) for text in (twin.higher, twin.lower))
            yield Extra(
                _difference(features(one), features(other)),
                TWINS_APART,
                CONTRAST,
                (),
                twin.source,
                centred=False,
                ruled=rules_stance(one).stance - rules_stance(other).stance,
            )


def _read(text: str, previous: tuple[tuple[str, str], ...]) -> Parsed:
    return parsed(without_address(text)[0], names_of(judged_turn(text, previous=previous)))


def _difference(one: Features, other: Features) -> Features:
    figures = dict(zip(one.names, one.weights, strict=True))
    for name, value in zip(other.names, other.weights, strict=True):
        figures[name] = figures.get(name, 0.0) - value
    kept = {name: value for name, value in figures.items() if value}
    return Features(tuple(kept), tuple(kept.values()), (0,) * len(kept))


class Shown:
    """What the statements to be fitted on show, and what they are labelled with."""

    def __init__(self, items: list[Labelled], folder: Path) -> None:
        """Read all statements and the control pairs for their features."""
        self.items = items
        texts = [(without_address(item.text)[0], names_of(judged_turn(item.text, previous=item.previous))) for item in items]
        found = [parsed(text, names) for text, names in texts]
        self.ruled = np.array([(one.stance, one.total) for one in map(rules_stance, found)]).reshape(-1, 2)
        self.features = [features(one) for one in found]
        self.extra = [*_control(folder), *_twins(folder), *_made(), *self._contrasts()]
        self.stances = np.array([item.sovereignty or 0.0 for item in items])
        self.absent = np.array([item.sovereignty is None for item in items], dtype=float)
        self.topics = np.array([[float(item.topics[topic]) for topic in TOPICS] for item in items])

    def _contrasts(self) -> Iterator[Extra]:
        """Yield pairs of practice statements that stand side by side, share most words and take opposite sides."""
        for place, (one, other) in enumerate(itertools.pairwise(self.items)):
            if one.source in PRACTICE and one.source == other.source and (one.sovereignty or 0) * (other.sovereignty or 0) < 0:
                here, there = set(read(one.text).words), set(read(other.text).words)
                if len(here & there) >= ALIKE * len(here | there):
                    gap = (one.sovereignty or 0) - (other.sovereignty or 0)
                    yield Extra(
                        _difference(self.features[place], self.features[place + 1]),
                        gap,
                        CONTRAST,
                        (place, place + 1),
                        one.source,
                        centred=False,
                    )

    @cached_property
    def entries(self) -> dict[str, tuple[NDArray[np.int64], Array]]:
        """For each feature that more than one statement shows, the rows and how much of it they show; the control pairs come last."""
        rows: dict[str, list[int]] = {}
        values: dict[str, list[float]] = {}
        for row, one in enumerate((*self.features, *(one.features for one in self.extra))):
            for name, value in zip(one.names, one.weights, strict=True):
                rows.setdefault(name, []).append(row)
                values.setdefault(name, []).append(value)
        own = len(self.features)
        return {name: (np.array(found), np.array(values[name])) for name, found in rows.items() if len(found) > 1 and found[1] < own}

    @cached_property
    def likeness(self) -> NDArray[np.float32]:
        """Return how much any two statements have in common: the products of their features."""
        size = len(self.features) + len(self.extra)
        found = np.zeros((size, size), dtype=np.float32)
        frequent = [entry for entry in self.entries.values() if len(entry[0]) > FREQUENT]
        dense = np.zeros((size, len(frequent)), dtype=np.float32)
        for place, (rows, values) in enumerate(frequent):
            dense[rows, place] = values
        found += dense @ dense.T
        for rows, values in self.entries.values():
            if len(rows) <= FREQUENT:
                found[np.ix_(rows, rows)] += np.outer(values, values)
        return found

    def _duals(self, kept: Mask, without: tuple[str, ...] = ()) -> tuple[Array, Array]:
        """Fit on the statements that a mask keeps and on all control pairs: a weight for every row and head, and the biases."""
        duals = np.zeros((len(self.likeness), 2 + len(TOPICS)))
        absent = self.absent[kept]
        own = np.flatnonzero(kept)
        with_it = [place for place, one in enumerate(self.extra) if one.source not in without and all(kept[row] for row in one.rows)]
        extra = [self.extra[place] for place in with_it]
        every = np.append(own, len(self.features) + np.array(with_it, dtype=np.int64))
        trust = np.append(np.where(absent == 1, 0.6, 1.0), [one.trust for one in extra])
        stances = np.append(self.stances[kept], [one.target for one in extra])
        rest = np.c_[2 * absent - 1, 2 * self.topics[kept] - 1]
        centred = np.append(np.ones(len(own), dtype=bool), [one.centred for one in extra])
        mean = float(np.average(stances[centred], weights=trust[centred]))
        duals[every, 0] = np.linalg.solve(
            self.likeness[np.ix_(every, every)] + np.diag(PENALTY / trust).astype(np.float32), (stances - mean * centred).astype(np.float32)
        )
        means = rest.mean(0)
        duals[own, 1:] = np.linalg.solve(
            self.likeness[np.ix_(own, own)] + PENALTY * np.eye(len(own), dtype=np.float32), (rest - means).astype(np.float32)
        )
        return duals, np.append(mean, means)

    def heads(self) -> tuple[dict[str, Array], Array]:
        """Fit the heads on everything: their weights for each feature, and the biases."""
        duals, bias = self._duals(np.ones(len(self.items), dtype=bool))
        return {name: values @ duals[rows] for name, (rows, values) in self.entries.items()}, bias

    def without(self, left_out: Mask, sources: tuple[str, ...] = ()) -> Array:
        """Return the figures of every head for the statements left out of the fit, and with them the twins of the `sources`."""
        duals, bias = self._duals(~left_out, sources)
        figures: Array = self.likeness[: len(self.items)][left_out] @ duals + bias
        return figures

    def twins_without(self, source: str) -> Iterator[tuple[float, float]]:
        """Yield for each pair of twins of a set the difference by rules and by a fit without the set."""
        duals, _ = self._duals(np.array([item.source != source for item in self.items]), (source,))
        for place, one in enumerate(self.extra):
            if one.source == source and not one.rows:
                yield one.ruled, float(self.likeness[len(self.features) + place] @ duals[:, 0])

    def held_out(self, count: int = 5) -> Array:
        """Return the figures of every head for each statement, from a fit without its scene."""
        groups = [repr(item.previous) if item.previous else item.id for item in self.items]
        dealt = folds(groups, count)
        figures = np.zeros((len(self.items), 2 + len(TOPICS)))
        for fold in range(count):
            figures[dealt == fold] = self.without(dealt == fold)
        return figures


def stance_parts(shown: Shown, figures: Array, fair: Mask) -> dict[str, float]:
    """Weigh rules against wording on statements that the rules were not written for, and find the threshold of presence."""
    known = fair & (shown.absent == 0)
    both = np.c_[shown.ruled[known, 0], figures[known, 0]]
    weights = np.linalg.lstsq(both, shown.stances[known], rcond=None)[0]
    size = np.minimum(1.0, np.abs(weights[0] * shown.ruled[:, 0] + weights[1] * figures[:, 0]))
    evidence = np.c_[-figures[:, 1], 1 - np.exp(-shown.ruled[:, 1]), size]
    low, high = np.zeros(3), np.full(3, 99.0)
    steep, bias = fit_bounded(evidence, 1 - shown.absent, penalty=0.1, low=low, high=high, logistic=True)
    odds = evidence @ steep + bias
    threshold = float(np.quantile(odds[fair & (shown.absent == 1)], 1 - NULL_ALARMS))
    return {
        "rules": round(float(weights[0]), 4),
        "wording": round(float(weights[1]), 4),
        "absence": round(float(steep[0]), 4),
        "frames": round(float(steep[1]), 4),
        "size": round(float(steep[2]), 4),
        "bias": round(bias, 4),
        "threshold": round(1 / (1 + float(np.exp(-threshold))), 4),
    }


def write_heads(table: dict[str, Array], bias: Array, path: Path) -> None:
    """Write heads as readable lines, a feature on each, its weights as whole numbers of the head's unit; the smallest are left out."""
    unit = np.array([np.abs([row[head] for row in table.values()]).max() / 999 for head in range(len(bias))])
    lines = []
    for name in sorted(table):
        whole = np.round(table[name] / unit).astype(int)
        if np.abs(whole).max() >= 8:  # noqa: PLR2004 - less than a hundredth of the largest weight
            lines.append(f"  {json.dumps(name, ensure_ascii=False)}: {json.dumps(whole.tolist())}")
    units = json.dumps([round(float(one), 8) for one in unit])
    head = f'{{\n "bias": {json.dumps([round(float(one), 5) for one in bias])},\n "unit": {units},\n'
    path.write_text(head + ' "features": {\n' + ",\n".join(lines) + "\n }\n}\n", encoding="utf-8")
