"""Wording: the second tier's linear heads over masked words, their classes and neighbours; masked holders keep topics from leaking."""

import json
import math
from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple

from mallku.detectors.clause import Frame
from mallku.detectors.fields import is_function_word_anywhere, stem
from mallku.detectors.frames import Parsed, parsed

HEADS = ("stance", "absence", "privacy", "community", "resource_talk")
"""What the heads tell, in the order of the file: the stance, whether control is left alone, and the topics."""

_MASKED = frozenset(("self", "agent.other", "agent.collective", "named"))
_EARLIER = 0.7
"""Weight of words before the last sentence: what is said last counts most."""
_NEIGHBOURS = 0.7
"""Weight of pairs of neighbours."""
_CLASS, _FUNCTION = 1.3, 0.5
"""Weight of classes, and of function words and marks and of pairs without a class."""
_KINDS = (
    "self", "agent.other", "agent.collective", "other", "negation", "nobody", "everybody", "decide", "give", "hold", "take", "exit",
    "repair", "access", "expose", "protect", "block", "depend", "impose", "trust", "ask", "assent", "noun.control", "noun.thing",
    "noun.good", "noun.threat", "normative", "hedge", "condition", "accepting", "adverse", "wrong", "disparaging", "named", "place",
    "remote", "third", "say", "have", "handle", "interrogative",
)  # fmt: skip
"""Classes that stand for a word beside its neighbours, the first that it has."""


class Features(NamedTuple):
    """What the wording of a text shows."""

    names: tuple[str, ...]
    """Features."""
    weights: tuple[float, ...]
    """How much of each; the squares of all add up to 1 or less."""
    places: tuple[int, ...]
    """Index of the unit, counted through the text, that shows each first; -1 for frames."""


@lru_cache(maxsize=4096)
def _kind(classes: frozenset[str]) -> str:
    for name in _KINDS:
        if name in classes:
            return f"@{name}"
    return next((f"@{name}" for name in sorted(classes) if name[:7] == "phrase."), "@other-class")


@lru_cache(maxsize=16384)
def _of_unit(word: str, classes: frozenset[str]) -> tuple[str, tuple[tuple[str, float], ...]]:
    """Return what stands for a unit beside its neighbours, and the features it has by itself."""
    kind = _kind(classes) if classes else "@number" if word[0].isdigit() else word
    own = [(f"c:{name}", _CLASS) for name in sorted(classes)]
    if not classes & _MASKED:
        telling = word[0].isalnum() and not is_function_word_anywhere(word)
        own.append((f"w:{stem(word) if ' ' not in word else word}", 1.0 if telling else _FUNCTION))
    return kind, tuple(own)


_GROUPS = {
    relation: group
    for group, relations in {
        "control": "hold decide handle have repair exit rests autonomy",
        "cede": "give trust depend surrender resign",
        "intrude": "take impose access expose",
        "guard": "block protect ask assent",
        "lose": "loss unasked endangered",
    }.items()
    for relation in relations.split()
}
"""Relations that say much the same."""


@lru_cache(maxsize=4096)
def _of_frame(relation: str, agent: str, recipient: str, negated: bool, wished: bool) -> tuple[str, ...]:  # noqa: FBT001 - a key of the cache
    """Return the features of a frame, from the narrowest to the widest."""
    mark = "n" if negated else ""
    wider = f"{mark}{'N' if wished else ''}"
    group = _GROUPS.get(relation, relation)
    names = (f"f:{relation}:{agent}:{mark}", f"g:{agent}:{wider}", f"h:{group}:{agent}:{wider}")
    return (*names, f"r:{group}:{recipient}:{mark}") if recipient else names


def _emphasis(frame: Frame, last: int) -> float:
    """Return how much a frame weighs: conclusions more, what is conceded, asked or merely possible less."""
    weight = 1.5 if frame.concluding or (frame.sentence == last and last > 0) else 0.5 if frame.conceded else 1.0
    return weight * 0.5 if frame.question or frame.conditional or frame.hedged else weight


def features(parsed: Parsed) -> Features:
    """Collect the features of a text that has been read for frames; lists of words, and words of others left open, show nothing."""
    found: dict[str, float] = {}
    places: dict[str, int] = {}
    parts, lists = parsed.parts, parsed.reading.lists
    last = max((number for number, listed in enumerate(lists) if not listed), default=-1)
    place = 0
    for frame in parsed.frames:
        if frame.voice:
            weight = frame.voice * _emphasis(frame, last)
            for name in _of_frame(frame.relation, frame.agent, frame.recipient, frame.negated, frame.normative or frame.permitted):
                found[name] = found.get(name, 0.0) + weight
                places[name] = -1
    for number, sentence in enumerate(parts):
        if lists[number]:
            place += len(sentence)
            continue
        weight = 1.0 if number == last else _EARLIER
        voice = parsed.voices[number]
        before = "^"
        for index, unit in enumerate(sentence):
            if voice and voice[index].weight <= 0:
                place += 1
                continue
            kind, own = _of_unit(unit.word, unit.classes)
            if unit.quoted:
                own = tuple((f"q{name}", share) for name, share in own)
            pair = f"b:{before} {kind}"
            for name, share in own:
                value = weight * share
                if found.get(name, 0.0) < value:
                    found[name] = value
                    places[name] = place
            found[pair] = _NEIGHBOURS * weight if kind[0] == "@" or before[0] == "@" else _FUNCTION * _NEIGHBOURS * weight
            places[pair] = place
            before = kind
            place += 1
    norm = math.sqrt(sum(value * value for value in found.values())) or 1.0
    return Features(tuple(found), tuple(value / norm for value in found.values()), tuple(places[name] for name in found))


class Heads(NamedTuple):
    """Fitted weights."""

    table: dict[str, tuple[float, ...]]
    """For each feature one weight per head."""
    bias: tuple[float, ...]
    """What each head says of an empty text."""


@lru_cache(maxsize=1)
def heads() -> Heads:
    """Load the fitted weights; in the file they are whole numbers, to be multiplied by the head's unit."""
    loaded = json.loads((files("mallku.detectors") / "data" / "heads" / "wording.json").read_text(encoding="utf-8"))
    unit = loaded["unit"]
    table = {name: tuple(figure * scale for figure, scale in zip(row, unit, strict=True)) for name, row in loaded["features"].items()}
    return Heads(table, tuple(loaded["bias"]))


class Wording(NamedTuple):
    """What the heads say of a text."""

    figures: tuple[float, ...]
    """One figure per head: a stance, and log odds."""
    stance_at: dict[int, float]
    """How much each unit adds to the stance; -1 stands for frames."""


EMPTY = Wording((0.0, 1.0, -1.0, -1.0, -1.0), {})
"""What the heads say where there is nothing of the author's to read."""


@lru_cache(maxsize=256)
def worded(text: str, names: frozenset[str]) -> Wording:
    """Return what the heads say of a text; the last few hundred are remembered."""
    return judged(features(parsed(text, names)))


def judged(shown: Features) -> Wording:
    """Add the weights of the features up."""
    table, bias = heads()
    if not shown.names:
        return EMPTY
    stance, absence, privacy, community, resource = bias
    at: dict[int, float] = {}
    for name, value, place in zip(*shown, strict=True):
        row = table.get(name)
        if row is not None:
            adds = row[0] * value
            stance += adds
            at[place] = at.get(place, 0.0) + adds
            absence += row[1] * value
            privacy += row[2] * value
            community += row[3] * value
            resource += row[4] * value
    return Wording((stance, absence, privacy, community, resource), at)
