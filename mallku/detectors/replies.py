"""Who answers whom where many speak: which of the earlier speakers a turn is addressed to, told by a small ranker.

Uptake asks whether content is taken up; this asks whom a turn answers, a bare "yes" too. In a chat or a meeting the last speaker is often not the
one who is answered: somebody else's answer to the same question, an interjection or a second thread stands between.
"""

# ruff: noqa: SIM905, E501, PLR2004 - word lists read best as running text, and thresholds are stated where they act

import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple

from mallku.detectors.detector import JudgedTurn
from mallku.detectors.fields import is_function_word_anywhere, stem, telling
from mallku.dialogue.transcript import Statement

LOOKS_BACK = 40
"""How many earlier turns are looked at."""
_RUN = 5
_WORD = re.compile(r"[^\W_][\w'\-\[\]\\`^{}|]*|\?")
_ANSWERS = frozenset(
    "yes yeah yep yup no nope nah ok okay right sure true exactly agreed indeed well hmm oh ah mhm mm uh-huh correct cool great thanks thx thank fine good i'm i it's it that's because +1 -1 sí oui ja nein non claro genau".split()
)
_SOUNDS = frozenset("yeah yep yup ok okay right mm-hmm uh-huh hmm huh oh ah mhm mmm uh um so and but well or lol :) heh".split())
_SECOND = frozenset("you your you're you'd you'll u yours tú tu usted vous ton votre du dir dich dein ihr euch".split())
_POINTS = frozenset("that that's this it it's those these there then so eso esto ça cela das dies".split())


class Look(NamedTuple):
    """What the wording of one turn shows."""

    words: frozenset[str]
    """Its words, in lower case."""
    opening: frozenset[str]
    """Its first two words."""
    length: int
    """How many words."""
    asks: bool
    """Whether it has a question mark."""
    matter: dict[str, float]
    """Telling words by stem, each with its weight."""
    answers: bool
    """Whether it opens like an answer."""
    sounds: bool
    """Whether it is a mere sound of listening."""
    second: bool
    """Whether it says you."""
    points: bool
    """Whether its opening points back."""


@lru_cache(maxsize=4096)
def look(text: str) -> Look:
    """Take a turn apart."""
    found = _WORD.findall(text.lower())
    words = [one for one in found if one != "?"]
    held = frozenset(words)
    return Look(
        words=held,
        opening=frozenset(words[:2]),
        length=len(words),
        asks="?" in found,
        matter={stem(word): weight for word in words if (weight := telling(word)) > 0.1},
        answers=bool(words) and words[0] in _ANSWERS,
        sounds=all(word in _SOUNDS for word in words),
        second=bool(_SECOND & held),
        points=any(word in _POINTS for word in words[:4]),
    )


@lru_cache(maxsize=4096)
def name_forms(name: str) -> frozenset[str]:
    """Return the words by which somebody may be called: the name, its first part, a nickname without its tail of marks and digits."""
    whole = name.lower()
    bare = whole.rstrip("_-`|^")
    forms = (whole, bare, bare.rstrip("0123456789"), *whole.split()[:1])
    return frozenset(form for form in forms if len(form) > 2 or (len(form) == 2 and not is_function_word_anywhere(form)))


@dataclass(frozen=True, slots=True)
class _Candidate:
    """One earlier speaker as the new turn finds them."""

    name: str
    rank: int
    """0 for the last other speaker, 1 for the one before, and so on."""
    places: list[int]
    """Positions of their turns in the window, latest first."""
    run: list[Look]
    """Their latest turns that belong together, latest first."""
    overlap: float
    """Most telling words that the new turn shares with one of their latest turns."""


def features(said: Sequence[tuple[str, str]], speaker: str, text: str) -> dict[str, dict[str, float]]:
    """Return, for each earlier speaker within the last turns, what speaks for and against an answer to them, by name of the feature."""
    window = said[-LOOKS_BACK:]
    new, looks = look(text), [look(words) for _, words in window]
    candidates = _candidates(window, looks, speaker, new)
    own = next((place for place in range(len(window) - 1, -1, -1) if window[place][0] == speaker), None)
    most = max((one.overlap for one in candidates), default=0.0)
    solid = next(
        (window[place][0] for place in range(len(window) - 1, -1, -1) if window[place][0] != speaker and looks[place].length >= 4), ""
    )
    before_own = next((window[place][0] for place in range((own or 0) - 1, -1, -1) if window[place][0] != speaker), "")
    names = {one.name: name_forms(one.name) for one in candidates}
    return {
        one.name: {
            **_by_name(one, new, names, name_forms(speaker), looks),
            **_by_place(one, new, looks, own, before_own=before_own, is_solid=one.name == solid),
            **_by_matter(one, most),
        }
        for one in candidates
    }


def _candidates(window: Sequence[tuple[str, str]], looks: Sequence[Look], speaker: str, new: Look) -> list[_Candidate]:
    places: dict[str, list[int]] = {}
    for place in range(len(window) - 1, -1, -1):
        if window[place][0] != speaker:
            places.setdefault(window[place][0], []).append(place)
    found = []
    for rank, (name, held) in enumerate(places.items()):
        run = [held[0]]
        for place in held[1:_RUN]:
            if run[-1] - place > 2:
                break
            run.append(place)
        overlap = max(sum(weight for key, weight in new.matter.items() if key in looks[place].matter) for place in held[:4])
        found.append(_Candidate(name, rank, held, [looks[place] for place in run], overlap))
    return found


