"""Hashed word and letter sequences: the features of the second tier's linear heads, computed without a vocabulary."""

import math
from functools import lru_cache
from importlib.resources import files
from zlib import crc32

from mallku.detectors.reading import read

BITS = 15
"""Sequences fall into 2 ** BITS buckets."""
HEADS = ("probing", "agreement", "receptiveness", "uptake")
"""Heads in the order in which the table of weights holds them."""

Features = dict[int, float]
"""Weight of each bucket in a text; the squares add up to 1."""


_MASK = (1 << BITS) - 1


@lru_cache(maxsize=16384)
def _pieces(word: str) -> tuple[tuple[int, float], ...]:
    """Return the buckets of a word itself and of the letters in it."""
    framed = f"<{word}>"
    letters = tuple((crc32(framed[start : start + 4].encode(), 7) & _MASK, 0.35) for start in range(max(0, len(framed) - 3)))
    return ((crc32(word.encode()) & _MASK, 1.0), *letters)


@lru_cache(maxsize=1024)
def ngrams(text: str) -> tuple[tuple[int, float], ...]:
    """Return the buckets of a text's words, pairs of words, and letters within words; the last thousand are remembered."""
    tokens = [token.word for sentence in read(text).sentences for token in sentence.tokens][:120]
    counts: dict[int, float] = {}
    before = "^"
    for word in tokens:
        bucket = crc32(f"{before} {word}".encode()) & _MASK
        counts[bucket] = counts.get(bucket, 0.0) + 1.0
        for bucket, count in _pieces(word):
            counts[bucket] = counts.get(bucket, 0.0) + count
        before = word
    end = crc32(f"{before} $".encode()) & _MASK
    counts[end] = counts.get(end, 0.0) + 1.0
    for bound in (3, 8, 16, 32, 64):
        if len(tokens) > bound:
            bucket = crc32(f"longer than {bound}".encode(), 3) & _MASK
            counts[bucket] = 1.5
    values = {bucket: math.sqrt(count) for bucket, count in counts.items()}
    norm = math.sqrt(sum(value * value for value in values.values())) or 1.0
    return tuple((bucket, value / norm) for bucket, value in values.items())


@lru_cache(maxsize=1)
def table() -> tuple[dict[str, memoryview], dict[str, tuple[float, float]]]:
    """Load the weights of all heads: one signed byte per bucket, with the scale and bias of each head."""
    content = (files("mallku.detectors") / "data" / "heads" / "ngrams.bin").read_bytes()
    size = 1 << BITS
    weights: dict[str, memoryview] = {}
    scales: dict[str, tuple[float, float]] = {}
    header = len(HEADS) * 16
    figures = memoryview(content[:header]).cast("d")
    for place, name in enumerate(HEADS):
        weights[name] = memoryview(content[header + place * size : header + (place + 1) * size]).cast("b")
        scales[name] = (figures[2 * place], figures[2 * place + 1])
    return weights, scales


def head(text: str, name: str) -> float:
    """Return the raw figure of a head for a text: log odds, or a standardised rating for `receptiveness` and `uptake`."""
    weights, scales = table()
    column = weights[name]
    scale, bias = scales[name]
    return bias + scale * sum(column[bucket] * value for bucket, value in ngrams(text))
