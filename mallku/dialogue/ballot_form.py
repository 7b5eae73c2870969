"""The form a voter fills in: what is asked, the JSON Schema of the answer, and how the answer is read.

What cannot be read is a spoiled ballot; nothing is guessed.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, get_args

from mallku.dialogue.prompt import JsonSchema
from mallku.dialogue.verdict import Ballot, BallotKind, Position, SpoiledBallot

GRADES: Final = ("excellent", "very good", "good", "acceptable", "poor", "reject")
"""Grade words of majority judgment, best first (Balinski and Laraki 2011 use a common language of six grades)."""

POSITIONS: Final[tuple[Position, ...]] = get_args(Position)
"""Positions of a consensus decision, from full consent to a block."""

MAX_SCORE: Final = 5
"""Most points of a score ballot; the least is 0."""

_RAW_KEPT: Final = 2000
_REASON_LENGTH: Final = 300


def ballot_instruction(kind: BallotKind) -> str:
    """Return what a voter is asked to do, with an example of the answer."""
    match kind:
        case "choice":
            return 'Vote for one option. Answer only with JSON: {"reason": "one sentence", "choice": "A"}'
        case "approval":
            return 'Name every option you can accept. Answer only with JSON: {"reason": "one sentence", "approve": ["A", "B"]}'
        case "ranking":
            return 'Rank the options, best first. Answer only with JSON: {"reason": "one sentence", "ranking": ["B", "A"]}'
        case "scores":
            example = '{"reason": "one sentence", "scores": {"A": 4, "B": 1}}'
            return f"Give each option 0 to {MAX_SCORE} points. Answer only with JSON: {example}"
        case "grades":
            words = ", ".join(GRADES)
            return (
                f"Grade each option with one of: {words}. "
                'Answer only with JSON: {"reason": "one sentence", "grades": {"A": "good", "B": "poor"}}'
            )
        case "position":
            return (
                "Say where you stand on the proposal: consent, reservations, stand-aside or block. A block needs a reason. "
                'Answer only with JSON: {"reason": "one sentence", "position": "consent"}'
            )


def ballot_schema(kind: BallotKind, labels: Sequence[str]) -> JsonSchema:
    """Return the JSON Schema of a ballot over the options with these labels: small, flat, reason first."""
    label = {"type": "string", "enum": list(labels)}
    answer: dict[str, Any]
    match kind:
        case "choice":
            answer = {"choice": label}
        case "approval":
            answer = {"approve": {"type": "array", "items": label, "maxItems": len(labels)}}
        case "ranking":
            answer = {"ranking": {"type": "array", "items": label, "minItems": 1, "maxItems": len(labels)}}
        case "scores":
            points = {"type": "integer", "minimum": 0, "maximum": MAX_SCORE}
            answer = {"scores": {"type": "object", "properties": dict.fromkeys(labels, points), "required": list(labels)}}
        case "grades":
            grade = {"type": "string", "enum": list(GRADES)}
            answer = {"grades": {"type": "object", "properties": dict.fromkeys(labels, grade), "required": list(labels)}}
        case "position":
            answer = {"position": {"type": "string", "enum": list(POSITIONS)}}
    properties = {"reason": {"type": "string", "maxLength": _REASON_LENGTH}, **answer}
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def read_ballot(kind: BallotKind, labels: Sequence[str], seat: str, answer: str, *, weight: float = 1.0) -> Ballot | SpoiledBallot:
    """Read a voter's answer: the last JSON object in it, checked field by field."""

    def spoiled(reason: str) -> SpoiledBallot:
        return SpoiledBallot(seat=seat, reason=reason, raw=answer[:_RAW_KEPT])

    fields = last_json_object(answer)
    if fields is None:
        return spoiled("the answer holds no JSON object")
    reason = fields.get("reason", "")
    if not isinstance(reason, str):
        return spoiled(f"`reason` is not a text but {reason!r}")
    filled = _read_field(kind, labels, fields)
    if isinstance(filled, str):
        return spoiled(filled)
    if kind == "position" and filled.get("position") == "block" and not reason.strip():
        return spoiled("a block must give its reason")
    return Ballot(seat=seat, kind=kind, reason=reason.strip(), weight=weight, **filled)


def _read_field(kind: BallotKind, labels: Sequence[str], fields: Mapping[str, Any]) -> dict[str, Any] | str:
    """Return the ballot's own field, or a sentence saying what is wrong with it."""
    match kind:
        case "choice":
            return _one_of("choice", fields.get("choice"), labels)
        case "approval":
            return _labels_of("approve", fields.get("approve"), labels, into="approved")
        case "ranking":
            return _read_ranking(fields.get("ranking"), labels)
        case "scores":
            return _read_scores(fields.get("scores"), labels)
        case "grades":
            return _read_grades(fields.get("grades"), labels)
        case "position":
            return _one_of("position", fields.get("position"), POSITIONS)


def _one_of(name: str, value: object, allowed: Sequence[str]) -> dict[str, Any] | str:
    if isinstance(value, str) and value.strip() in allowed:
        return {name: value.strip()}
    return f"`{name}` is {value!r}; it must be one of {', '.join(allowed)}"


def _labels_of(name: str, value: object, labels: Sequence[str], *, into: str) -> dict[str, Any] | str:
    if not isinstance(value, list):
        return f"`{name}` is {value!r}; it must be a list of labels"
    unknown = [item for item in value if item not in labels]
    if unknown:
        return f"`{name}` names {unknown[0]!r}; there are only {', '.join(labels)}"
    return {into: tuple(dict.fromkeys(value))}


def _read_ranking(value: object, labels: Sequence[str]) -> dict[str, Any] | str:
    if not isinstance(value, list) or not value:
        return f"`ranking` is {value!r}; it must be a list of labels, best first"
    tiers = tuple(tuple(tier) if isinstance(tier, list) else (tier,) for tier in value)
    ranked = [label for tier in tiers for label in tier]
    for label in ranked:
        if label not in labels:
            return f"`ranking` names {label!r}; there are only {', '.join(labels)}"
        if ranked.count(label) > 1:
            return f"`ranking` names {label!r} more than once"
    return {"ranking": tuple(tier for tier in tiers if tier)}


def _read_scores(value: object, labels: Sequence[str]) -> dict[str, Any] | str:
    if not isinstance(value, dict) or not value:
        return f"`scores` is {value!r}; it must give points by label"
    for label, points in value.items():
        if label not in labels:
            return f"`scores` names {label!r}; there are only {', '.join(labels)}"
        if isinstance(points, bool) or not isinstance(points, int | float) or not 0 <= points <= MAX_SCORE:
            return f"`scores` gives {label} {points!r}; points go from 0 to {MAX_SCORE}"
    return {"scores": {label: float(points) for label, points in value.items()}}


def _read_grades(value: object, labels: Sequence[str]) -> dict[str, Any] | str:
    if not isinstance(value, dict) or not value:
        return f"`grades` is {value!r}; it must give a grade by label"
    for label, grade in value.items():
        if label not in labels:
            return f"`grades` names {label!r}; there are only {', '.join(labels)}"
        if grade not in GRADES:
            return f"`grades` gives {label} {grade!r}; grades are {', '.join(GRADES)}"
    return {"grades": dict(value)}


def last_json_object(text: str) -> dict[str, Any] | None:
    """Return the last complete top-level JSON object in `text`, or None."""
    decoder = json.JSONDecoder()
    found: dict[str, Any] | None = None
    position = text.find("{")
    while position != -1:
        try:
            value, end = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            position = text.find("{", position + 1)
            continue
        if isinstance(value, dict):
            found = value
        position = text.find("{", end)
    return found
