"""What a seat says: statements put together from its stance, its theme and what it heard."""

import random
from dataclasses import dataclass, field
from typing import Final

from mallku.tiny.recipe.questions import Asked
from mallku.tiny.recipe.themes import THEMES, Theme
from mallku.tiny.recipe.words import ADJECTIVES, PEOPLE, TIMES, Vocabulary, with_article


@dataclass(slots=True, kw_only=True)
class Seat:
    """One speaker of a made-up circle."""

    name: str
    """Its name."""
    role: str
    """Its role, or empty."""
    persona: str
    """What it was told, or empty."""
    themes: list[Theme]
    """What it cares about, most important first."""
    stance: str
    """`yes`, `no` or `maybe`."""
    points: list[str] = field(default_factory=list)
    """Points it has made, as others can refer to them."""
    deed: str = ""
    """Its last proposal, as a verb phrase."""


def capital(text: str) -> str:
    """Return the text with a capital first letter."""
    return text[:1].upper() + text[1:]


_STANCES: Final = {
    "yes": "I am for it.|I would say yes.|My answer is yes.|I lean towards yes.|Yes, with open eyes.|I support this.|I would {a}.|"
    "I am ready to {a}.|We should {a}.|"
    "It is time to {a}.|I say yes to {t}.|Let us {a}, step by step.|I see more gain than loss in {t}.|I would gladly {a}.|"
    "Yes to {t}, and soon.",
    "no": "I am against it.|I would say no.|My answer is no.|I lean towards no.|Not like this.|I would not {a}.|I am not ready to {a}.|"
    "We should not {a} now.|"
    "I would rather leave {t} alone.|I say no for now.|I see more loss than gain in {t}.|I cannot support it yet.|"
    "Before we {a}, too much is open.|Let {t} be.",
    "maybe": "I am not sure yet.|I am torn about {t}.|I could go either way.|I would wait a little.|I say yes only under conditions.|"
    "I am between yes and no.|"
    "I would try it first.|We could {a} for a season.|My answer depends on one thing.|I am in two minds about {t}.|Perhaps, but slowly.|"
    "I would not hurry with {t}.",
    "open": "I would begin with one thing.|{t2} {needs} a plain rule.|I would start small with {t}.|For {t}, less is more.|"
    "My view of {t} is simple.|I would go one step at a time with {t}.|"
    "{t2} {deserves} our care.|There is a good way for {t}.|I would ask first what {t} {is_} for.|We can do better with {t}.|"
    "I look at {t} from one side only.|With {t} we should be patient.",
}  # fmt: skip
_LEADS: Final = (
    "My main reason is {n}: {s}.|What weighs most for me is {n}. {S}.|I think first of {n}: {s}.|For me it comes down to {n}. {S}.|"
    "The heart of it is {n}: {s}.|"
    "I keep coming back to {n}. {S}.|Look at {n}: {s}.|When I think of {t}, I think of {n}. {S}.|{N} {matters} most to me, because {s}.|"
    "{S}, and that is why {n} {matters} to me.|"
    "Behind {t} I see {n}. {S}.|We should talk about {n}, since {s}.|It is {n} that I worry about. {S}.|"
    "{S}. That is what I mean by {n}.|I care about {n}: {s}."
).split("|")
_ROLE_LEADS: Final = (
    "As {r}, I look at {n} first. {S}.|As {r}, I know {n} well: {s}.|I speak as {r}: {s}, so {n} {matters}.|"
    "{R} sees {n} before anything else. {S}.|"
    "In my work as {r} I have learned to respect {n}. {S}.|As {r}, I would put {n} before the rest: {s}.|Being {r}, I notice {n}. {S}.|"
    "From where I stand as {r}, {n} {matters} most. {S}."
).split("|")
_ENDS: Final = (
    "I could agree if {c}.|So I ask that {c}.|It works only if {c}.|My condition is that {c}.|Provided that {c}, I can live with {t}.|"
    "Then {t} can work, as long as {c}.|"
    "I would {d}.|So let us {d}.|A first step would be to {d}.|We could {d}.|Still, I ask: {q}?|One thing stays open: {q}?|And {q}?|"
    "Let us not forget {m}.|"
    "That also touches {m}.|I ask for patience with {t}.|Nothing about {t} is lost if we take our time.|"
    "I say this with respect for those who see {t} differently."
).split("|")
_AGREE: Final = (
    "{X} is right about {x}.|I agree with {X} on {x}.|{X} spoke of {x}, and I agree.|Like {X}, I take {x} seriously.|"
    "I heard {X} speak of {x}, and it convinced me.|"
    "{X} made a good point about {x}.|What {X} said about {x} stays with me.|I share what {X} said about {x}.|"
    "Thank you, {X}: {x} {matters_x} to me too.|On {x} I stand with {X}."
).split("|")
_DISAGREE: Final = (
    "I see {x} differently from {X}.|{X} makes too much of {x}.|I respect {X}, but {x} is not the whole story.|"
    "{X} named {x}, yet I do not agree.|I cannot follow {X} on {x}.|"
    "I heard {X} speak of {x}, but I am not convinced.|{X} fears for {x}; I do not.|{X} speaks of {x}, and forgets something.|"
    "With {X} I differ on {x}.|What {X} said about {x} does not settle it."
).split("|")
_AND: Final = (
    "For {t} this means that {c}.|{S}.|Still, {s}.|And {s}.|To that I add {n}: {s}.|My reason is simple: {s}.|"
    "I would only add {n}. {S}.|It also touches {n}, for {s}.|This is why I would {d}.|At {t} we can see it: {s}."
).split("|")
_BUT: Final = (
    "{S}.|My reason is {n}: {s}.|For me {n} {matters} more. {S}.|Think of {n}: {s}.|In the case of {t}, {s}.|"
    "I put {n} first, because {s}.|Look at {t} again: {s}.|The other side is {n}. {S}.|Rather, {s}."
).split("|")
_CRITIQUE: Final = (
    "The strongest point is the one {X} made about {x}.|{X} has the best argument so far, {x}.|I take up what {X} said about {x}.|"
    "{X} rests the whole case on {x}.|The point of {X} about {x} is strong."
).split("|")
_SHORT_OF: Final = (
    "It falls short in one place: {s}.|But it leaves out {n}. {S}.|Yet it does not answer {n}, because {s}.|"
    "It holds in summer, but not always: {s}.|What is missing is {n}: {s}.|But for {t} it is not enough, since {s}."
).split("|")
_PROPOSAL: Final = (
    "I propose that we {d} and {e}.|My proposal: {d}, and {e}.|Let us {d}. Then let us {e}.|I suggest that we {d}, provided that {c}.|"
    "We should {d}, and {e} as well.|"
    "Here is a proposal for {t}: we {d} and {e}.|I would {d} {w}, and {e}."
).split("|")
_SYNTHESIS: Final = (
    "{X} named {x}, and {Y} named {y}.|I join what {X} said about {x} with what {Y} said about {y}.|"
    "From {X} I take {x}, from {Y} I take {y}.|{X} cares about {x}, {Y} about {y}; both can have their way.|"
    "With {X} I keep {x} in view, and with {Y} {y}.|Two threads belong together: {x}, which {X} named, and {y}, which {Y} named."
).split("|")
_GROUNDING: Final = (
    "{P} would {d} {w}.|In practice {p} {d} {w}.|First we {d}, {w}. Then we {e}.|{Y} could {d} {w}, and I would help.|"
    "We need ten people, one plan and a date: {d} {w}.|"
    "It takes two steps: {d}, then {e}. The first can be done {w}."
).split("|")
_VISION: Final = (
    "In ten years {p} meet at {t} and nobody remembers the quarrel.|In five years {t} still {serves} us, because {c}.|"
    "I see {t} in some years: {p} come and go, and {c}.|If we decide well, {p} will thank us for {t}.|"
    "A child asks how it began, and we can say that we listened.|I picture a quiet evening at {t}: {s}."
).split("|")
_CLARIFY: Final = (
    "{X}, what do you mean by {x}?|One thing is unclear between us: {q}? I ask you, {X}.|{X}, you spoke of {x}; {q}?|"
    "One thing is open: {q}? {X}, can you tell us?|I ask {X} about {x}: {q}?"
).split("|")
_EVALUATE: Final = (
    "The proposal of {X} is strong on {x}.|What {X} proposes has one strength: it takes {x} seriously.|I like how {X} puts {x} first.|"
    "The strength lies in {x}, as {X} says."
).split("|")
_WEAK: Final = (
    "Its weakness is {n}: {s}.|The weak side is {n}. {S}.|But {n} is missing. {S}.|What {Y} said about {y} is better thought out there.|"
    "It is weak where {t} {is_} concerned: {s}."
).split("|")
_CONSENSUS: Final = (
    "I can live with the proposal as it stands.|I can live with it.|I can accept this for {t}.|I cannot yet live with it.|"
    "I can go along, with one reservation.|With one small change I am content."
).split("|")
_CHANGE: Final = (
    "It would help if {c}.|A small change would help: {d}.|I only ask that {c}.|What {X} said about {x} should be added.|"
    "Please add that {c}."
).split("|")
_DECISION: Final = (
    "I will vote yes, because {s}.|I will vote no, because {s}.|I vote for the proposal of {X}, since it looks after {x}.|"
    "My vote goes to {X}, because of {x}.|I will vote for {t} with the condition that {c}.|"
    "I follow {X} in my vote; {x} convinced me."
).split("|")
_DISSENT: Final = (
    "I did not support the outcome, because {s}.|The outcome leaves out {n}. {S}.|I could not agree: {s}.|"
    "I respect the decision about {t}, but {s}.|My objection is {n}: {s}.|I stand apart here. {S}."
).split("|")
_DISSENT_END: Final = (
    "I hope we look at {t} again {w}.|I would have agreed if {c}.|Please keep this in the minutes.|"
    "I will still help, and I ask that {c}.|Let us at least {d}.|I ask the circle to come back to {n}."
).split("|")
_SIDES: Final = (
    "Nobody has looked at {n} yet.|One side is still missing: {n}.|We have not spoken of {n}.|So far we left out {n}.|"
    "There is another side to {t}: {n}.|I miss one thing in our talk, {n}."
).split("|")
_MATTERS: Final = (
    "It matters because {s}.|{S}, and we should know it before we decide.|For {p} it is the main thing: {s}.|"
    "It matters for {t}, since {s}.|{S}. That is why we should look at it now."
).split("|")


