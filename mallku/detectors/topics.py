"""What a statement is about: privacy, community and resources, each as a probability from counted wording."""

import json
import math
import re
import tomllib
from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple

from mallku.detectors.address import without_address
from mallku.detectors.detector import JudgedTurn
from mallku.detectors.reading import Reading, Sentence, is_word_list, read
from mallku.detectors.reciprocity import edge_strength, uptake, weights
from mallku.dialogue.score import Evidence, Score

TOPICS = ("privacy", "community", "resource_talk")
"""Topics that have a head."""


class Found(NamedTuple):
    """A word or phrase of a topic in a text."""

    kind: str
    """Which list it stands in, such as `strong`."""
    start: int
    """First character."""
    end: int
    """One past the last."""
    sentence: int
    """Index of its sentence."""


class _Words(NamedTuple):
    whole: dict[str, tuple[str, ...]]
    begun: dict[str, tuple[str, ...]]
    phrases: dict[str, tuple[tuple[tuple[str, ...], str], ...]]


@lru_cache(maxsize=1)
def _tables() -> dict[str, _Words]:
    loaded = tomllib.loads((files("mallku.detectors") / "data" / "topics.toml").read_text(encoding="utf-8"))
    return {topic: _words(lists) for topic, lists in loaded.items()}


def _words(lists: dict[str, str]) -> _Words:
    whole: dict[str, list[str]] = {}
    begun: dict[str, list[str]] = {}
    phrases: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    for kind, listed in lists.items():
        for word in listed.split():
            if "_" in word:
                first, *rest = word.split("_")
                phrases.setdefault(first, []).append((tuple(rest), kind))
            elif word.endswith("*"):
                begun.setdefault(word[:-1], []).append(kind)
            else:
                whole.setdefault(word, []).append(kind)
    return _Words(
        {word: tuple(kinds) for word, kinds in whole.items()},
        {word: tuple(kinds) for word, kinds in begun.items()},
        {word: tuple(sorted(rests, key=lambda rest: -len(rest[0]))) for word, rests in phrases.items()},
    )


@lru_cache(maxsize=32768)
def _kinds(topic: str, word: str) -> tuple[str, ...]:
    words = _tables()[topic]
    kinds = words.whole.get(word, ())
    for length in range(len(word), 2, -1):
        if word[:length] in words.begun:
            return kinds + words.begun[word[:length]]
    return kinds


def wording(reading: Reading, topic: str) -> list[Found]:
    """Find the words and phrases of a topic; what another sense of a word claims is left out."""
    found: list[Found] = []
    for number, sentence in enumerate(reading.sentences):
        if is_word_list(sentence, reading.language):
            continue
        found.extend(_in_sentence(sentence, number, topic))
    return found


def _in_sentence(sentence: Sentence, number: int, topic: str) -> list[Found]:
    found: list[Found] = []
    tokens = sentence.tokens
    phrases = _tables()[topic].phrases
    index, count = 0, len(tokens)
    while index < count:
        token = tokens[index]
        if not token.is_word:
            index += 1
            continue
        for rest, kind in phrases.get(token.word, ()):
            if index + len(rest) < count and all(_matches(tokens[index + 1 + offset].word, word) for offset, word in enumerate(rest)):
                found.append(Found(kind, token.start, tokens[index + len(rest)].end, number))
                index += len(rest) + 1
                break
        else:
            found.extend(
                Found(kind, token.start, token.end, number) for kind in _kinds(topic, token.word) if not (token.quoted and kind == "strong")
            )
            index += 1
    return found


def _matches(word: str, pattern: str) -> bool:
    return word.startswith(pattern[:-1]) if pattern.endswith("*") else word == pattern


