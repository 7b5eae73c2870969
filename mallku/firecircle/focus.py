"""Focus: whether statements keep to the question, and whether they say anything new. Measured on words, without a model.

A measurement on words sees what is there, not what is meant: a statement that answers the question wholly in other words, and takes up
no word of those who took up the question, counts as off it. `tests/benchmarks/focus.py` measures how often it is wrong.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mallku.dialogue.transcript import Statement, Transcript
from mallku.firecircle.words import content_stems, stems

_SHINGLE = 3


def topic(transcript: Transcript) -> frozenset[str]:
    """Return the content words of the question and its options."""
    return content_stems(" ".join([transcript.question, *(option.text for option in transcript.options)]))


def drift(transcript: Transcript, statements: Iterable[Statement]) -> float | None:
    """Return how far the statements of a round have left the question, 0..1.

    It is the share of them that take up none of its content words, and none of those of statements up to this round that take up the
    question. Who takes up only the words of somebody who took up nothing of the question has left it too.
    None where that cannot be said: there are no statements, or the question has no content words.
    """
    words = topic(transcript)
    said = list(statements)
    if not words or not said:
        return None
    latest = max(statement.round_index for statement in said)
    heard = [content_stems(one.text) for one in (*transcript.statements, *said) if one.round_index <= latest]
    near = words.union(*(one for one in heard if one & words))
    return sum(not near & content_stems(statement.text) for statement in said) / len(said)


def question_share(transcript: Transcript, text: str) -> float | None:
    """Return which share of the question's content words a text takes up, 0..1; None if the question has none."""
    words = topic(transcript)
    return len(words & content_stems(text)) / len(words) if words else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Repetition:
    """How much of a statement had been said before."""

    share: float
    """Share of its word triples that stand in an earlier statement, 0..1."""
    turn: str = ""
    """The earlier turn it repeats most, or empty."""


def repetition(text: str, earlier: Sequence[Statement]) -> Repetition:
    """Compare a text with what was said before, by runs of three words; shorter texts as a whole."""
    runs = _runs(text)
    if not runs:
        return Repetition(share=0.0)
    known = {statement.turn: runs & _runs(statement.text) for statement in earlier}
    everything = frozenset[tuple[str, ...]]().union(*known.values())
    closest = max(known, key=lambda turn: len(known[turn]), default="")
    return Repetition(share=len(everything) / len(runs), turn=closest if everything else "")


def novelty(statements: Sequence[Statement], earlier: Sequence[Statement]) -> float | None:
    """Return which share of the content words of `statements` had not been used before, 0..1; None where nothing was said."""
    said = frozenset[str]().union(*(content_stems(statement.text) for statement in statements))
    known = frozenset[str]().union(*(content_stems(statement.text) for statement in earlier))
    return len(said - known) / len(said) if said else None


def _runs(text: str) -> frozenset[tuple[str, ...]]:
    words = tuple(stems(text))
    return frozenset(words[start : start + _SHINGLE] for start in range(max(len(words) - _SHINGLE + 1, min(len(words), 1))))
