"""Sentence embeddings for reciprocity: an optional third tier through any function that turns texts into vectors."""

import inspect
import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Protocol, runtime_checkable

from mallku.detectors.detector import JudgedTurn
from mallku.detectors.reciprocity import ENGAGED, LOOKS_BACK, ReciprocityDetector
from mallku.dialogue.score import Evidence, Score

Vectors = Sequence[Sequence[float]]
"""One vector for each text, all of one length."""

Embed = Callable[[Sequence[str]], Vectors | Awaitable[Vectors]]
"""Turns texts into vectors, at once or as a coroutine; asked once for every text, and it may take its time."""

_KEPT = 4096


@runtime_checkable
class Closing(Protocol):
    """A maker of vectors that holds something, such as a model."""

    async def close(self) -> None:
        """Give it back; idempotent."""
        ...


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
        self._known: OrderedDict[str, Sequence[float]] = OrderedDict()

    async def prepare(self, turn: JudgedTurn) -> None:
        """Have the texts of a turn turned into vectors, those that are not known yet."""
        wanted = self._unknown(turn)
        if wanted:
            found = self._embed(wanted)
            self._keep(wanted, await found if inspect.isawaitable(found) else found)

    async def close(self) -> None:
        """Close what makes the vectors, if it can be closed."""
        maker: object = self._embed
        if isinstance(maker, Closing):
            await maker.close()

    def judge(self, turn: JudgedTurn) -> Score:
        """Judge as the tiers below do, then move the figure by the largest contrast.

        Without vectors, because they come from a coroutine and nobody has called `prepare`, the tiers below speak alone.
        """
        score = self._below.judge(turn)
        earlier = turn.others[-LOOKS_BACK:]
        capped = any(one.label in ("parrot", "thanks-only", "false-attribution", "word-list", "empty") for one in score.evidence)
        if score.value is None or capped or not earlier:
            return score
        vectors = self._vectors(turn)
        if vectors is None:
            return score
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

    def _vectors(self, turn: JudgedTurn) -> list[Sequence[float]] | None:
        wanted = self._unknown(turn)
        if wanted:
            found = self._embed(wanted) if not inspect.iscoroutinefunction(self._embed) else None
            if found is None or inspect.isawaitable(found):
                if inspect.iscoroutine(found):
                    found.close()
                return None
            self._keep(wanted, found)
        return [self._known[text] for text in _texts(turn)]

    def _unknown(self, turn: JudgedTurn) -> list[str]:
        return [text for text in dict.fromkeys(_texts(turn)) if text not in self._known]

    def _keep(self, texts: Sequence[str], vectors: Vectors) -> None:
        self._known.update(zip(texts, vectors, strict=True))
        while len(self._known) > _KEPT:
            self._known.popitem(last=False)


def _texts(turn: JudgedTurn) -> list[str]:
    """Return the statement, the earlier turns compared, and the question if there is one."""
    earlier = [statement.text for statement in turn.others[-LOOKS_BACK:]]
    return [turn.statement.text, *earlier, *([turn.question] if turn.question else [])]


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the cosine of two vectors, 0 if one of them is null."""
    norm = math.sqrt(sum(x * x for x in one)) * math.sqrt(sum(x * x for x in other))
    return sum(x * y for x, y in zip(one, other, strict=True)) / norm if norm else 0.0


def _mean_without(figures: Sequence[float], index: int) -> float:
    rest = [figure for position, figure in enumerate(figures) if position != index]
    return sum(rest) / len(rest) if rest else figures[index]
