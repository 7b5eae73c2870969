"""Reciprocity: how far a statement takes up what others said before it, and gives something back."""

# ruff: noqa: PLR2004 - thresholds are stated where they act; the development data set them

import json
import math
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files

from mallku.detectors.acts import Act, acts, pointing
from mallku.detectors.address import without_address
from mallku.detectors.detector import JudgedTurn
from mallku.detectors.edges import CLAIM, Edge, edge, longest_run, matter
from mallku.detectors.reading import read
from mallku.dialogue.score import Evidence, Score
from mallku.dialogue.transcript import Statement

ENGAGED = 0.5
"""Strength of an edge from which on a statement counts as taking up the earlier turn."""
SHOWN = 0.03
"""Smallest part of the figure that a word is shown for."""
LOOKS_BACK = 6
"""How many earlier turns of others are compared."""


@dataclass(frozen=True, slots=True)
class Uptake:
    """A statement compared with what was said before it."""

    text: str
    """The statement without what is addressed to a scorer."""
    earlier: tuple[Statement, ...]
    """The earlier turns compared, in the order of the edges."""
    edges: tuple[Edge, ...]
    """One per earlier turn."""
    acts: dict[str, Act]
    """Conversational acts in its wording."""
    features: dict[str, float]
    """What the whole statement shows, by name."""
    caps: tuple[tuple[str, float], ...]
    """Reasons why the figure may not exceed a bound."""
    strengths: tuple[float, ...]
    """For each edge the probability that the statement takes up the earlier turn."""


def uptake(turn: JudgedTurn) -> Uptake:
    """Compare a statement with the latest turns of other speakers; detectors that ask for the same turn share one comparison."""
    global _latest  # noqa: PLW0603 - one pair, replaced as a whole
    if _latest is not None and _latest[0] is turn:
        return _latest[1]
    earlier = turn.others[-LOOKS_BACK:]
    compared = _compared(
        turn.statement.text,
        tuple((statement.seat, statement.text) for statement in earlier),
        tuple(dict.fromkeys(statement.seat for statement in turn.previous)),
    )
    found = replace(compared, earlier=earlier)
    _latest = (turn, found)
    return found


_latest: tuple[JudgedTurn, Uptake] | None = None
"""The turn compared last: all detectors of a panel ask for the same one."""


def _without_lists(text: str) -> str:
    """Blank out sentences that merely list words, unless there is nothing else; every position stays."""
    reading = read(text)
    if not any(reading.lists) or all(reading.lists):
        return text
    for sentence, is_list in zip(reading.sentences, reading.lists, strict=True):
        if is_list and len(sentence.tokens) > 1:
            start, end = sentence.tokens[0].start, sentence.tokens[-1].end
            text = text[:start] + " " * (end - start) + text[end:]
    return text


@lru_cache(maxsize=64)
def _compared(said: str, earlier: tuple[tuple[str, str], ...], seats: tuple[str, ...]) -> Uptake:
    text = _without_lists(without_address(said)[0])
    names = frozenset(part for seat in seats for part in _name_parts(seat))
    edges = tuple(edge(text, other, seat, last=position == len(earlier) - 1, names=names) for position, (seat, other) in enumerate(earlier))
    shown = acts(text)
    features = _features(text, edges, shown, names)
    caps = tuple(_caps(text, earlier, edges, features))
    return Uptake(text, (), edges, shown, features, caps, _strengths(edges, features, caps))


def _name_parts(name: str) -> tuple[str, ...]:
    return tuple(form for part in name.lower().split() for form in (part, part + "'s"))


def _features(text: str, edges: tuple[Edge, ...], shown: dict[str, Act], names: frozenset[str]) -> dict[str, float]:
    reading = read(text)
    words = [word for word in reading.words if word not in names]
    strongest = max((one.words + 0.5 * one.fields + 0.3 * one.numbers for one in edges), default=0.0)
    joined = sum(1.0 for one in edges if one.words >= 0.3 or one.fields >= 0.34 or one.numbers >= 1)
    named = sum(one.named for one in edges)
    features = {
        "named": min(1.0, named),
        "named-many": min(1.0, max(0.0, named - 1)),
        "words-taken": max((one.words for one in edges), default=0.0),
        "share-taken": max((one.taken for one in edges), default=0.0),
        "share-about": max((one.about for one in edges), default=0.0),
        "fields-taken": max((one.fields for one in edges), default=0.0),
        "numbers-taken": max((one.numbers for one in edges), default=0.0),
        "several": min(1.0, max(0.0, joined - 1)),
        "pointing": pointing(reading),
        "length": min(1.0, math.log1p(len(words)) / math.log1p(40)),
        "short": max(0.0, min(1.0, (11 - len(words)) / 6)),
    }
    for name in (
        "offer",
        "concession",
        "opposition",
        "reason",
        "condition",
        "thanks",
        "first",
        "second",
        "summary",
        "question",
        "number",
        "modal",
    ):
        features[name] = 1.0 if name in shown else 0.0
    features["anchored"] = (
        1.0 if features["first"] or features["second"] or features["question"] or features["pointing"] >= 0.3 or features["modal"] else 0.0
    )
    features["linked"] = min(1.0, strongest) * features["anchored"]
    features["named-linked"] = features["named"] * min(1.0, strongest)
    features["named-acts"] = features["named"] * min(
        1.0, features["question"] + features["offer"] + features["opposition"] + features["reason"]
    )
    features["empty"] = 1.0 if features["thanks"] and not (features["offer"] or features["question"] or features["reason"]) else 0.0
    return features