def topic_features(text: str, topic: str) -> tuple[dict[str, float], list[Found]]:
    """Return what a text shows of a topic, by name, and the places that show it."""
    reading = read(text)
    found = wording(reading, topic)
    per_sentence: dict[int, dict[str, int]] = {}
    for one in found:
        counts = per_sentence.setdefault(one.sentence, {})
        counts[one.kind] = counts.get(one.kind, 0) + 1
    features: dict[str, float] = {}
    for kind in {one.kind for one in found}:
        total = sum(counts.get(kind, 0) for counts in per_sentence.values())
        features[kind] = min(1.0, total / 2) if kind != "off" else float(total > 0)
        features[f"any-{kind}"] = 1.0
    for first, second in _PAIRS[topic]:
        if any(first in counts and second in counts for counts in per_sentence.values()):
            features[f"{first}+{second}"] = 1.0
    if topic == "resource_talk" and _QUANTITY.search(text):
        features["quantity"] = 1.0
    return features, found


_PAIRS = {
    "privacy": (("person", "show"), ("person", "guard"), ("show", "guard"), ("strong", "person")),
    "community": (("group", "act"), ("we", "act"), ("strong", "act"), ("group", "we")),
    "resource_talk": (("machine", "cost"), ("machine", "number"), ("cost", "number"), ("strong", "cost")),
}
_QUANTITY = re.compile(r"\d+(?:[.,]\d+)?\s*(?:gb|mb|tb|kb|ghz|w|kw|kwh|ms|s|tokens?|tok/s|j|%)\b", re.IGNORECASE)


@lru_cache(maxsize=1)
def topic_weights() -> dict[str, dict[str, float]]:
    """Load the fitted weights of the topic heads."""
    loaded: dict[str, dict[str, float]] = json.loads(
        (files("mallku.detectors") / "data" / "heads" / "topics.json").read_text(encoding="utf-8")
    )
    return loaded


class TopicDetector:
    """Gives the probability that the author makes a claim about a topic, in whichever direction."""

    def __init__(self, topic: str) -> None:
        """Choose the topic, one of `TOPICS`."""
        self.topic = topic

    @property
    def dimension(self) -> str:
        """The topic."""
        return self.topic

    def judge(self, turn: JudgedTurn) -> Score:
        """Give the probability; contributions add up to its log odds."""
        text, _ = without_address(turn.statement.text)
        if not read(text).words:
            return Score.unscored(self.topic, "There is no text to judge.", detector=f"{self.topic}/1")
        features, found = topic_features(text, self.topic)
        if turn.previous:
            features["context"] = self.context(turn)
        table = topic_weights()[self.topic]
        evidence = [Evidence(label="prior", contribution=table["bias"])]
        for name, value in sorted(features.items()):
            weight = table.get(name, 0.0) * value
            if weight:
                evidence.append(_evidence(name, weight, found, turn.statement.text))
        raw = sum(one.contribution for one in evidence)
        value = 1 / (1 + math.exp(-max(-30.0, min(30.0, raw))))
        return Score(
            dimension=self.topic,
            value=value,
            raw=raw,
            presence=value,
            confidence=abs(2 * value - 1),
            evidence=tuple(evidence),
            tiers=(1, 2),
            detector=f"{self.topic}/1",
        )

    def context(self, turn: JudgedTurn) -> float:
        """Return how much the earlier turns that the statement takes up speak of the topic, 0..1."""
        if not turn.others:
            return 0.0
        found = uptake(turn)
        table = weights()["edge"]
        best = 0.0
        for one, statement in zip(found.edges, found.earlier, strict=True):
            strength = edge_strength(one, found, table)
            if strength > 0.3:  # noqa: PLR2004 - weaker edges carry no topic over
                best = max(best, strength * _own_probability(statement.text, self.topic))
        return best


@lru_cache(maxsize=1024)
def _own_probability(text: str, topic: str) -> float:
    features, _ = topic_features(text, topic)
    table = topic_weights()[topic]
    return 1 / (1 + math.exp(-(table["bias"] + sum(table.get(name, 0.0) * value for name, value in features.items()))))


def _evidence(name: str, weight: float, found: list[Found], text: str) -> Evidence:
    kind = name.removeprefix("any-").split("+")[0]
    for one in found:
        if one.kind == kind:
            return Evidence(label=name, contribution=weight, start=one.start, end=one.end, text=text[one.start : one.end])
    return Evidence(label=name, contribution=weight)