class Speech:
    """Says things for the seats of one circle about one question."""

    def __init__(self, rng: random.Random, vocabulary: Vocabulary, asked: Asked) -> None:
        self.rng = rng
        self.vocabulary = vocabulary
        self.asked = asked
        self.people = rng.choice(PEOPLE)

    def say(self, frame: str, seat: Seat, theme: Theme, about: tuple[Seat | None, Seat | None] = (None, None), point: str = "") -> str:
        """Fill one frame for a seat."""
        rng, asked = self.rng, self.asked
        first, second = about
        doubts = seat.stance == "no" or (seat.stance == "maybe" and rng.random() < 0.5)
        point = point or (rng.choice(theme.points))
        people = self.people if rng.random() < 0.4 else rng.choice(PEOPLE)
        slots = {"t": asked.topic, "T": capital(asked.topic), "p": people, "P": capital(people), "w": rng.choice(TIMES)}
        reason = rng.choice(theme.con if doubts else theme.pro).format(**slots)
        if asked.many:
            reason = _plural(reason, asked.topic)
        if "{d}" in frame and not seat.deed:
            seat.deed = rng.choice(theme.deeds).format(**slots)
        heard = {"x": _point_of(first, rng), "y": _point_of(second, rng)}
        text = frame.format(
            **slots, **heard, a=asked.action or f"change {asked.topic}", n=point, N=capital(point),
            s=reason[:1].lower() + reason[1:], S=reason,
            c=rng.choice(theme.terms).format(**slots), d=seat.deed or rng.choice(theme.deeds).format(**slots),
            e=self._other_deed(seat.deed, slots), q=rng.choice(theme.asks).format(**slots), m=rng.choice(rng.choice(THEMES).points),
            X=first.name if first else "", Y=second.name if second else "", r=_as_role(seat.role), R=capital(_as_role(seat.role)),
            t2=capital(asked.topic), needs="need" if asked.many else "needs", deserves="deserve" if asked.many else "deserves",
            serves="serve" if asked.many else "serves", is_="are" if asked.many else "is",
            matters=_matter(point), matters_x=_matter(heard["x"]),
        )  # fmt: skip
        if first is None or "{n}" in frame or "{N}" in frame:
            seat.points.append(point)
        return capital(text)

    def _other_deed(self, deed: str, slots: dict[str, str]) -> str:
        while True:
            other = self.rng.choice(self.rng.choice(THEMES).deeds).format(**slots)
            if other != deed:
                return other

    def point(self, theme: Theme) -> str:
        """Return a theme's point, or one that nobody could know beforehand."""
        rng = self.rng
        draw = rng.random()
        if draw < 0.12:
            return f"the {rng.choice(ADJECTIVES)} {self.vocabulary.thing(rng)}"
        if draw < 0.3:
            return rng.choice(theme.points).replace("the ", f"the {rng.choice(_SHADES)} ", 1)
        return rng.choice(theme.points)

    def theme(self, seat: Seat) -> Theme:
        """Return a theme for the seat's next words, mostly its own."""
        return self.rng.choices(seat.themes, weights=(5, 3, 2, 2, 2)[: len(seat.themes)])[0]

    def opening(self, seat: Seat) -> str:
        """A first view with its reason."""
        rng = self.rng
        theme = seat.themes[0] if rng.random() < 0.75 else self.theme(seat)
        stance = seat.stance if self.asked.action else "open" if rng.random() < 0.8 else seat.stance
        lead = rng.choice(_ROLE_LEADS if seat.role and rng.random() < 0.5 else _LEADS)
        parts = [self.say(rng.choice(_STANCES[stance].split("|")), seat, theme)]
        seat.points.clear()
        parts.insert(rng.choice((0, 1, 1)), self.say(lead, seat, theme, point=self.point(theme)))
        parts.extend(self.say(rng.choice(_ENDS), seat, self.theme(seat)) for _ in range(rng.choice((1, 1, 1, 2))))
        return self._about_topic(parts)

    def answer(self, seat: Seat, other: Seat) -> str:
        """Answer another seat by name."""
        rng = self.rng
        agrees = (seat.stance == other.stance) if rng.random() < 0.6 else rng.random() < 0.5
        theme = self.theme(seat)
        parts = [self.say(rng.choice(_AGREE if agrees else _DISAGREE), seat, theme, (other, None))]
        parts.append(self.say(rng.choice(_AND if agrees else _BUT), seat, theme, (other, None), self.point(theme)))
        if rng.random() < 0.75:
            parts.append(self.say(rng.choice(_ENDS), seat, self.theme(seat)))
        return self._about_topic(parts)

    def two(self, first: list[str], second: list[str], seat: Seat, others: list[Seat], *, third: float = 0.3) -> str:
        """Say one frame of each list, and perhaps an end."""
        rng = self.rng
        about = (others[0] if others else None, others[1] if len(others) > 1 else others[0] if others else None)
        theme = self.theme(seat)
        usable = [frame for frame in first if others or not _names(frame)] or _SIDES
        usable_second = [frame for frame in second if others or not _names(frame)] or _MATTERS
        opener = rng.choice(usable)
        usable_second = [frame for frame in usable_second if frame != opener]
        point = self.point(theme)
        parts = [self.say(opener, seat, theme, about, point), self.say(rng.choice(usable_second), seat, theme, about, point)]
        if rng.random() < third:
            parts.append(self.say(rng.choice(_ENDS), seat, self.theme(seat)))
        return self._about_topic(parts)

    def proposal(self, seat: Seat, others: list[Seat], *, joined: bool) -> str:
        """A concrete proposal; when `joined`, one that takes up others' points."""
        rng = self.rng
        seat.deed = ""
        theme = self.theme(seat)
        parts = []
        if joined and others:
            about = (others[0], others[1] if len(others) > 1 else seat)
            frames = _SYNTHESIS if len(others) > 1 else _AGREE
            parts.append(self.say(rng.choice(frames), seat, theme, about))
        parts.append(self.say(rng.choice(_PROPOSAL), seat, theme, (others[0] if others else None, None)))
        if rng.random() < (0.3 if joined else 0.6):
            parts.append(self.say(rng.choice(_LEADS), seat, theme, point=self.point(theme)))
        return self._about_topic(parts)

    def statement(self, kind: str, seat: Seat, others: list[Seat]) -> str:
        """Say what a round of this kind asks for; `others` have spoken, the one to answer first."""
        if kind == "reflection" and others:
            return self.answer(seat, others[0])
        if kind in ("proposal", "synthesis"):
            return self.proposal(seat, others, joined=kind == "synthesis")
        pairs = {
            "exploration": (_SIDES, _MATTERS),
            "critique": (_CRITIQUE, _SHORT_OF),
            "vision": (_VISION, _VISION),
            "grounding": (_GROUNDING, _ENDS),
            "clarification": (_CLARIFY, [""]),
            "evaluation": (_EVALUATE, _WEAK),
            "consensus": (_CONSENSUS, _CHANGE),
            "decision": (_DECISION, [""]),
            "dissent": (_DISSENT, _DISSENT_END),
        }
        if kind not in pairs or (kind in ("critique", "clarification", "evaluation") and not others):
            return self.opening(seat)
        third = 0.0 if kind in ("dissent", "decision", "clarification") else 0.35
        return self.two(*pairs[kind], seat, others, third=third)

    def _about_topic(self, parts: list[str]) -> str:
        """Join the sentences; see to it that nearly every statement names its topic."""
        rng, topic = self.rng, self.asked.topic
        text = " ".join(part for part in parts if part)
        if topic.lower() not in text.lower() and rng.random() < 0.9:
            frame = rng.choice(
                "I say this about {t}.|So I see {t}.|This is what {t} {needs}.|Then {t} can last.|I want {t} to serve us all.|"
                "For {t}, this is enough.|Let us treat {t} with care.|"
                "We will see how {t} {does}.|That goes for {t} as well.|Only then would I trust {t}.".split("|")
            )
            needs, does = ("need", "do") if self.asked.many else ("needs", "does")
            text += " " + capital(frame.format(t=topic, needs=needs, does=does))
        return text


