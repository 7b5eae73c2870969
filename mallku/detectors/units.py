"""Units of a sentence: words and phrases with the classes that the lexicon gives them."""

# ruff: noqa: SIM905, E501 - word lists read best as running text

from typing import NamedTuple

from mallku.detectors.lexicon import NOTHING, Classes, Lexicon
from mallku.detectors.reading import Sentence, Token, is_function_word

MARKERS = frozenset(
    f"phrase.{name}"
    for name in ("okay", "reject", "endorse", "sarcasm", "reported", "undecided", "conclusive", "incase", "contrast", "proviso")
)
"""Phrases that mark how a sentence is meant; their words keep their own classes as well."""

_AGENTS = frozenset(("self", "other", "agent.collective", "agent.other"))
_NAMED = Classes(("named",))
_CALENDAR = frozenset(
    "monday tuesday wednesday thursday friday saturday sunday january february march april may june july august september october november december christmas easter ramadan god english french german spanish european african american i mr mrs ms dr prof father sister brother".split()
)
_PREDICATES = frozenset(
    "should must will may can could would has had is was gets got wants wanted keeps kept decides decided owns owned runs ran wrote writes holds held knows knew sees saw takes took sells sold says said asks asked promises promised offers offered pays paid ought never already now also".split()
)


class Unit(NamedTuple):
    """A word, phrase or mark of a sentence."""

    word: str
    """The word, or the words of the phrase joined by spaces."""
    classes: Classes
    """What the lexicon says it is."""
    start: int
    """First character in the text."""
    end: int
    """One past the last character."""
    quoted: bool
    """Whether it stands between quotation marks."""


def units(sentence: Sentence, lexicon: Lexicon, text: str, names: frozenset[str] = frozenset()) -> list[Unit]:
    """Join the phrases of a sentence and look every word up; the longest phrase at a place counts."""
    tokens = sentence.tokens
    phrases = lexicon.phrases
    known = lexicon.words
    capitals = lexicon.language != "de"
    found: list[Unit] = []
    index, count = 0, len(tokens)
    while index < count:
        word, start, end, is_word, quoted = tokens[index]
        classes = known[word] if is_word else NOTHING
        size = 1
        node = phrases.get(word)
        if node is not None:
            marks: list[str] = []
            size, phrase = _longest(node, tokens, index, marks)
            if phrase:
                held = [known[tokens[place].word] & _AGENTS for place in range(index, index + size)]
                classes = Classes(frozenset((phrase,)).union(*held))
                end = tokens[index + size - 1].end
                word = " ".join(part.word for part in tokens[index : index + size])
            if marks:
                classes = Classes(classes.union(marks))
        elif not classes and is_word and capitals and text[start].isupper() and _is_name(tokens, index, text, lexicon, names):
            classes = _NAMED
        found.append(_new(Unit, (word, classes, start, end, quoted)))
        index += size
    return found


_new = tuple.__new__


def _longest(node: dict[str, object], tokens: tuple[Token, ...], index: int, marks: list[str]) -> tuple[int, str]:
    """Return how many tokens the longest phrase that begins here has, and its class; markers are added to `marks`."""
    size, phrase = 1, ""
    place, count = index, len(tokens)
    current: dict[str, object] | None = node
    while current is not None:
        label = current.get("")
        if label:
            for name in label:  # type: ignore[attr-defined]
                if name in MARKERS:
                    marks.append(name)
                else:
                    size, phrase = place - index + 1, name
        place += 1
        if place >= count:
            break
        current = current.get(tokens[place].word)  # type: ignore[assignment]
    return size, phrase


def _is_name(tokens: tuple[Token, ...], index: int, text: str, lexicon: Lexicon, names: frozenset[str]) -> bool:
    """Whether a capitalised word that no list knows is the name of an organisation or a place."""
    word = tokens[index].word
    if len(word) < 3 or word in names or word in _CALENDAR or word.removesuffix("'s") in names or is_function_word(word, lexicon.language):  # noqa: PLR2004 - initials are no names
        return False
    following = tokens[index + 1] if index + 1 < len(tokens) else None
    if index and tokens[index - 1].is_word:
        return not (following is not None and following.word == "," and tokens[index - 1].word == ",")
    if following is None or not following.is_word or word.endswith(("s", "ing", "ly")):
        return False
    return following.word in _PREDICATES or text[following.start].isupper()
