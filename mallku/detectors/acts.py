"""Conversational acts in the wording of a statement: asking, opposing, conceding, offering, giving reasons, mere thanks."""

# ruff: noqa: SIM905, E501 - word lists read best as running text

from functools import lru_cache
from typing import NamedTuple

from mallku.detectors.reading import Reading, read
from mallku.detectors.wordlists import Wordlists, wordlists

_DEICTIC = frozenset(
    "that this those these then it it's they them their he she him her there such another both either which theirs its so one ones neither same the eso esto ese esa entonces ellos lo cela ça ce ils elle alors das dies diese dann sie es".split()
)
_OPENERS = frozenset(
    "no yes yeah right exactly agreed true then and but or so why who whose what how which where does is are was could would can maybe still sure oh another also too sí entonces y pero oui alors et mais ja nein dann und aber".split()
)
_STOPS = frozenset(".!?;")


class Act(NamedTuple):
    """A conversational act found in a text."""

    name: str
    """Which act."""
    start: int
    """First character of the first place that shows it."""
    end: int
    """One past the last."""


@lru_cache(maxsize=1)
def _lists() -> Wordlists:
    return wordlists("acts.toml")[""]


def acts(text: str) -> dict[str, Act]:
    """Return the acts whose wording the text shows, by name, each with the first place that shows it."""
    found: dict[str, Act] = {}
    lists = _lists()
    opening = True
    for sentence in read(text).sentences:
        tokens = sentence.tokens
        for index, token in enumerate(tokens):
            if not token.is_word:
                mark = token.word[0]
                if "?" in token.word and "question" not in found:
                    found["question"] = Act("question", token.start, token.end)
                if mark == ";" and "reason" not in found:
                    found["reason"] = Act("reason", token.start, token.end)
                opening = mark in _STOPS
                continue
            for name, size in lists.at(tokens, index):
                act = "opposition" if name == "opposing-start" else name
                if act not in found and (name != "opposing-start" or opening):
                    found[act] = Act(act, token.start, tokens[index + size - 1].end)
            if token.word[0].isdigit() and "number" not in found:
                found["number"] = Act("number", token.start, token.end)
            opening = False
        opening = True
    return found


def pointing(reading: Reading) -> float:
    """Return how much the opening of a text points back at something said before, 0..1."""
    words = reading.words
    early = sum(1 for word in words[:7] if word in _DEICTIC and word != "the")
    anywhere = sum(1 for word in words if word in _DEICTIC)
    opener = 1.0 if words and words[0] in _OPENERS else 0.0
    return min(1.0, 0.35 * early + 0.1 * anywhere + 0.3 * opener)
