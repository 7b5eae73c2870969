"""Word lists: which class a word or phrase belongs to, in one language, read from the data files beside this module."""

import tomllib
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from typing import Any

LANGUAGES = ("en", "es", "fr", "de")
"""Languages that have a lexicon."""

_VOWELS = "aeiou"
_INFLECTED = ("agents", "verbs", "nouns")
_REMEMBERED = 20_000
_NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The classes of words and phrases in one language."""

    language: str
    """Code of the language."""
    words: dict[str, frozenset[str]]
    """Classes of each word form, such as `hold` or `agent.other`."""
    phrases: dict[str, dict[str, Any]]
    """Phrases as a tree: for a first word what may follow it, word by word; under the empty word the classes of what ends there."""
    stems: dict[str, frozenset[str]]
    """Classes of words known by their beginning only; the longest beginning counts."""
    memory: dict[str, frozenset[str]] = field(default_factory=dict, compare=False)
    """Words looked up by their beginnings before."""

    def classes(self, word: str) -> frozenset[str]:
        """Return the classes of a word form, or none."""
        found = self.words.get(word)
        if found is not None:
            return found
        if self.stems:
            found = self.memory.get(word)
            if found is not None:
                return found
            if len(self.memory) > _REMEMBERED:
                self.memory.clear()
            self.memory[word] = found = self._by_stem(word)
            return found
        return _NOTHING

    def _by_stem(self, word: str) -> frozenset[str]:
        for length in range(len(word), 2, -1):
            found = self.stems.get(word[:length])
            if found is not None:
                return found
        return _NOTHING


@lru_cache(maxsize=16)
def lexicon(language: str) -> Lexicon:
    """Load a lexicon; an unknown language gives an empty one."""
    if language not in LANGUAGES:
        return Lexicon(language, {}, {}, {})
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
        {word: frozenset(labels) for word, labels in words.items()},
        phrases,
        {stem: frozenset(labels) for stem, labels in stems.items()},
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
