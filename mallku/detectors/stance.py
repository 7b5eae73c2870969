"""The stance by rules: what each frame of control adds to it, given how the whole statement is meant."""

from typing import NamedTuple

from mallku.detectors.clause import EVERYBODY, NOBODY, OTHER, SELF, Frame
from mallku.detectors.frames import Parsed
from mallku.detectors.units import Unit

SATURATION = 0.7
"""Constant of the sum: one full frame alone gives a stance of 1 / (1 + SATURATION)."""
_BY_SELF = {
    "rests": 1.0,
    "hold": 0.8,
    "have": 0.35,
    "decide": 1.0,
    "give": -0.8,
    "trust": -0.7,
    "take": 0.35,
    "exit": 0.7,
    "repair": 0.7,
    "depend": -0.7,
    "impose": 0.4,
    "access": 0.3,
    "expose": 0.1,
    "block": 0.6,
    "protect": 0.7,
    "ask": 0.3,
    "handle": 0.7,
}
_BY_NONE = {
    "rests": 0.0,
    "hold": 0.35,
    "have": 0.1,
    "decide": 0.35,
    "give": -0.5,
    "trust": -0.5,
    "take": -0.2,
    "exit": 0.4,
    "repair": 0.5,
    "depend": -0.6,
    "impose": 0.0,
    "access": 0.0,
    "expose": -0.1,
    "block": 0.0,
    "protect": 0.6,
    "ask": 0.4,
    "handle": 0.1,
}
_BY_OTHER = {
    "rests": -0.9,
    "hold": -0.7,
    "have": -0.5,
    "decide": -1.0,
    "give": -0.3,
    "trust": 0.1,
    "take": -0.6,
    "exit": -0.1,
    "repair": -0.3,
    "depend": 0.0,
    "impose": -0.8,
    "access": -0.7,
    "expose": -0.8,
    "block": -0.2,
    "protect": 0.1,
    "ask": 0.5,
    "handle": -0.9,
}
_FIXED = {
    "assent": 0.8,
    "good": 0.4,
    "threat": -0.7,
    "resign": -0.5,
    "autonomy": 0.7,
    "surrender": -0.8,
    "loss": 0.5,
    "unasked": 0.5,
    "endangered": 0.6,
}


class Context:
    """What the whole statement tells about how its frames are meant."""

    __slots__ = ("accepting", "adverse", "concluding", "disparaging", "sarcastic", "undecided")

    def __init__(self, parts: list[list[Unit]]) -> None:
        labels: set[str] = set()
        for sentence in parts:
            for unit in sentence:
                if unit.classes and not unit.quoted:
                    labels |= unit.classes
        self.accepting = "accepting" in labels or "phrase.resign" in labels
        self.adverse = "adverse" in labels
        self.sarcastic = "phrase.sarcasm" in labels
        self.concluding = "conclusive" in labels or "phrase.conclusive" in labels
        self.disparaging = "disparaging" in labels or "phrase.disparaging" in labels
        self.undecided = "phrase.undecided" in labels


def contribution(frame: Frame, context: Context, last: int) -> float:
    """Return what a frame adds to the stance before saturation."""
    if frame.wh and frame.relation not in _FIXED:
        figure = 0.6 if frame.relation in _ASKED and not (frame.weak and not frame.objects) else 0.0
    else:
        figure = _base(frame, context)
    beside = frame.objects if not frame.agent and not frame.passive else frame.objects | frame.around
    if frame.weak and not (beside & _TELLING or OTHER in (frame.agent, frame.recipient) or frame.place or frame.on_ours):
        figure *= 0.2
    if frame.hedged:
        figure *= 0.6
    if frame.embedded:
        figure *= 0.25
    if frame.secured and figure < 0 and frame.agent == SELF and frame.relation in ("give", "trust", "take", "exit"):
        figure *= -0.6
    if frame.question:
        figure *= 0.5
    elif frame.conditional:
        figure *= 0.6
    if frame.concluding or (frame.sentence == last and last > 0):
        figure *= 2.0 if frame.concluding else 1.5
    elif frame.conceded:
        figure *= 0.45
    elif context.concluding:
        figure *= 0.6
    if context.undecided:
        figure *= 0.1
    if (
        context.disparaging
        and figure > 0
        and frame.agent != OTHER
        and not frame.negated
        and frame.relation not in ("unasked", "loss", "endangered", "threat")
    ):
        figure *= -0.8
    if context.sarcastic and figure < 0:
        figure *= -0.6
    return figure * frame.voice


_TELLING = frozenset(("thing", "control"))
_ASKED = frozenset(("hold", "have", "decide", "access", "take", "ask", "repair", "handle", "expose"))


