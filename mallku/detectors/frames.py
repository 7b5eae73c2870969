"""Frames: who holds, decides, gives or suffers what in a sentence, with negation, modality and attribution."""

# ruff: noqa: SIM905 - word lists read best as running text

import re
from functools import lru_cache
from typing import NamedTuple

from mallku.detectors.clause import ABLE, HARD, NOBODY, OTHER, SCOPE, SELF, Clause, Frame, after_and, after_comma, closed, mood
from mallku.detectors.holders import owner, take_names
from mallku.detectors.lexicon import HOLDER, MOOD, RELATION, TURN, Lexicon, lexicon
from mallku.detectors.reading import Reading, Sentence, read
from mallku.detectors.relations import FROM_PHRASES, passive, relation
from mallku.detectors.units import Unit, units
from mallku.detectors.voice import Voice, voices


class Parsed(NamedTuple):
    """A text read for frames."""

    reading: Reading
    """Its words and sentences."""
    parts: list[list[Unit]]
    """The units of each sentence; not to be changed."""
    frames: list[Frame]
    """Its frames; not to be changed."""
    voices: list[list[Voice] | None]
    """Whose voice each unit stands in; None for a sentence in the author's own."""


@lru_cache(maxsize=256)
def parsed(text: str, names: frozenset[str]) -> Parsed:
    """Read a text for frames; the last few hundred are remembered, so that detectors share the work."""
    reading = read(text)
    words, parts = parted(reading, names)
    stands = voices(parts)
    return Parsed(reading, parts, frames(reading, words, parts, stands), stands)


def parted(reading: Reading, names: frozenset[str] = frozenset()) -> tuple[Lexicon, list[list[Unit]]]:
    """Return the lexicon of the text's language and the units of its sentences; `names` of speakers are no holders."""
    words = lexicon(reading.language or "en")
    return words, [units(sentence, words, reading.text, names) for sentence in reading.sentences]


def frames(reading: Reading, words: Lexicon, parts: list[list[Unit]], stands: list[list[Voice] | None]) -> list[Frame]:
    """Find the frames of a text that has been parted, in order."""
    found: list[Frame] = []
    known: list[str] = []
    for index, sentence in enumerate(reading.sentences):
        own = parts[index]
        if reading.lists[index] or not any(unit.classes.flags & RELATION for unit in own):
            continue
        if index and found and own and (_contrasts(own[0]) or any(unit.word in _MIDDLE for unit in own[1:])):
            _concede(found)
        found.extend(_sentence_frames(index, sentence, own, voice=stands[index], words=words, known=known))
    return found


_AND = frozenset(("and", "y", "e", "et", "und", "or", "o", "ou", "oder"))
_CONTRASTS = frozenset("but yet however nevertheless nonetheless still though pero aber mais doch jedoch pourtant embargo".split())
_ASIDE = frozenset(("aside", "notwithstanding"))
_MIDDLE = frozenset(("though", "however", "nevertheless", "nonetheless"))


def _contrasts(unit: Unit) -> bool:
    return unit.word in _CONTRASTS or "phrase.contrast" in unit.classes


def _concede(found: list[Frame]) -> None:
    for frame in found:
        frame.conceded = True


