"""What a statement is about: privacy, community and resources, each as a probability from counted wording."""

import json
import math
import re
import tomllib
from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple

from mallku.detectors.address import without_address
from mallku.detectors.detector import JudgedTurn, names_of
from mallku.detectors.lexicon import lexicon
from mallku.detectors.reading import Reading, read
from mallku.detectors.reciprocity import uptake
from mallku.detectors.wording import HEADS, worded
from mallku.detectors.wordlists import Wordlists
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


@lru_cache(maxsize=1)
def _lists() -> Wordlists:
    """All topics in one look-up; the name of a list is `topic/kind`."""
    loaded = tomllib.loads((files("mallku.detectors") / "data" / "topics.toml").read_text(encoding="utf-8"))
    return Wordlists({f"{topic}/{kind}": listed for topic, lists in loaded.items() for kind, listed in lists.items()})


@lru_cache(maxsize=1024)
def wording(text: str) -> dict[str, tuple[Found, ...]]:
    """Find the words and phrases of all topics; a word inside a phrase of a topic does not count again for it."""
    reading = read(text)
    lists = _lists()
    found: dict[str, list[Found]] = {topic: [] for topic in TOPICS}
    for number, sentence in enumerate(reading.sentences):
        if reading.lists[number]:
            continue
        tokens = sentence.tokens
        covered = dict.fromkeys(TOPICS, -1)
        for index, token in enumerate(tokens):
            if not token.is_word:
                continue
            for name, size in lists.at(tokens, index):
                topic, kind = name.split("/")
                if index <= covered[topic] or (token.quoted and kind == "strong"):
                    continue
                if size > 1:
                    covered[topic] = index + size - 1
                found[topic].append(Found(kind, token.start, tokens[index + size - 1].end, number))
    found["community"] += _collectives(reading)
    return {topic: tuple(ones) for topic, ones in found.items()}


def topic_features(text: str, topic: str) -> tuple[dict[str, float], tuple[Found, ...]]:
    """Return what a text shows of a topic, by name, and the places that show it."""
    found = wording(text)[topic]
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


def _collectives(reading: Reading) -> list[Found]:
    """Find collectives among the holders that the lexicon of control knows."""
    words = lexicon(reading.language or "en")
    return [
        Found("collective", token.start, token.end, number)
        for number, sentence in enumerate(reading.sentences)
        if not reading.lists[number]
        for token in sentence.tokens
        if token.is_word and not token.quoted and "agent.collective" in words.classes(token.word)
    ]


_PAIRS = {
    "privacy": (("person", "show"), ("person", "guard"), ("show", "guard"), ("strong", "person")),
    "community": (("group", "act"), ("we", "act"), ("strong", "act"), ("group", "we"), ("collective", "act"), ("collective", "we")),
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
        names = names_of(turn)
        if not read(turn.statement.text).words:
            return Score.unscored(self.topic, "There is no text to judge.", detector=f"{self.topic}/1")
        features, found = topic_features(text, self.topic)
        features["wording"] = worded(text, names).figures[HEADS.index(self.topic)]
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
        best = 0.0
        for strength, statement in zip(found.strengths, found.earlier, strict=True):
            if strength > 0.3:  # noqa: PLR2004 - weaker edges carry no topic over
                best = max(best, strength * own_probability(statement.text, self.topic, names_of(turn)))
        return best


@lru_cache(maxsize=1024)
def own_probability(text: str, topic: str, names: frozenset[str] = frozenset()) -> float:
    """Return the probability of a topic from the text alone."""
    features, _ = topic_features(text, topic)
    table = topic_weights()[topic]
    # exact, so that the order in which features were found leaves no trace
    figure = math.fsum((table["bias"], *(table.get(name, 0.0) * value for name, value in features.items())))
    figure += table.get("wording", 0.0) * worded(text, names).figures[HEADS.index(topic)]
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, figure))))


def _evidence(name: str, weight: float, found: tuple[Found, ...], text: str) -> Evidence:
    kind = name.removeprefix("any-").split("+")[0]
    for one in found:
        if one.kind == kind:
            return Evidence(label=name, contribution=weight, start=one.start, end=one.end, text=text[one.start : one.end])
    return Evidence(label=name, contribution=weight)
