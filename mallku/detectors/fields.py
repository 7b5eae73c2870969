"""Fields of meaning and everyday words: whether two words are about the same thing, and how telling a word is."""

# ruff: noqa: SIM905, E501, PLR2004 - word lists read best as running text

import re
import tomllib
from functools import lru_cache
from importlib.resources import files

from mallku.detectors.reading import Reading, is_function_word

_EVERYDAY = frozenset(
    """thing things way ways lot lots bit very really quite also just only even still much more most less least many few good bad great nice new old big small long
    like want wants go goes going went come comes came get gets got make makes made take takes took say says said tell told think thinks know let us we ours ourselves
    yes no not now then again back well right point points sure thank thanks please here today day one two first last own same other another such too already
    should shall ought cannot don't doesn't isn't won't i'm i'll i'd we'll we're you're it's that's there's can't would could use used using need needs
    see look seem seems keep put every each everybody everyone somebody something anything nothing nobody whole part done doing being having next ever never always often
    thats maybe perhaps rather idea ideas question answer people person both between whether while until since however though although
    noch schon auch mehr sehr hier más muy también aquí plus très aussi ici""".split()
)
_SUFFIX = re.compile(r"(?:'s|s'|ings?|edly|ed|ers?|ly|ations?|ions?|ments?|ness|es|s|e)$")


@lru_cache(maxsize=16384)
def stem(word: str) -> str:
    """Cut off common endings; a rough guess that serves comparison only."""
    if len(word) <= 3:
        return word
    cut = _SUFFIX.sub("", word)
    if len(cut) < 3:
        return word
    if cut[-1] == "i":
        return cut[:-1] + "y"
    if len(cut) > 3 and cut[-1] == cut[-2] and cut[-1] not in "ls":
        return cut[:-1]
    return cut


@lru_cache(maxsize=1)
def _fields() -> tuple[dict[str, frozenset[str]], dict[str, frozenset[str]]]:
    tables = tomllib.loads((files("mallku.detectors") / "data" / "fields.toml").read_text(encoding="utf-8"))
    whole: dict[str, set[str]] = {}
    begun: dict[str, set[str]] = {}
    for name, listed in tables.items():
        for word in listed.split():
            (begun.setdefault(word[:-1], set()) if word.endswith("*") else whole.setdefault(word, set())).add(name)
    return {key: frozenset(value) for key, value in whole.items()}, {key: frozenset(value) for key, value in begun.items()}


@lru_cache(maxsize=16384)
def fields_of(word: str) -> frozenset[str]:
    """Return the fields of meaning of a word."""
    whole, begun = _fields()
    found = whole.get(word, frozenset())
    for length in range(len(word), 2, -1):
        prefix = begun.get(word[:length])
        if prefix:
            return found | prefix
    return found


@lru_cache(maxsize=16384)
def telling(word: str) -> float:
    """Return how telling a word is, from 0 for function words to 1 for rare ones."""
    if is_function_word_anywhere(word):
        return 0.0
    if word in _EVERYDAY:
        return 0.2
    return 1.0 if len(word) > 3 or word[0].isdigit() else 0.6


@lru_cache(maxsize=16384)
def is_function_word_anywhere(word: str) -> bool:
    """Whether the word is a function word in one of the languages."""
    return any(is_function_word(word, language) and "'" not in word for language in ("en", "es", "fr", "de")) or (
        "'" in word and len(word) < 8
    )


def content(reading: Reading) -> dict[str, str]:
    """Return the content words of a text by stem, each with one of its forms."""
    return {stem(word): word for word in reading.words if telling(word) > 0}