def _caps(text: str, earlier: tuple[tuple[str, str], ...], edges: tuple[Edge, ...], features: dict[str, float]) -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    reading = read(text)
    words = reading.words
    if words and any(_repeats(text, other, one.about) for one, (_, other) in zip(edges, earlier, strict=True)):
        found.append(("parrot", 0.15))
    if words and all(reading.lists):
        found.append(("word-list", 0.12))
    if not words:
        found.append(("empty", 0.05))
    if features["empty"] and len(words) < 25:
        found.append(("thanks-only", 0.15))
    match = CLAIM.search(text) if features["named"] else None
    if match:
        claimed = next(group for group in match.groups() if group).lower()
        for one, (seat, _) in zip(edges, earlier, strict=True):
            if claimed in _name_parts(seat) and one.words < 0.2 and one.fields < 0.3 and not one.numbers >= 1:
                found.append(("false-attribution", 0.15))
    return found


def _repeats(text: str, other: str, about: float) -> bool:
    """Whether a statement is mostly the words of an earlier turn in their order."""
    if about < 0.4:
        return False
    run = longest_run(text, other)
    return run > 0.6 or (about > 0.85 and run > 0.35)


@lru_cache(maxsize=1)
def weights() -> dict[str, dict[str, float]]:
    """Load the fitted weights of statements and of edges."""
    loaded: dict[str, dict[str, float]] = json.loads(
        (files("mallku.detectors") / "data" / "heads" / "reciprocity.json").read_text(encoding="utf-8")
    )
    return loaded


def edge_features(one: Edge, edges: tuple[Edge, ...], features: dict[str, float]) -> dict[str, float]:
    """Return what one edge shows beside the others, by name."""
    best = max((other.words + 0.5 * other.fields for other in edges), default=0.0)
    own = one.words + 0.5 * one.fields
    named_any = any(other.named for other in edges)
    return {
        "named": one.named,
        "other-named": 1.0 if named_any and not one.named else 0.0,
        "words": one.words,
        "taken": one.taken,
        "about": one.about,
        "fields": one.fields,
        "numbers": one.numbers,
        "last": one.last,
        "best": 1.0 if own >= best and own > 0 else 0.0,
        "last-pointing": one.last * features["pointing"],
        "anchored": features["anchored"],
        "empty": features["empty"],
        "linked": min(1.0, own) * features["anchored"],
    }


def _strengths(edges: tuple[Edge, ...], features: dict[str, float], caps: tuple[tuple[str, float], ...]) -> tuple[float, ...]:
    table = weights()["edge"]
    found = []
    for one in edges:
        logit = table["bias"] + sum(table.get(name, 0.0) * value for name, value in edge_features(one, edges, features).items())
        strength = 1 / (1 + math.exp(-max(-30.0, min(30.0, logit))))
        found.append(min(strength, 0.3) if caps else strength)
    return tuple(found)


class ReciprocityDetector:
    """Scores from 0, which ignores the others, to 1, which takes up several points and gives something back."""

    dimension = "reciprocity"

    def judge(self, turn: JudgedTurn) -> Score:
        """Judge the uptake of what others said; unscored if nobody spoke before."""
        if not turn.others:
            return Score.unscored(self.dimension, "Nobody else spoke before.", detector="reciprocity/1")
        found = uptake(turn)
        strengths = found.strengths
        table = weights()["statement"]
        parts = [("base", table["bias"])] + [(name, table.get(name, 0.0) * value) for name, value in found.features.items()]
        raw = sum(figure for _, figure in parts)
        evidence = [_evidence(name, figure, found, turn.statement.text) for name, figure in parts if figure]
        bound, why = min(((bound, why) for why, bound in found.caps), default=(1.0, ""))
        bounded = max(0.0, min(bound, raw))
        if bounded != raw:
            evidence.append(Evidence(label=why or "bounds", contribution=bounded - raw))
        evidence.extend(_edge_evidence(found, strengths, turn.statement.text))
        engages: dict[str, float] = {}
        for statement, strength in zip(found.earlier, strengths, strict=True):
            if strength >= ENGAGED:
                engages[statement.seat] = max(strength, engages.get(statement.seat, 0.0))
        return Score(
            dimension=self.dimension,
            value=bounded,
            raw=bounded,
            confidence=0.5 + 0.5 * max(abs(2 * strength - 1) for strength in strengths) if matter(found.text).reading.language else 0.3,
            evidence=tuple(evidence),
            engages=tuple(engages.items()),
            tiers=(1, 2),
            detector="reciprocity/1",
        )


def _evidence(name: str, figure: float, found: Uptake, text: str) -> Evidence:
    act = found.acts.get(name)
    if act and abs(figure) >= SHOWN:
        return Evidence(label=name, contribution=figure, start=act.start, end=act.end, text=text[act.start : act.end])
    return Evidence(label=name, contribution=figure)


def _edge_evidence(found: Uptake, strengths: tuple[float, ...], text: str) -> list[Evidence]:
    """Show the places, in the statement and in the earlier turn, that an edge rests on; they explain and add nothing."""
    evidence: list[Evidence] = []
    for one, statement, strength in zip(found.edges, found.earlier, strengths, strict=True):
        if strength < ENGAGED:
            continue
        if one.name_span:
            evidence.append(
                Evidence(
                    label=f"names:{statement.seat}",
                    contribution=0.0,
                    start=one.name_span.start,
                    end=one.name_span.end,
                    text=text[one.name_span.start : one.name_span.end],
                )
            )
        for here, there in one.spans[:4]:
            evidence.append(
                Evidence(
                    label=f"takes-up:{statement.seat}", contribution=0.0, start=here.start, end=here.end, text=text[here.start : here.end]
                )
            )
            evidence.append(
                Evidence(
                    label="taken-up",
                    contribution=0.0,
                    start=there.start,
                    end=there.end,
                    text=statement.text[there.start : there.end],
                    turn=statement.turn,
                )
            )
    return evidence
