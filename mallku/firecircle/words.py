"""Words of a text, counted and compared without a dictionary of any language."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

# Scripts that are written without spaces: Thai, Lao, Khmer, Burmese, kana and CJK ideographs.
_UNSPACED: Final = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD: Final = re.compile(rf"[{_UNSPACED}]+|(?:(?![{_UNSPACED}])\w)+(?:['\u2019-](?:(?![{_UNSPACED}])\w)+)*")
_UNSPACED_RUN: Final = re.compile(rf"[{_UNSPACED}]+")
_STEM: Final = 5
_FUNCTION_WORDS: Final = frozenset(
    [
        "about",
        "also",
        "because",
        "been",
        "being",
        "between",
        "both",
        "could",
        "does",
        "each",
        "from",
        "have",
        "here",
        "into",
        "just",
        "like",
        "made",
        "make",
        "many",
        "more",
        "most",
        "much",
        "must",
        "need",
        "only",
        "other",
        "over",
        "ours",
        "shall",
        "should",
        "some",
        "such",
        "than",
        "that",
        "their",
        "them",
        "then",
        "there",
        "these",
        "they",
        "this",
        "those",
        "under",
        "very",
        "want",
        "were",
        "what",
        "when",
        "where",
        "which",
        "while",
        "will",
        "with",
        "would",
        "your",
        "yours",
    ]
)
"""Words of English that are long enough to look like content and carry none. Other languages are told apart by length alone."""
_SHORTEST: Final = 4
_FUNCTION_STEMS: Final = frozenset(word[:_STEM] for word in _FUNCTION_WORDS)


def count_words(text: str) -> int:
    """Count words; where a script has no spaces, two characters count as one word."""
    runs = _WORD.findall(text)
    if text.isascii():
        return len(runs)
    return sum((len(run) + 1) // 2 if _UNSPACED_RUN.fullmatch(run) else 1 for run in runs)


def stems(text: str) -> Iterator[str]:
    """Yield the beginnings of the words in order, lower case, so that most inflected forms of one word are the same.

    Where a script has no spaces, pairs of neighbouring characters stand for words.
    """
    for run in _WORD.findall(text.casefold()):
        if _UNSPACED_RUN.fullmatch(run):
            yield from (run[start : start + 2] for start in range(max(len(run) - 1, 1)))
        else:
            yield run[:_STEM]


@lru_cache(maxsize=4096)
def content_stems(text: str) -> frozenset[str]:
    """Return the stems of the words that are likely to carry content: those that are not short, and all pairs of unspaced scripts."""
    return frozenset(stem for stem in stems(text) if len(stem) >= _SHORTEST or _UNSPACED_RUN.fullmatch(stem)) - _FUNCTION_STEMS
