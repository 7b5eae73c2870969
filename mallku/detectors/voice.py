"""Whose voice a word stands in: the author's, or that of somebody quoted or reported, endorsed, rejected or left alone."""

# ruff: noqa: SIM905, RUF001 - word lists read best as running text; quotation marks of several languages are meant

from typing import NamedTuple

from mallku.detectors.lexicon import SPEECH
from mallku.detectors.units import Unit


class Voice(NamedTuple):
    """The stand the author takes to a word."""

    weight: float
    """1 own voice, 0.8 quoted and endorsed, 0 quoted without a stand, -0.8 quoted and rejected."""


OWN = Voice(1.0)
_ENDORSED, _OPEN, _REJECTED = Voice(0.8), Voice(0.0), Voice(-0.8)
_FIRST_PERSON = frozenset("i we yo nosotros je nous ich wir".split())
_TELLS = frozenset(("tell", "tells", "told"))
_THAT = frozenset("that whether que dass ob si".split())
_ENDS = frozenset(".;!?")


def voices(sentences: list[list[Unit]]) -> list[list[Voice] | None]:
    """Return the voice of every unit of every sentence, or None for a sentence in the author's own voice."""
    found: list[list[Voice] | None] = []
    stand: Voice | None = None
    for parts in sentences:
        row: list[Voice] | None = None
        if any(unit.quoted or unit.classes.flags & SPEECH for unit in parts):
            stand = stand or _stand(sentences)
            row = [stand if unit.quoted else OWN for unit in parts]
            _report(parts, row, stand)
        found.append(row)
    return found


def _stand(sentences: list[list[Unit]]) -> Voice:
    """What the author's own words say about what is quoted."""
    for parts in sentences:
        for unit in parts:
            if unit.quoted:
                continue
            if "phrase.endorse" in unit.classes:
                return _ENDORSED
            if "phrase.reject" in unit.classes or "wrong" in unit.classes:
                return _REJECTED
    return _OPEN


def _report(parts: list[Unit], row: list[Voice], stand: Voice) -> None:
    """Give indirect speech the voice of the one it is reported from."""
    reported = False
    for index, unit in enumerate(parts):
        if unit.word in _ENDS:
            reported = False
        elif "phrase.reported" in unit.classes or _speaks(parts, index):
            reported = True
            continue
        elif _own_speech(parts, index):
            reported = False
        if reported and not unit.quoted:
            row[index] = stand


def _speaks(parts: list[Unit], index: int) -> bool:
    """Whether somebody else says something here that the following words report."""
    if "say" not in parts[index].classes or not index:
        return False
    before = parts[index - 1]
    if before.word in _FIRST_PERSON or before.word in ("to", "still", "also", "should", "must", "not", "don't", "can"):
        return False
    following = parts[index + 1].word if index + 1 < len(parts) else ""
    named = (
        "other" in before.classes
        or "agent.other" in before.classes
        or "agent.collective" in before.classes
        or "phrase.reported" in before.classes
    )
    if "weak" in parts[index].classes and parts[index].word not in _TELLS:
        named = False
    return following in _THAT or following == ":" or (named and following not in (",", ".", '"', "“", "«", "‘"))


def _own_speech(parts: list[Unit], index: int) -> bool:
    return "say" in parts[index].classes and index > 0 and parts[index - 1].word in _FIRST_PERSON | {"still"}
