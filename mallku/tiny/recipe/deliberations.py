"""Whole made-up deliberations, laid out byte for byte as the circle lays them out: a trunk that all seats read, and the turns on it."""

import json
import random
from dataclasses import dataclass, replace
from typing import Any, Final

from mallku.dialogue.ballot_form import GRADES, MAX_SCORE, ballot_instruction
from mallku.dialogue.prompt_layout import CHARTER, TurnRequest, lay_out_shared, lay_out_turn
from mallku.dialogue.round_kinds import EXCHANGE_INSTRUCTION, INSTRUCTIONS, RoundKind
from mallku.dialogue.transcript import OPTION_LABELS, Option, Statement, Transcript
from mallku.dialogue.verdict import BallotKind
from mallku.tiny.recipe.phrasing import BALLOT_REASONS, CHARTERS, DISSENT_WORDS, INSTRUCTION_WORDS, ROUND_TITLES, persona
from mallku.tiny.recipe.questions import ask, context, given
from mallku.tiny.recipe.speech import Seat, Speech, capital
from mallku.tiny.recipe.themes import THEMES
from mallku.tiny.recipe.words import Vocabulary, with_article


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """One turn: what a seat reads after the trunk, and what it answers."""

    after: int
    """How many trunk segments come before it."""
    turn: str
    """The `<turn>` block; empty in a plain chat."""
    reply: str
    """The answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A trunk of segments and the branches that leave it."""

    system: str
    """The system message, or empty."""
    segments: tuple[str, ...]
    """The user message up to the turn, cut where a turn may begin."""
    branches: tuple[Branch, ...]
    """The turns."""


PLANS: Final[tuple[tuple[RoundKind, ...], ...]] = (
    ("opening", "reflection", "synthesis"),
    ("opening", "reflection", "synthesis"),
    ("opening", "reflection", "synthesis"),
    ("opening", "reflection"),
    ("opening", "reflection", "proposal"),
    ("opening", "critique", "synthesis"),
    ("opening", "reflection", "reflection", "synthesis"),
    ("opening", "synthesis"),
    ("opening",),
)
_MIDDLE: Final[tuple[RoundKind, ...]] = ("exploration", "reflection", "critique", "vision", "grounding", "clarification")
_LATE: Final[tuple[RoundKind, ...]] = ("proposal", "evaluation", "synthesis", "consensus", "decision")
_KINDS: Final[tuple[BallotKind, ...]] = ("choice", "choice", "choice", "choice", "approval", "ranking", "scores", "grades", "position")


USUAL_SEATS: Final = (
    (
        "Amaru",
        "keeper of the common good",
        "You ask who gains, who bears the cost, and what the community keeps in its own hands.",
        ("costs and who bears them", "sharing and fairness", "independence", "the local economy"),
    ),
    (
        "Noor",
        "advocate of the single person",
        "You ask what happens to the one who says no, and how anyone can leave.",
        ("consent", "privacy and data", "a way back", "who decides"),
    ),
    (
        "Ilse",
        "practical steward",
        "You ask what it takes to run, what it costs in money, energy and time, and how it is undone if it fails.",
        ("upkeep and repair", "costs and who bears them", "energy and nature", "those who do the work", "a way back"),
    ),
    (
        "Tomas",
        "doubter in good faith",
        "You look for the strongest reason against what most of the others seem to want.",
        ("facts and evidence", "responsibility", "open books", "simplicity"),
    ),
    (
        "Wanjiru",
        "voice of those who come later",
        "You ask how the decision looks in twenty years, and who could not be here today.",
        ("the young and the future", "memory and tradition", "energy and nature", "access"),
    ),
)
"""The personas that a circle seats by default, each with what it cares about."""

_USUAL_SHARE: Final = 0.15
_ENOUGH_STATEMENTS: Final = 3


class Deliberations:
    """Makes deliberations, each from its own seed."""

    def __init__(self) -> None:
        self.vocabulary = Vocabulary()

    def make(self, seed: int) -> Tree:
        """Return the deliberation of this seed."""
        return _OneDeliberation(random.Random(seed), self.vocabulary).tree()