def _by_name(one: _Candidate, new: Look, names: dict[str, frozenset[str]], mine: frozenset[str], looks: Sequence[Look]) -> dict[str, float]:
    addressed = {name for name, forms in names.items() if forms & new.words}
    calls_me = any(mine & part.words for part in one.run)
    called_me = any(mine & looks[place].words for place in one.places[:6])
    calls_other = any(forms & part.words for part in one.run for name, forms in names.items() if name != one.name)
    return {
        "named": float(one.name in addressed),
        "named-first": float(one.name in addressed and bool(names[one.name] & new.opening)),
        "other-named": float(bool(addressed) and one.name not in addressed),
        "names-me": float(calls_me),
        "named-me-before": float(called_me and not calls_me),
        "names-other": float(calls_other and not calls_me),
    }


def _by_place(one: _Candidate, new: Look, looks: Sequence[Look], own: int | None, *, before_own: str, is_solid: bool) -> dict[str, float]:
    total, last = len(looks), one.run[0]
    gap, is_last = math.log1p(total - 1 - one.places[0]), float(one.rank == 0)
    words = math.log1p(last.length)
    asks = float(any(part.asks for part in one.run))
    since = [place for place in one.places if own is not None and place > own]
    mine = looks[own] if own is not None else None
    own_gap = total - own if own is not None else LOOKS_BACK
    after_question = bool(mine and mine.asks and since)
    return {
        **{f"rank-{rank}": float(one.rank == rank) for rank in range(4)},
        "rank": min(one.rank, 8) / 8,
        "gap": gap,
        "asks": asks,
        "asks-last": float(last.asks),
        "asks-answered": asks * new.answers,
        "asks-short": asks * (new.length < 5),
        "asks-no-question": asks * (not new.asks),
        "asks-near": asks * is_last,
        "asks-far": asks * gap,
        "words": words,
        "words-far": words * gap,
        "run-words": math.log1p(sum(part.length for part in one.run)),
        "sounds": float(last.sounds),
        "sounds-near": last.sounds * is_last,
        "solid": float(is_solid),
        "solid-answered": float(is_solid and new.answers),
        "solid-sounds": float(is_solid and new.sounds),
        "share": len(one.places) / total,
        "turns-lately": sum(1 for place in one.places if total - place <= 6) / 6,
        "words-lately": math.log1p(sum(looks[place].length for place in one.places if total - place <= 10)),
        "before-mine": float(one.name == before_own),
        "before-mine-near": float(one.name == before_own and own_gap < 6),
        "I-named": float(bool(mine and name_forms(one.name) & mine.words)),
        "I-asked": float(after_question),
        "I-asked-first": float(after_question and own is not None and min(since) == own + 1),
        "since-mine": min(len(since), 3) / 3,
        "silent-since-mine": float(own is not None and not since),
        "I-go-on": float(own_gap == 1) * is_last,
        "I-go-on-far": float(own_gap == 1) * gap,
        "you-near": new.second * is_last,
        "I-ask-near": new.asks * is_last,
        "I-ask-far": new.asks * gap,
        "I-answer-near": new.answers * is_last,
        "I-sound-near": new.sounds * is_last,
        "I-point-near": new.points * is_last,
        "length-near": math.log1p(new.length) * is_last,
        "length-far": math.log1p(new.length) * gap,
    }


def _by_matter(one: _Candidate, most: float) -> dict[str, float]:
    shared = min(one.overlap, 4) / 4
    return {
        "shared": shared,
        "shared-most": float(one.overlap > 0 and one.overlap == most),
        "shared-none": float(most > 0 and one.overlap == 0),
        "shared-near": shared * (one.rank == 0),
    }


@lru_cache(maxsize=1)
def weights() -> dict[str, float]:
    """Load the fitted weights."""
    loaded: dict[str, float] = json.loads((files("mallku.detectors") / "data" / "heads" / "replies.json").read_text(encoding="utf-8"))
    return loaded


def answered(turn: JudgedTurn) -> tuple[tuple[str, float], ...]:
    """Return whom a statement answers, supposing that it answers anybody: earlier speakers with probabilities, the likeliest first."""
    said = [(statement.seat, statement.text) for statement in turn.previous[-LOOKS_BACK:]]
    return _ranked(features(said, turn.statement.seat, turn.statement.text))


def _ranked(found: dict[str, dict[str, float]]) -> tuple[tuple[str, float], ...]:
    table = weights()
    logits = {name: sum(table.get(key, 0.0) * value for key, value in one.items()) for name, one in found.items()}
    top = max(logits.values(), default=0.0)
    masses = {name: math.exp(logit - top) for name, logit in logits.items()}
    total = sum(masses.values())
    return tuple(sorted(((name, mass / total) for name, mass in masses.items()), key=lambda pair: -pair[1]))


def reply_matrix(statements: Iterable[Statement]) -> dict[str, dict[str, float]]:
    """Return, by speaker, how many of their turns are expected to answer each other speaker: probabilities added up over turns."""
    said: list[tuple[str, str]] = []
    matrix: dict[str, dict[str, float]] = {}
    for statement in statements:
        row = matrix.setdefault(statement.seat, {})
        for name, probability in _ranked(features(said, statement.seat, statement.text)):
            row[name] = row.get(name, 0.0) + probability
        said.append((statement.seat, statement.text))
    return matrix