def _sentence_frames(  # noqa: PLR0915 - one pass over the words of a sentence
    number: int, sentence: Sentence, parts: list[Unit], *, voice: list[Voice] | None, words: Lexicon, known: list[str]
) -> list[Frame]:
    found: list[Frame] = []
    clause = Clause(known)
    question = sentence.is_question
    proposal = question and [part.word for part in parts[:2]] == ["why", "not"]
    wh = question and not proposal and any("interrogative" in part.classes for part in parts[:2])
    concluding = False
    for index, unit in enumerate(parts):
        classes = unit.classes
        if not classes:
            if unit.word in HARD:
                clause = closed(clause, index)
            elif unit.word == ",":
                clause = after_comma(clause, index)
            elif unit.word in _AND:
                after_and(clause)
            elif unit.word in _ASIDE:
                _concede(found)
            continue
        flags = classes.flags
        if flags & TURN:
            if ("boundary" in classes or "phrase.incase" in classes) and index and not clause.fresh:
                clause = closed(clause, index)
                if _contrasts(unit):
                    _concede(found)
            if "conclusive" in classes or "phrase.conclusive" in classes:
                concluding = True
            if "phrase.proviso" in classes:
                for frame in found:
                    frame.secured = True
            if "interrogative" in classes and not wh:
                clause.embedded = _embeds(parts, index)
        if flags & MOOD or unit.word in ABLE:
            mood(clause, unit, index)
        if not flags & RELATION:
            if flags & HOLDER:
                take_names(clause, unit, parts, index)
            continue
        if "assent" in classes:
            shared = _assent(unit, parts, index, clause, number)
            if shared:
                shared.voice = voice[index].weight if voice else 1.0
                shared.question = question and not proposal
                found.append(shared)
                continue
        name = relation(unit, parts, index, clause, words)
        if name and clause.last and clause.last.relation == "impose" and name not in FROM_PHRASES:
            name = ""
        if name == "good" and clause.last and clause.last.relation == "give":
            clause.last.voice = 0.0
        if name and not (_bare(parts, index) if name in ("good", "threat") else _listed(unit, clause, words)):
            frame = Frame(
                name,
                NOBODY if name == "autonomy" and clause.first == NOBODY else clause.subject,
                unit.start,
                unit.end,
                clause.negations if index - clause.negated_at <= SCOPE else 0,
                number,
                normative=clause.normative,
                permitted=clause.permitted,
                unable=clause.unable,
                hedged=clause.hedged,
                conditional=clause.conditional,
                question=question and not proposal,
                excess=clause.excess,
                passive=passive(parts, index, words),
                voice=voice[index].weight if voice else 1.0,
                ours="self" in classes or (clause.last is not None and clause.last.relation != "have"),
                weak="weak" in classes,
                own=tuple(label[5:] for label in classes if label.startswith("noun.")),
                wh=wh,
                concluding=concluding,
                embedded=clause.embedded,
            )
            frame.around |= clause.nouns
            found.append(frame)
            clause.last = frame
            clause.after = 0
            clause.first = clause.first or clause.subject
            clause.fresh = False
        if flags & HOLDER:
            take_names(clause, unit, parts, index)
    closed(clause, len(parts))
    if question:
        _rhetorical(parts, found)
    if any(part.word in _MIDDLE for part in parts[1:]):
        for frame in found:
            frame.concluding = True
    return found


_ASKS = frozenset(("on", "about", "of", "over", "whether", "know", "asks", "asked", "ask", "wonder", "wonders", "discuss", "discussed"))


def _embeds(parts: list[Unit], index: int) -> bool:
    """Whether an indirect question begins here."""
    return parts[index].word == "whether" or (index > 0 and parts[index - 1].word in _ASKS)


_LACKING = frozenset(("without", "absent", "unless", "until", "lacking", "sans", "sin", "ohne"))


def _assent(unit: Unit, parts: list[Unit], index: int, clause: Clause, number: int) -> Frame | None:
    """A consent, signature or vote with its owner: to need it is to share in the decision."""
    who = owner(parts, index, clause)
    if who not in (SELF, OTHER):
        return None
    lacking = any(part.word in _LACKING for part in parts[max(0, index - 4) : index])
    negations = clause.negations if index - clause.negated_at <= SCOPE else 0
    if lacking:
        clause.negations, clause.after, clause.subject = 0, 0, ""
        if who == OTHER:
            return None
    return Frame(
        "assent",
        who,
        unit.start,
        unit.end,
        0 if lacking else negations,
        number,
        normative=clause.normative,
        hedged=clause.hedged,
        embedded=clause.embedded,
    )


_AUXILIARIES = frozenset(
    "should shouldn't isn't aren't don't doesn't couldn't can't wouldn't won't must is are can could do does would will".split()
)


def _rhetorical(parts: list[Unit], found: list[Frame]) -> None:
    """A negative question asks for a yes; `why should we` asks for a no."""
    first = parts[0].word
    second = parts[1].word if len(parts) > 1 else ""
    opening = " ".join(part.word for part in parts)
    denies = bool(_WHY_SHOULD.search(opening)) or (first == "why" and second in ("would", "bother"))
    for frame in found:
        if frame.negations and (first in _AUXILIARIES or (first == "why" and second in ("not", "don't", "shouldn't"))):
            frame.negations -= 1
        elif denies:
            frame.negations += 1
            frame.question = False


_WHY_SHOULD = re.compile(
    r"\bwhy should\b"
    r"|\bwarum (?:sollte|soll)n? "
    r"|\bpor qué (?:deber?[íi]a|tendría|tiene)"
    r"|\bpourquoi (?:devr|faudr|\w.*rai(?:t|ent)-(?:ils?|elles?|on)\b)"
)
"""Questions that ask for a no."""


def _bare(parts: list[Unit], index: int) -> bool:
    """Whether a noun stands alone between marks."""
    before = index == 0 or not parts[index - 1].word[0].isalnum()
    after = index + 1 >= len(parts) or not parts[index + 1].word[0].isalnum()
    return before and after


def _listed(unit: Unit, clause: Clause, words: Lexicon) -> bool:
    """Whether an English word in -s without a subject is rather a noun."""
    return words.language == "en" and not clause.subject and unit.word.endswith("s") and " " not in unit.word and not clause.permitted