class _OneDeliberation:
    def __init__(self, rng: random.Random, vocabulary: Vocabulary) -> None:
        self.rng = rng
        self.vocabulary = vocabulary
        self.asked = ask(rng, vocabulary)
        self.speech = Speech(rng, vocabulary, self.asked)
        count = rng.choices(range(1, 9), weights=(4, 14, 46, 16, 10, 5, 3, 2))[0]
        self.seats = [self._seat(name) for name in vocabulary.names(rng, count)]
        if rng.random() < _USUAL_SHARE:
            self.seats = [self._usual_seat(*usual) for usual in USUAL_SEATS[: min(count, len(USUAL_SEATS))]]
        draw = rng.random()
        if draw < 0.7:
            self.plan = rng.choice(PLANS)
        else:
            self.plan = ("opening", *rng.sample(_MIDDLE, rng.randint(0, 2)), rng.choice(_LATE))
        options = given(rng, vocabulary, self.asked) if rng.random() < 0.25 else []
        labelled = tuple(Option(label=OPTION_LABELS[index], text=text) for index, text in enumerate(options))
        self.transcript = Transcript(
            question=self.asked.text,
            context=context(rng, vocabulary, self.asked) if rng.random() < 0.2 else "",
            options=labelled if rng.random() < 0.8 else (),
        )
        self.options = labelled
        self.words = rng.choice((None, 90, 90, 90, 90, 90, 60, 60, 60, 80, 100, 120, 40, 30, 25))
        self.segments: list[str] = []
        self.masks: dict[str, str] = {}
        self.branches: list[Branch] = []
        self.candidates: list[tuple[Seat, str]] = []
        self.last_start = 1

    def _seat(self, name: str) -> Seat:
        rng = self.rng
        role = self.vocabulary.role(rng) if rng.random() < 0.75 else ""
        themes = rng.sample(THEMES, 3)
        stance = rng.choice(("yes", "no", "maybe"))
        if role in ("skeptic", "critic", "devil's advocate"):
            stance = "no"
        elif role == "advocate":
            stance = "yes"
        told, stance = persona(rng, themes[0], stance)
        if role and rng.random() < 0.25:
            role = with_article(role) if rng.random() < 0.6 else f"the {role}"
        return Seat(name=name, role=role, persona=told, themes=themes, stance=stance)

    def _usual_seat(self, name: str, role: str, told: str, cares: tuple[str, ...]) -> Seat:
        rng = self.rng
        themes = [theme for theme in THEMES if theme.care[0] in cares]
        if rng.random() < 0.3:
            name = self.vocabulary.name(rng)
        stance = "no" if role.startswith("doubter") else rng.choice(("yes", "no", "maybe"))
        return Seat(name=name, role=role, persona=told, themes=rng.sample(themes, len(themes)), stance=stance)

    def tree(self) -> Tree:
        rng = self.rng
        if rng.random() < 0.15:
            order = rng.sample(self.seats, len(self.seats))
            self.masks = {seat.name: f"Voice {index + 1}" for index, seat in enumerate(order)}
        self._grow()
        early = rng.random() < 0.35
        for index, kind in enumerate(self.plan):
            self._round(index, kind)
            if index == 0 and early:
                self._ballots(blind=True)
        self._ballots(blind=False)
        if rng.random() < 0.35:
            self._dissent()
        system = CHARTER if rng.random() < 0.9 else rng.choice(CHARTERS)
        return Tree(system=system, segments=tuple(self.segments), branches=tuple(self.branches))

    def _grow(self) -> None:
        """Append what the shared part gained since the last time."""
        before = "".join(self.segments)
        now = lay_out_shared(self.transcript, masks=self.masks)
        assert now.startswith(before)
        if now != before:
            self.segments.append(now[len(before) :])

    def _round(self, index: int, kind: RoundKind) -> None:
        rng = self.rng
        together = rng.random() < (0.9 if index == 0 else 0.6)
        at_start = len(self.segments)
        known = [replace(seat, points=list(seat.points)) for seat in self.seats if seat.points]
        usual = "exchange" if kind == "reflection" and rng.random() < 0.8 else kind
        title = usual if rng.random() < 0.85 else rng.choice(ROUND_TITLES)
        digest = index > 0 and index == len(self.plan) - 1 and not self.masks and rng.random() < 0.08
        if digest:
            self._condense()
            at_start = len(self.segments)
        self.last_start, self.candidates = at_start, []
        spoken: list[Statement] = []
        for seat in rng.sample(self.seats, len(self.seats)) if rng.random() < 0.3 else self.seats:
            others = [other for other in (known if together else [s for s in self.seats if s.points]) if other.name != seat.name]
            rng.shuffle(others)
            instruction = self._instruction(kind, others)
            shown = self._shown(others)
            made_before = list(seat.points)
            text = self.speech.statement(kind, seat, shown)
            words = self.words
            if words is not None and len(text.split()) > words:
                text = _shortened(text, words)
            seat.points = [point for point in dict.fromkeys([*made_before, *seat.points]) if point in made_before or point in text]
            turn = self._turn(seat, title, instruction, restate=rng.random() < 0.85, words=words)
            self.branches.append(Branch(after=at_start if together else len(self.segments), turn=lay_out_turn(turn), reply=text))
            partial = rng.random() < 0.03
            said = Statement(
                turn=f"r{index}.{seat.name}", seat=seat.name, round_index=index, round_kind=kind if rng.random() < 0.95 else title,
                text=text[: len(text) * 2 // 3] if partial else text, partial=partial,
            )  # fmt: skip
            self.candidates.append((seat, said.text))
            if together:
                spoken.append(said)
            else:
                self.transcript = self.transcript.said(said)
                self._grow()
        for said in spoken:
            self.transcript = self.transcript.said(said)
            self._grow()

    def _shown(self, others: list[Seat]) -> list[Seat]:
        """Return the others under the names that this seat reads."""
        return [replace(other, name=self.masks.get(other.name, other.name)) for other in others]

    def _instruction(self, kind: RoundKind, others: list[Seat]) -> str:
        rng = self.rng
        usual = EXCHANGE_INSTRUCTION if kind == "reflection" and rng.random() < 0.6 else INSTRUCTIONS[kind]
        words = usual if rng.random() < 0.5 else rng.choice(INSTRUCTION_WORDS[kind])
        if others and kind in ("reflection", "critique", "clarification") and rng.random() < 0.8:
            name = self.masks.get(others[0].name, others[0].name)
            asked = rng.choice(
                (
                    "Answer {X}.",
                    "Respond to {X}.",
                    "Answer {X} by name.",
                    "Speak to {X}.",
                    "Reply to {X}.",
                    "Take up a point of {X}.",
                    "What do you say to {X}?",
                )
            )
            words = f"{words} {asked.format(X=name)}" if rng.random() < 0.6 else asked.format(X=name)
        return words

    def _turn(
        self, seat: Seat, title: str, instruction: str, *, restate: bool, words: int | None, options: tuple[Option, ...] = ()
    ) -> TurnRequest:
        return TurnRequest(
            seat=seat.name, role=seat.role, persona=seat.persona, round_title=title, instruction=instruction,
            question=self.asked.text if restate else "", max_words=words, options=options,
        )  # fmt: skip

    def _condense(self) -> None:
        """Put a digest in the place of the first round, as the circle does when the room is short."""
        first = [said for said in self.transcript.statements if said.round_index == 0]
        lines = [f"Round {self.plan[0]}, shortened to each speaker's first sentence:"]
        lines += [f"{said.seat}: {_shortened(said.text, 1)}" for said in first]
        self.transcript = replace(self.transcript, digests={0: "\n".join(lines)})
        for seat in self.seats:
            kept = " ".join([*lines, *(said.text for said in self.transcript.statements if said.round_index)])
            seat.points = [point for point in seat.points if point in kept]
        self.segments = [lay_out_shared(self.transcript)]
        self.branches = []

    def _ballots(self, *, blind: bool) -> None:
        """Let some seats fill in a ballot, on the given options or on the statements of the last round."""
        rng = self.rng
        kind = rng.choice(_KINDS)
        after = 1 if blind else len(self.segments)
        choices: list[tuple[str, Seat | None]] = [(option.text, None) for option in self.options]
        if not choices and self.candidates and rng.random() < 0.85:
            choices = [(text, seat) for seat, text in self.candidates[:5]]
            after = 1 if blind else self.last_start
        if not choices:
            choices = [(text, None) for text in given(rng, self.vocabulary, self.asked)]
        if kind == "position":
            choices = choices[:1]
        options = [Option(label=OPTION_LABELS[index], text=text) for index, (text, _) in enumerate(choices)]
        for seat in rng.sample(self.seats, min(len(self.seats), 3)):
            barred = len(choices) >= _ENOUGH_STATEMENTS
            paper = [(option, author) for option, (_, author) in zip(options, choices, strict=True) if not (barred and author is seat)]
            rng.shuffle(paper)
            if rng.random() < 0.25:
                paper = [(replace(option, label=OPTION_LABELS[index]), author) for index, (option, author) in enumerate(paper)]
            shown = tuple(option for option, _ in paper)
            reply = json.dumps(self._vote(kind, seat, shown, [author for _, author in paper]), ensure_ascii=False)
            instruction = ballot_instruction(kind)
            if rng.random() < 0.1:
                instruction = instruction.replace("Vote for one option.", "Which option do you choose?").replace("one sentence", "why")
            title = "ballot" if rng.random() < 0.7 else rng.choice(("decision", "final ballot", "private ballot", "vote", "opening"))
            turn = self._turn(seat, title, instruction, restate=rng.random() < 0.9, words=None, options=shown)
            self.branches.append(Branch(after=after, turn=lay_out_turn(turn), reply=reply))

    def _vote(self, kind: BallotKind, seat: Seat, options: tuple[Option, ...], authors: list[Seat | None]) -> dict[str, Any]:
        rng = self.rng
        liking = [self._liking(seat, option, author) for option, author in zip(options, authors, strict=True)]
        labels = [option.label for option in options]
        best_first = sorted(range(len(options)), key=lambda index: -liking[index])
        best = best_first[0]
        author = authors[best]
        theme = self.speech.theme(seat)
        frames, other = BALLOT_REASONS["given"], None
        if author is not None:
            made = [point for point in author.points if point in options[best].text]
            frames = BALLOT_REASONS["proposal" if made else "any"]
            other = replace(author, points=made) if made else None
        frame = rng.choice(frames).replace("{o}", options[best].text.replace("{", "").replace("}", ""))
        deed, points = seat.deed, list(seat.points)
        reason = self.speech.say(frame, seat, theme, (other, None), self.speech.point(theme))
        seat.deed, seat.points = deed, points
        reason = capital(reason)
        match kind:
            case "choice":
                return {"reason": reason, "choice": labels[best]}
            case "approval":
                approved = [labels[index] for index in range(len(labels)) if liking[index] > 0.45] or [labels[best]]
                return {"reason": reason, "approve": approved}
            case "ranking":
                return {"reason": reason, "ranking": [labels[index] for index in best_first]}
            case "scores":
                return {
                    "reason": reason,
                    "scores": {labels[i]: max(0, min(MAX_SCORE, round(liking[i] * MAX_SCORE))) for i in range(len(labels))},
                }
            case "grades":
                graded = {
                    labels[i]: GRADES[max(0, min(len(GRADES) - 1, round((1 - liking[i]) * (len(GRADES) - 1))))] for i in range(len(labels))
                }
                return {"reason": reason, "grades": graded}
            case "position":
                position = (
                    "consent" if liking[0] > 0.5 else "reservations" if liking[0] > 0.3 else "stand-aside" if liking[0] > 0.12 else "block"
                )
                return {"reason": reason, "position": position}

    def _liking(self, seat: Seat, option: Option, author: Seat | None) -> float:
        """Return how much the seat likes an option, 0..1."""
        rng = self.rng
        if author is seat:
            return 0.5 + 0.4 * rng.random()
        if author is not None:
            shared = any(theme in author.themes for theme in seat.themes)
            return min(1.0, (0.5 if shared or author.stance == seat.stance else 0.15) + 0.5 * rng.random())
        said = option.text.lower()
        leaning = "yes" if said.startswith(("yes", "agree", "for")) else "no" if said.startswith(("no", "disagree", "against")) else "maybe"
        return min(1.0, (0.55 if leaning == seat.stance else 0.1) + 0.45 * rng.random())

    def _dissent(self) -> None:
        rng = self.rng
        seat = rng.choice(self.seats)
        stance, seat.stance = seat.stance, "no"
        text = self.speech.statement("dissent", seat, [])
        seat.stance = stance
        words = rng.choice(DISSENT_WORDS)
        if rng.random() < 0.8:
            outcome = rng.choice(self.options).text if self.options else self.candidates[-1][1]
            words = f"The outcome is {rng.choice('ABC')}: {outcome}\n{words}"
        turn = self._turn(seat, rng.choice(("dissent", "minority", "decision")), words, restate=rng.random() < 0.9, words=self.words)
        self.branches.append(Branch(after=len(self.segments), turn=lay_out_turn(turn), reply=text))


def _shortened(text: str, words: int) -> str:
    """Drop sentences from the end until at most `words` words are left; one sentence always stays."""
    sentences = text.replace("? ", "?\n").replace(". ", ".\n").split("\n")
    while len(sentences) > 1 and len(" ".join(sentences).split()) > words:
        sentences.pop()
    return " ".join(sentences)
