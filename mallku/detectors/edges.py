"""Edges: what in a statement takes up an earlier turn of somebody else."""

# ruff: noqa: SIM905, E501 - word lists read best as running text

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from mallku.detectors.fields import content, fields_of, stem, telling
from mallku.detectors.reading import Reading, Token, read

_NUMBERS = {
    word: str(number)
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty".split()
    )
    if number > 1
} | {
    "thirty": "30",
    "forty": "40",
    "fifty": "50",
    "sixty": "60",
    "seventy": "70",
    "eighty": "80",
    "ninety": "90",
    "hundred": "100",
    "thousand": "1000",
}


class Span(NamedTuple):
    """A place in a text."""

    start: int
    """First character."""
    end: int
    """One past the last."""


@dataclass(frozen=True, slots=True)
class Matter:
    """What a text is about, kept for comparing it with others."""

    reading: Reading
    """The text taken apart."""
    stems: dict[str, str]
    """Content words by stem."""
    fields: frozenset[str]
    """Fields of meaning of the content words."""
    numbers: frozenset[str]
    """Numbers, in figures."""
    weight: float
    """Sum of how telling the content words are."""
    meant: dict[str, frozenset[str]]
    """Fields of meaning of the content words that have some, by stem."""
    places: dict[str, Token]
    """For each stem of a word the last place where it stands."""


@lru_cache(maxsize=1024)
def matter(text: str) -> Matter:
    """Return what a text is about; the last thousand are remembered."""
    reading = read(text)
    words = content(reading)
    meant = {key: found for key, word in words.items() if (found := fields_of(word))}
    fields: frozenset[str] = frozenset().union(*meant.values())
    numbers = frozenset([_NUMBERS.get(word, word) for word in reading.words if word in _NUMBERS or word[0].isdigit()])
    places = {stem(token.word): token for sentence in reading.sentences for token in sentence.tokens if token.is_word}
    return Matter(reading, words, fields, numbers, sum([telling(word) for word in words.values()]), meant, places)


@dataclass(frozen=True, slots=True)
class Edge:
    """How a statement relates to one earlier turn, feature by feature."""

    named: float
    """1 if the statement names the earlier speaker."""
    taken: float
    """Share of the earlier turn's telling words that come up again, 0..1."""
    about: float
    """Share of the statement's telling words that come from the earlier turn, 0..1."""
    words: float
    """Number of telling words taken up, saturating at three."""
    fields: float
    """Fields of meaning in common beyond the words, saturating at three."""
    numbers: float
    """1 if a number of the earlier turn comes up again, 0.5 if both speak of numbers."""
    last: float
    """1 if it is the latest turn of another speaker."""
    spans: tuple[tuple[Span, Span], ...]
    """Pairs of places, in the statement and in the earlier turn, that show the words taken up."""
    name_span: Span | None
    """Where the name stands."""


def edge(text: str, earlier: str, speaker: str, *, last: bool, names: frozenset[str] = frozenset()) -> Edge:
    """Compare a statement with one earlier turn by `speaker`; `names` are left out of the words compared."""
    here, there = matter(text), matter(earlier)
    named = {key for key, word in here.stems.items() if word in names}
    shared = (here.stems.keys() & there.stems.keys()) - named
    gain = sum([telling(here.stems[key]) for key in shared])
    weight = here.weight - sum([telling(here.stems[key]) for key in named])
    rest_here = _fields_without(here, shared | named)
    rest_there = _fields_without(there, shared)
    numbers = 1.0 if here.numbers & there.numbers else 0.5 if here.numbers and there.numbers else 0.0
    name_span = _name_span(here.reading, speaker)
    return Edge(
        named=1.0 if name_span else 0.0,
        taken=gain / there.weight if there.weight else 0.0,
        about=gain / weight if weight > 0 else 0.0,
        words=min(1.0, gain / 3),
        fields=min(1.0, len(rest_here & rest_there) / 3),
        numbers=numbers,
        last=1.0 if last else 0.0,
        spans=tuple(_spans(here, there, shared)) if shared else (),
        name_span=name_span,
    )


def _name_span(reading: Reading, speaker: str) -> Span | None:
    first = speaker.lower().split()[0] if speaker.split() else ""
    if not first:
        return None
    for sentence in reading.sentences:
        for token in sentence.tokens:
            if token.word == first or token.word == first + "'s":
                return Span(token.start, token.end)
    return None


def _spans(here: Matter, there: Matter, shared: set[str]) -> list[tuple[Span, Span]]:
    found: list[tuple[Span, Span]] = []
    left = set(shared)
    for sentence in here.reading.sentences:
        for token in sentence.tokens:
            if token.is_word and left:
                key = stem(token.word)
                if key in left and key in there.places:
                    left.discard(key)
                    other = there.places[key]
                    found.append((Span(token.start, token.end), Span(other.start, other.end)))
    return found


def _fields_without(matter: Matter, stems: set[str]) -> frozenset[str]:
    """Return the fields of meaning of all content words but some."""
    if stems.isdisjoint(matter.meant):
        return matter.fields
    return frozenset().union(*[found for key, found in matter.meant.items() if key not in stems])


def longest_run(text: str, earlier: str) -> float:
    """Return the share of a statement's words that stand in one run, in order, in the earlier turn."""
    here, there = read(text).words, read(earlier).words
    if not here or not there:
        return 0.0
    row = [0] * (len(there) + 1)
    best = 0
    for word in here:
        diagonal = 0
        for index, other in enumerate(there, 1):
            above = row[index]
            row[index] = diagonal + 1 if word == other else 0
            best = max(best, row[index])
            diagonal = above
    return best / len(here)


CLAIM = re.compile(
    r"\b(?:as|like)\s+(\w+)\s+(?:said|says|put it|pointed out|mentioned|noted|suggested|proposed|argued)\b|\b(?:wie|como|comme)\s+(\w+)\s+(?:sagte?|dijo|dice|a dit|dit|meinte)\b|\b(\w+)(?:'s (?:idea|point|proposal|suggestion|words)| (?:said|told us|proposed|suggested|wanted|asked)) (?:that|of|to|about)\b",
    re.IGNORECASE,
)
"""A claim about what an earlier speaker said."""