def _base(frame: Frame, context: Context) -> float:
    relation = frame.relation
    sign = -1.0 if frame.negated else 1.0
    if relation in _FIXED:
        figure = _FIXED[relation]
        if relation == "threat" and (frame.excess or not (frame.normative or frame.negated)):
            return -figure * sign * (1.0 if frame.excess else 0.6)
        if relation in ("unasked", "loss"):
            return -figure if _granted(frame, context) else figure
        if relation == "resign":
            return figure
        if relation == "surrender" and frame.agent == SELF and not frame.normative:
            return 0.5 * figure * sign
        if relation == "assent":
            return figure * sign if frame.agent == SELF else -0.6 * figure * sign
        if relation == "autonomy" and frame.negated and (frame.unable or frame.agent == NOBODY):
            return 0.5 * figure
        if relation == "autonomy" and frame.agent == OTHER and (frame.normative or frame.permitted) and not frame.ours:
            return -figure * sign
        return figure * sign
    if relation == "block":
        return 0.0 if frame.negations > 1 else _BY_SELF["block"] if frame.agent in (SELF, EVERYBODY) and not frame.recipient else 0.0
    if relation == "handle" and frame.weak and frame.agent != OTHER:
        return 0.0
    if frame.agent == NOBODY and relation == "exit":
        return 0.5
    if frame.agent == NOBODY:
        return (
            _BY_OTHER[relation] * -0.8 * (sign if frame.negations != 1 else 1.0)
            if relation in ("access", "expose", "impose", "take", "decide", "exit")
            else 0.0
        )
    if relation == "give" and frame.passive and frame.agent in (SELF, OTHER):
        return (0.5 if frame.agent == SELF else -0.8) * sign
    if frame.agent in (SELF, EVERYBODY) and not _over_ours(frame):
        return _by_self(frame, relation, sign)
    if frame.agent or _over_ours(frame):
        return _by_other(frame, context, relation, sign)
    if frame.place and relation in ("hold", "handle", "decide", "repair", "exit"):
        return (0.7 if frame.place == SELF else -0.6) * sign
    if relation == "decide" and "control" in frame.own:
        return 0.0
    if relation == "give" and frame.recipient == SELF:
        return 0.5 * sign
    if relation in ("give", "trust") and frame.recipient == OTHER:
        return _BY_SELF[relation] * sign
    if relation == "decide" and frame.normative and not frame.negated:
        return -0.2
    return _BY_NONE[relation] * sign


def _over_ours(frame: Frame) -> bool:
    """Whether one body of the people concerned imposes something on others of them."""
    return frame.relation == "impose" and frame.agent == frame.recipient == SELF and not frame.passive


def _granted(frame: Frame, context: Context) -> bool:
    """Whether it is allowed or welcomed, and not deplored, that others act without asking."""
    allowed = frame.agent == OTHER and frame.normative and not frame.negated
    return (allowed or context.accepting) and not context.adverse


def _by_self(frame: Frame, relation: str, sign: float) -> float:
    figure = _BY_SELF[relation]
    if relation == "impose" and frame.passive:
        return 0.6 if sign < 0 else -0.6 if frame.normative else 0.4
    plain = not frame.normative and not frame.permitted
    if plain and sign > 0 and relation == "give" and frame.recipient != OTHER:
        figure = -0.3
    if plain and sign < 0 and relation in ("decide", "exit", "repair"):
        return {"decide": -0.3, "exit": 0.4, "repair": 0.2}[relation]
    if relation == "ask" and frame.passive:
        return 0.5 if sign < 0 and not frame.normative else 0.7 * sign
    if relation == "give" and frame.recipient == SELF:
        figure = 0.5
    if relation == "trust" and frame.recipient == SELF:
        figure = 0.4
    if relation == "have" and not (frame.objects | frame.around) & {"control", "thing"}:
        figure = 0.0
    if relation == "have" and "control" in frame.objects | frame.around:
        figure = 0.8
    if frame.agent == EVERYBODY and relation in ("access", "expose", "have"):
        figure = -0.4
    if figure > 0 and sign < 0 and frame.unable and not frame.normative:
        return 0.4
    if relation == "depend" and not frame.negated and not frame.normative:
        return 0.2
    return figure * sign


def _by_other(frame: Frame, context: Context, relation: str, sign: float) -> float:
    figure = _BY_OTHER[relation]
    if frame.on_ours and relation not in ("ask", "protect"):
        figure = min(figure, -0.8)
    if relation == "impose" and frame.passive and frame.normative:
        return 0.5 * sign
    if relation == "give" and frame.recipient == SELF:
        figure = 0.3
    if relation == "have":
        figure = -0.9 if "control" in frame.objects else figure if "thing" in frame.objects else 0.3 * figure
    if relation in ("handle", "rests") and sign > 0:
        return 0.5 * figure
    if figure < 0 and sign > 0 and not frame.normative and not frame.permitted and not frame.hedged:
        return figure if context.accepting and not context.adverse else -0.5 * figure
    return figure * sign


class Ruled(NamedTuple):
    """What the rules say of a text."""

    weighed: list[tuple[Frame, float]]
    """The frames that count, with what they add before saturation."""
    stance: float
    """The stance by rules alone."""
    total: float
    """How much speaks for a stance at all, in whichever direction."""


def rules_stance(found: Parsed) -> Ruled:
    """Weigh the frames of a text."""
    if not found.frames:
        return _NOTHING
    context = Context(found.parts)
    last = len(found.reading.sentences) - 1
    weighed = [(frame, figure) for frame in found.frames if (figure := contribution(frame, context, last))]
    total = sum(abs(figure) for _, figure in weighed)
    return Ruled(weighed, sum(figure for _, figure in weighed) / (SATURATION + total), total)


_NOTHING = Ruled([], 0.0, 0.0)
