"""Small learners and measures in numpy: penalised linear models with bounds, cross-validation by group, rank measures, calibration."""

import itertools
from collections.abc import Callable, Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from mallku.detectors.ngrams import BITS, ngrams

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


class Hashed:
    """Texts as a sparse matrix of hashed sequences."""

    def __init__(self, texts: Sequence[str]) -> None:
        """Hash every text."""
        entries = [(row, bucket, value) for row, text in enumerate(texts) for bucket, value in ngrams(text)]
        self.rows = np.array([entry[0] for entry in entries], dtype=np.int64)
        self.columns = np.array([entry[1] for entry in entries], dtype=np.int64)
        self.values = np.array([entry[2] for entry in entries])
        self.count = len(texts)

    def where(self, mask: Mask) -> "Hashed":
        """Return the rows that a mask selects."""
        part = object.__new__(Hashed)
        place = np.cumsum(mask) - 1
        kept = mask[self.rows]
        part.rows, part.columns, part.values = place[self.rows[kept]], self.columns[kept], self.values[kept]
        part.count = int(mask.sum())
        return part

    def times(self, weights: Array) -> Array:
        """Return the product with a column of weights."""
        product: Array = np.bincount(self.rows, self.values * weights[self.columns], minlength=self.count).astype(np.float64)
        return product

    def transposed_times(self, figures: Array) -> Array:
        """Return the product of the transposed matrix with a column of figures."""
        product: Array = np.bincount(self.columns, self.values * figures[self.rows], minlength=1 << BITS).astype(np.float64)
        return product


def fit_hashed(texts: Hashed, target: Array, *, penalty: float, steps: int, logistic: bool) -> tuple[Array, float]:
    """Fit a penalised logistic or least-squares head by Nesterov's accelerated gradient."""
    weights = ahead = np.zeros(1 << BITS)
    mean = float(target.mean())
    bias = bias_ahead = float(np.log(mean / (1 - mean))) if logistic else mean
    momentum = 1.0
    count = len(target)
    rate = 1 / ((0.15 if logistic else 2.0) + penalty / count)
    for _ in range(steps):
        figure = texts.times(ahead) + bias_ahead
        error = ((1 / (1 + np.exp(-figure))) if logistic else figure) - target
        following = ahead - rate * (texts.transposed_times(error) / count + penalty / count * ahead)
        following_bias = bias_ahead - rate * float(error.mean())
        grown = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        push = (momentum - 1) / grown
        ahead, bias_ahead = following + push * (following - weights), following_bias + push * (following_bias - bias)
        weights, bias, momentum = following, following_bias, float(grown)
    return weights, bias


def fit_bounded(
    features: Array, target: Array, *, penalty: float, low: Array, high: Array, logistic: bool, steps: int = 3000
) -> tuple[Array, float]:
    """Fit a penalised linear model whose weights stay within bounds, by projected gradient. The bias is free."""
    design = np.c_[features, np.ones(len(features))]
    weights = np.zeros(design.shape[1])
    weights[-1] = float(np.log(target.mean() / (1 - target.mean()))) if logistic else target.mean()
    charge = np.full(len(weights), penalty)
    charge[-1] = 0.0
    lower, upper = np.append(low, -99.0), np.append(high, 99.0)
    rate = 1 / (float(np.linalg.norm(design, 2)) ** 2 * (0.25 if logistic else 1.0) + penalty)
    for _ in range(steps):
        figure = design @ weights
        error = ((1 / (1 + np.exp(-figure))) if logistic else figure) - target
        weights = np.clip(weights - rate * (design.T @ error + charge * weights), lower, upper)
    return weights[:-1], float(weights[-1])


def folds(groups: Sequence[Hashable], count: int, seed: int = 0) -> NDArray[np.int64]:
    """Deal groups into folds at random, so that a group is never split."""
    names = sorted(set(groups), key=str)
    dealt = dict(zip(names, np.random.default_rng(seed).permutation(len(names)) % count, strict=True))
    return np.array([dealt[group] for group in groups])


def out_of_fold(groups: Sequence[Hashable], count: int, predict: Callable[[Mask], Array]) -> Array:
    """Collect predictions; `predict` gets the rows to leave out of the fit and returns figures for exactly these."""
    dealt = folds(groups, count)
    figures = np.zeros(len(dealt))
    for fold in range(count):
        left_out = dealt == fold
        if left_out.any():
            figures[left_out] = predict(left_out)
    return figures


def ranks(figures: Array) -> Array:
    """Return ranks with ties shared."""
    _, inverse, counts = np.unique(figures, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    shared: Array = (ends - (counts - 1) / 2)[inverse]
    return shared


def spearman(one: Array, other: Array) -> float:
    """Return the rank correlation."""
    return pearson(ranks(one), ranks(other))


def pearson(one: Array, other: Array) -> float:
    """Return the linear correlation, 0 if one side does not vary."""
    spread = one.std() * other.std()
    return float(((one - one.mean()) * (other - other.mean())).mean() / spread) if spread else 0.0


def auc(labels: Array, figures: Array) -> float:
    """Return the area under the ROC curve."""
    positive = labels == 1
    above = float(ranks(figures)[positive].sum()) - positive.sum() * (positive.sum() + 1) / 2
    return float(above / (positive.sum() * (~positive).sum()))


def best_f1(labels: Array, figures: Array) -> float:
    """Return the best F1 over thresholds."""
    best = 0.0
    for threshold in np.quantile(figures, np.linspace(0.5, 0.99, 60)):
        chosen = figures > threshold
        best = max(best, float(2 * (chosen & (labels == 1)).sum() / max(1, chosen.sum() + (labels == 1).sum())))
    return best


def calibration(labels: Array, probabilities: Array, bins: int = 8) -> tuple[float, float, list[tuple[float, float, int]]]:
    """Return Brier score, expected calibration error and the reliability table: mean probability, share of positives, count."""
    table = []
    error = 0.0
    edges = np.linspace(0, 1, bins + 1)
    for low, high in itertools.pairwise(edges):
        inside = (probabilities >= low) & ((probabilities < high) | (high == 1))
        if inside.any():
            mean, share = float(probabilities[inside].mean()), float(labels[inside].mean())
            table.append((mean, share, int(inside.sum())))
            error += abs(mean - share) * inside.sum() / len(labels)
    return float(((probabilities - labels) ** 2).mean()), float(error), table


def interval(measure: Callable[[NDArray[np.int64]], float], count: int, *, draws: int = 200, seed: int = 0) -> tuple[float, float]:
    """Return a 95 % bootstrap interval of a measure over row numbers."""
    rng = np.random.default_rng(seed)
    drawn = [measure(rng.integers(0, count, count)) for _ in range(draws)]
    return float(np.quantile(drawn, 0.025)), float(np.quantile(drawn, 0.975))
