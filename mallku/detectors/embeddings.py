"""Sentence embeddings for reciprocity: an optional third tier through any function that turns texts into vectors."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from mallku.detectors.detector import JudgedTurn
from mallku.detectors.reciprocity import ENGAGED, LOOKS_BACK, ReciprocityDetector
from mallku.dialogue.score import Evidence, Score

Embed = Callable[[Sequence[str]], Sequence[Sequence[float]]]
"""Turns texts into vectors of one length; called once per statement, and it may take its time."""

WEIGHT = 0.6
"""How much a contrast of 1 adds to the score. Set by judgement: no embedding model comes with mallku to fit it on."""
BOUND = 0.2
"""The embedding moves a score by no more than this."""
TIER = 3
"""The tier of embeddings."""


class EmbeddedReciprocityDetector:
    """Reciprocity with a third tier: closeness in meaning to an earlier turn, against that to the question and the other turns.

    Only the contrast counts, so that talking on topic is not taken for uptake. Parrots and false claims stay capped.
    """

    dimension = "reciprocity"

    def __init__(self, embed: Embed, *, below: ReciprocityDetector | None = None) -> None:
        """Take the function that makes vectors, and the detector of the tiers below."""
        self._embed = embed
        self._below = below or ReciprocityDetector()

    def judge(self, turn: JudgedTurn) -> Score:
        """Judge as the tiers below do, then move the figure by the largest contrast."""
        score = self._below.judge(turn)
        earlier = turn.others[-LOOKS_BACK:]
        capped = any(one.label in ("parrot", "thanks-only", "false-attribution", "word-list", "empty") for one in score.evidence)
        if score.value is None or capped or not earlier:
            return score
        texts = [turn.statement.text, *(statement.text for statement in earlier), *([turn.question] if turn.question else [])]
        vectors = self._embed(texts)
        near = [cosine(vectors[0], vector) for vector in vectors[1:]]
        contrasts = [near[index] - _mean_without(near, index) for index in range(len(earlier))]
        step = max(-BOUND, min(BOUND, WEIGHT * max(contrasts)))
        value = max(0.0, min(1.0, score.value + step))
        engages = dict(score.engages)
        for statement, contrast in zip(earlier, contrasts, strict=True):
            if contrast > ENGAGED / 2:
                engages.setdefault(statement.seat, ENGAGED)
        evidence = (
            *score.evidence,
            Evidence(label="embedding-contrast", contribution=value - score.value, measured=max(contrasts), unit="cosine"),
        )
        return replace(score, value=value, raw=value, evidence=evidence, engages=tuple(engages.items()), tiers=(*score.tiers, TIER))


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the cosine of two vectors, 0 if one of them is null."""
    norm = math.sqrt(sum(x * x for x in one)) * math.sqrt(sum(x * x for x in other))
    return sum(x * y for x, y in zip(one, other, strict=True)) / norm if norm else 0.0


def _mean_without(figures: Sequence[float], index: int) -> float:
    rest = [figure for position, figure in enumerate(figures) if position != index]
    return sum(rest) / len(rest) if rest else figures[index]
