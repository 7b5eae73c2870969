"""Units of a sentence: words and phrases with the classes that the lexicon gives them."""

from typing import NamedTuple

from mallku.detectors.lexicon import Lexicon
from mallku.detectors.reading import Sentence

MARKERS = frozenset(("okay", "reject", "endorse", "sarcasm", "reported", "undecided", "conclusive", "incase"))
"""Phrases that mark how a sentence is meant; their words keep their own classes as well."""

_AGENTS = frozenset(("self", "other", "agent.collective", "agent.other"))
_NONE: frozenset[str] = frozenset()


class Unit(NamedTuple):
    """A word, phrase or mark of a sentence."""

    word: str
    """The word, or the words of the phrase joined by spaces."""
    classes: frozenset[str]
    """What the lexicon says it is."""
    start: int
    """First character in the text."""
    end: int
    """One past the last character."""
    quoted: bool
    """Whether it stands between quotation marks."""


def units(sentence: Sentence, lexicon: Lexicon) -> list[Unit]:
    """Join the phrases of a sentence and look every word up; the longest phrase at a place counts."""
    tokens = sentence.tokens
    phrases = lexicon.phrases
    found: list[Unit] = []
    index, count = 0, len(tokens)
    while index < count:
        token = tokens[index]
        classes = lexicon.classes(token.word) if token.is_word else _NONE
        size, marks = 0, None
        for rest, name in phrases.get(token.word, ()):
            if index + len(rest) < count and all(tokens[index + 1 + offset].word == word for offset, word in enumerate(rest)):
                if name in MARKERS:
                    marks = (marks or set()) | {f"phrase.{name}"}
                elif not size:
                    size = len(rest) + 1
                    held = [lexicon.classes(word) & _AGENTS for word in (token.word, *rest)]
                    classes = frozenset((f"phrase.{name}",)).union(*held)
        size = size or 1
        last = tokens[index + size - 1]
        word = token.word if size == 1 else " ".join(part.word for part in tokens[index : index + size])
        found.append(Unit(word, classes | marks if marks else classes, token.start, last.end, token.quoted))
        index += size
    return found
