"""Fit the heads of the second tier's wording, and how rules and wording are put together to a stance."""

import json
from collections import Counter
from pathlib import Path

import numpy as np

from mallku.detectors.address import without_address
from mallku.detectors.detector import judged_turn, names_of
from mallku.detectors.fitting.corpora import Labelled, control_pairs
from mallku.detectors.fitting.learning import Array, Mask, fit_bounded, folds
from mallku.detectors.frames import parsed
from mallku.detectors.stance import rules_stance
from mallku.detectors.topics import TOPICS
from mallku.detectors.wording import Features, features

PENALTY = 0.3
"""Penalty of the heads, chosen by leaving whole sets out."""
CEDED, CLAIMED = -0.7, 0.7
"""Stance that the control pairs are taken to have."""
NULL_ALARMS = 0.08
"""Share of statements that do not address control which may be scored all the same, out of fold."""


class Shown:
    """What the statements to be fitted on show, and what they are labelled with."""

    def __init__(self, items: list[Labelled], folder: Path) -> None:
        """Read all statements and the control pairs for their features."""
        self.items = items
        texts = [(without_address(item.text)[0], names_of(judged_turn(item.text, previous=item.previous))) for item in items]
        found = [parsed(text, names) for text, names in texts]
        self.ruled = np.array([(one.stance, one.total) for one in map(rules_stance, found)]).reshape(-1, 2)
        self.features = [features(one.parts, one.frames) for one in found]
        paired = [(text, stance) for pair in control_pairs(folder) for text, stance in zip(pair, (CLAIMED, CEDED), strict=True)]
        read_pairs = [parsed(text, frozenset()) for text, _ in paired]
        self.pairs = [features(one.parts, one.frames) for one in read_pairs]
        self.pair_stances = np.array([stance for _, stance in paired])
        self.stances = np.array([item.sovereignty or 0.0 for item in items])
        self.absent = np.array([item.sovereignty is None for item in items], dtype=float)
        self.topics = np.array([[float(item.topics[topic]) for topic in TOPICS] for item in items])

    def heads(self, kept: Mask) -> tuple[dict[str, Array], Array]:
        """Fit the heads on the statements that a mask keeps, and on all control pairs: weights per feature, and the biases."""
        own = [one for one, keep in zip(self.features, kept, strict=True) if keep]
        counts = Counter(name for one in own for name in one.names)
        columns = {name: place for place, name in enumerate(name for name, count in counts.items() if count > 1)}
        design = np.vstack([_matrix(own, columns), _matrix(self.pairs, columns)])
        absent = self.absent[kept]
        stances = np.append(self.stances[kept], self.pair_stances)
        trust = np.append(np.where(absent == 1, 0.6, 1.0), np.full(len(self.pair_stances), 0.3))
        rest = np.c_[2 * absent - 1, 2 * self.topics[kept] - 1]
        weights, biases = [], []
        for matrix, target, confidence in (
            (design, stances[:, None], trust),
            (design[: len(own)], rest, np.ones(len(own))),
        ):
            mean = np.average(target, axis=0, weights=confidence)
            dual = np.linalg.solve(matrix @ matrix.T + np.diag(PENALTY / confidence), target - mean)
            weights.append(matrix.T @ dual)
            biases.append(mean)
        together = np.hstack(weights)
        return {name: together[place] for name, place in columns.items()}, np.concatenate(biases)

    def held_out(self, count: int = 5) -> Array:
        """Return the figures of every head for each statement, from a fit without its scene."""
        groups = [repr(item.previous) if item.previous else item.id for item in self.items]
        dealt = folds(groups, count)
        figures = np.zeros((len(self.items), 2 + len(TOPICS)))
        for fold in range(count):
            out = dealt == fold
            figures[out] = self.figures(*self.heads(~out), out)
        return figures

    def figures(self, table: dict[str, Array], bias: Array, chosen: Mask) -> Array:
        """Return the figures of fitted heads for the chosen statements."""
        rows = []
        for one, choose in zip(self.features, chosen, strict=True):
            if choose:
                figure = bias.copy()
                for name, value in zip(one.names, one.weights, strict=True):
                    if name in table:
                        figure += table[name] * value
                rows.append(figure)
        return np.array(rows)


def _matrix(shown: list[Features], columns: dict[str, int]) -> Array:
    matrix = np.zeros((len(shown), len(columns)))
    for row, one in enumerate(shown):
        for name, value in zip(one.names, one.weights, strict=True):
            if name in columns:
                matrix[row, columns[name]] = value
    return matrix


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
    threshold = float(np.quantile(odds[shown.absent == 1], 1 - NULL_ALARMS))
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
    head = f'{{\n "bias": {json.dumps([round(float(one), 5) for one in bias])},\n "unit": {json.dumps([round(float(one), 8) for one in unit])},\n'
    path.write_text(head + ' "features": {\n' + ",\n".join(lines) + "\n }\n}\n", encoding="utf-8")
