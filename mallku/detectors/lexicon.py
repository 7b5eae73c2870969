"""Word lists: which class a word or phrase belongs to, in one language, read from the data files beside this module."""

# ruff: noqa: SIM905 - word lists read best as running text

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, Self

LANGUAGES = ("en", "es", "fr", "de")
"""Languages that have a lexicon."""

_VOWELS = "aeiou"
_INFLECTED = ("agents", "verbs", "nouns")
_REMEMBERED = 20_000


MOOD, RELATION, HOLDER, SPEECH, TURN = 1, 2, 4, 8, 16
"""What a word may matter for, as bits: mood, relations, holders and places, whose speech it is, and how clauses go on."""

_MOOD = frozenset(
    "negation nobody phrase.no_one wrong unable normative phrase.okay permit hedge condition phrase.incase excess phrase.only".split()
)
_RELATION = frozenset(
    "block give trust depend impose exit repair protect expose decide hold take access ask handle have assent noun.threat noun.good".split()
)
_HOLDER = frozenset("self third nobody agent.collective agent.other other named everybody place remote negation".split())
_SPEECH = frozenset(("say", "phrase.reported", "phrase.endorse", "phrase.reject", "wrong"))
_TURN = frozenset("boundary phrase.incase conclusive phrase.conclusive phrase.proviso phrase.contrast interrogative".split())


class Classes(frozenset[str]):
    """The classes of a word, with what they may matter for worked out once."""

    __slots__ = ("flags", "nouns")
    flags: int
    """Bits of what the word may matter for."""
    nouns: tuple[str, ...]
    """Kinds of noun that it is."""

    def __new__(cls, labels: Iterable[str] = ()) -> Self:
        """Make the set; equal sets are made once only."""
        key = frozenset(labels)
        known = _KNOWN.get(key)
        if known is None:
            known = super().__new__(cls, key)
            phrases = any(label[:7] == "phrase." for label in key)
            known.nouns = tuple(sorted(label[5:] for label in key if label[:5] == "noun."))
            known.flags = (
                (MOOD if key & _MOOD else 0)
                | (RELATION if key & _RELATION or phrases else 0)
                | (HOLDER if key & _HOLDER or phrases or known.nouns else 0)
                | (SPEECH if key & _SPEECH else 0)
                | (TURN if key & _TURN else 0)
            )
            _KNOWN[key] = known
        return known


_KNOWN: dict[frozenset[str], Any] = {}
NOTHING = Classes()
"""No class."""


class Forms(dict[str, Classes]):
    """Classes of word forms; words known by their beginning only are looked up once and remembered."""

    def __init__(self, words: Mapping[str, Iterable[str]], stems: Mapping[str, Iterable[str]]) -> None:
        super().__init__((word, Classes(labels)) for word, labels in words.items())
        self.stems = {stem: Classes(labels) for stem, labels in stems.items()}
        self._limit = len(self) + _REMEMBERED

    def __missing__(self, word: str) -> Classes:
        found = NOTHING
        if self.stems:
            for length in range(len(word), 2, -1):
                known = self.stems.get(word[:length])
                if known is not None:
                    found = known
                    break
            if len(self) < self._limit:
                self[word] = found
        return found


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The classes of words and phrases in one language."""

    language: str
    """Code of the language."""
    words: Forms
    """Classes of each word form, such as `hold` or `agent.other`; to be read as `words[word]`, which knows beginnings too."""
    phrases: dict[str, dict[str, Any]]
    """Phrases as a tree: for a first word what may follow it, word by word; under the empty word the classes of what ends there."""

    def classes(self, word: str) -> Classes:
        """Return the classes of a word form, or none."""
        return self.words[word]


@lru_cache(maxsize=16)
def lexicon(language: str) -> Lexicon:
    """Load a lexicon; an unknown language gives an empty one."""
    if language not in LANGUAGES:
        return Lexicon(language, Forms({}, {}), {})
    text = (files("mallku.detectors") / "data" / "lexicon" / f"{language}.toml").read_text(encoding="utf-8")
    return _built(language, tomllib.loads(text))


def _built(language: str, tables: dict[str, Any]) -> Lexicon:
    words: dict[str, set[str]] = {}
    stems: dict[str, set[str]] = {}
    for table in ("words", *_INFLECTED):
        for name, listed in tables.get(table, {}).items():
            label = f"agent.{name}" if table == "agents" else f"noun.{name}" if table == "nouns" else name
            for word in listed.split():
                if word.endswith("*"):
                    stems.setdefault(word[:-1], set()).add(label)
                    continue
                forms = {word}
                if language == "en" and name == "weak":
                    forms |= verb_forms(word)
                elif language == "en" and table != "words":
                    forms |= verb_forms(word) if table == "verbs" else noun_forms(word)
                for form in forms:
                    words.setdefault(form, set()).add(label)
    phrases: dict[str, Any] = {}
    for name, listed in tables.get("phrases", {}).items():
        for phrase in listed:
            node = phrases
            for word in phrase_words(phrase):
                node = node.setdefault(word, {})
            if f"phrase.{name}" not in node.setdefault("", []):
                node[""].append(f"phrase.{name}")
    return Lexicon(
        language,
        Forms(words, stems),
        phrases,
    )


def phrase_words(phrase: str) -> list[str]:
    """Split a phrase of a data file into the words and marks that a reading would have."""
    return phrase.replace(",", " ,").replace(".", " .").split()


def verb_forms(verb: str) -> set[str]:
    """Return the regular inflections of an English verb."""
    if verb.endswith("e"):
        return {verb, verb + "s", verb + "d", verb[:-1] + "ing"}
    if verb.endswith("y") and verb[-2:-1] not in _VOWELS:
        return {verb, verb[:-1] + "ies", verb[:-1] + "ied", verb + "ing"}
    stem = verb + verb[-1] if _doubles(verb) else verb
    third = verb + ("es" if verb.endswith(("s", "sh", "ch", "x", "z", "o")) else "s")
    return {verb, third, stem + "ed", stem + "ing"}


def noun_forms(noun: str) -> set[str]:
    """Return the regular plural and genitives of an English noun."""
    if noun.endswith("y") and noun[-2:-1] not in _VOWELS:
        plural = noun[:-1] + "ies"
    else:
        plural = noun + ("es" if noun.endswith(("s", "sh", "ch", "x", "z")) else "s")
    return {noun, plural, noun + "'s", plural + "'"}


def _doubles(verb: str) -> bool:
    short = len(verb) >= 3 and verb[-1] not in _VOWELS + "wxy" and verb[-2] in _VOWELS and verb[-3] not in _VOWELS  # noqa: PLR2004 - consonant, vowel, consonant
    return short and (len(verb) <= 4 or verb.endswith(("mit", "bid", "pel", "cel", "fer", "quip")))  # noqa: PLR2004 - longer verbs double only when stressed