def _names(frame: str) -> bool:
    return any(slot in frame for slot in ("{X}", "{Y}", "{x}", "{y}"))


def _as_role(role: str) -> str:
    if not role:
        return "one of you"
    return role if role.startswith(("a ", "an ", "the ")) else with_article(role)


def _matter(point: str) -> str:
    head = (
        point.split(" of ", maxsplit=1)[0]
        .split(" that ", maxsplit=1)[0]
        .split(" behind ", maxsplit=1)[0]
        .split(" with ", maxsplit=1)[0]
        .split(" who ", maxsplit=1)[0]
    )
    return "matter" if (head.endswith("s") and not head.endswith("ss")) or head.startswith(("those", "open books")) else "matters"


def _point_of(seat: Seat | None, rng: random.Random) -> str:
    if seat is None:
        return "that"
    return rng.choice(seat.points[-3:]) if seat.points else "that"


_SHADES: Final = (
    "real plain old daily small quiet open hidden whole simple growing unspoken everyday true deeper good main first lasting"
).split()
_SINGULAR: Final = tuple(
    pair.split("/")
    for pair in (
        "would/would can/can is/are has/have works/work pays/pay needs/need brings/bring does/do uses/use "
        "takes/take goes/go carries/carry stands/stand belongs/belong keeps/keep makes/make teaches/teach adds/add gives/give"
    ).split()
)


def _plural(sentence: str, topic: str) -> str:
    """Put the verb after a topic in the plural."""
    for name in (topic, capital(topic)):
        for one, many in _SINGULAR:
            sentence = sentence.replace(f"{name} {one} ", f"{name} {many} ")
    return sentence
