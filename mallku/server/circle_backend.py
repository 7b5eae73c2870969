"""A whole circle as a model: a question goes in, a deliberated answer comes back."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from mallku.assembly.build import Wishes
from mallku.assembly.templates import templates
from mallku.dialogue.message import Message
from mallku.dialogue.response import Usage
from mallku.errors import RequestRefused
from mallku.events.kinds import AnyEvent, BallotCast, DissentRecorded, RoundOpened, StatementMade
from mallku.firecircle import Deliberation
from mallku.server.backend import Ability, Backend, Generation, ModelCard, Outcome, Piece, Vectors
from mallku.server.deliberations import Deliberations, Motion, whole
from mallku.server.errors import Refusal
from mallku.server.served_models import model_line
from mallku.server.settings import ServerSettings

PREFIX: Final = "circle/"
"""Begins the names of all circles."""

_SEAT_SETTINGS: Final = ("max_tokens", "temperature", "top_p", "top_k", "min_p", "repeat_penalty")
_ABILITIES: Final[frozenset[Ability]] = frozenset({"chat", "seed", *_SEAT_SETTINGS})


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedCircle:
    """A circle that can be convened by name."""

    name: str
    """Its name, without the prefix."""
    description: str
    """What it is for."""
    wishes: Wishes
    """How it is built."""


def served_circles(settings: ServerSettings) -> list[ServedCircle]:
    """Return the circles of the settings and the templates that come with mallku; files come before templates of the same name."""
    model = settings.circle_model or (model_line(settings.models[0])[1] if settings.models else "")
    paths = settings.circles or ((Path("circle.toml"),) if Path("circle.toml").is_file() else ())
    found = {
        one.name: ServedCircle(name=one.name, description=one.description, wishes=Wishes(template=one.name, model=model))
        for one in templates()
    }
    for path in paths:
        name = "default" if path.stem == "circle" else path.stem
        found[name] = ServedCircle(name=name, description="a circle of this server", wishes=Wishes(circle=path, model=model))
    return list(found.values())


class CircleBackend:
    """Serves a circle. Statements come as reasoning while it runs, the verdict is the answer."""

    def __init__(self, circle: ServedCircle, deliberations: Deliberations) -> None:
        self._circle = circle
        self._deliberations = deliberations
        self._card = ModelCard(id=f"{PREFIX}{circle.name}", owner="circle", facts={"description": circle.description})

    @property
    def card(self) -> ModelCard:
        """What is known about the circle."""
        return self._card

    @property
    def abilities(self) -> frozenset[Ability]:
        """What a circle can be asked: sampling options go to every seat."""
        return _ABILITIES

    @property
    def is_loaded(self) -> bool:
        """Whether it holds weights: never before it is convened."""
        return False

    async def generate(self, generation: Generation) -> AsyncGenerator[Piece | Outcome, None]:
        """Convene the circle on the last message; closing the iterator interrupts it."""
        given = tuple((name, value) for name in _SEAT_SETTINGS if (value := getattr(generation, name)) is not None)
        wishes = self._circle.wishes if generation.seed is None else replace(self._circle.wishes, seed=generation.seed)
        running = await self._deliberations.convene(wishes, replace(motion_of(generation.messages), seat_settings=given))
        queue = running.watch()
        try:
            while (live := await queue.get()) is not None:
                if (told := _told(live)) is not None:
                    yield told
            deliberation = await whole(running)
        finally:
            running.leave(queue)
            await running.cancel()
        yield Piece(text=answer_text(deliberation))
        yield Outcome(usage=summed_usage(deliberation.events), details=details_of(deliberation))

    async def count_tokens(self, messages: Sequence[Message]) -> int:
        """Estimate: seats differ in how they count."""
        return sum(len(message.content.encode()) for message in messages) // 3 + 1

    async def tokenize(self, text: str) -> tuple[int, ...]:  # noqa: ARG002 - the seam's signature
        """Refuse: a circle has no tokens of its own."""
        raise Refusal(400, "A circle does not tell token ids.", code="unsupported_endpoint")

    async def embed(self, texts: Sequence[str]) -> Vectors:  # noqa: ARG002 - the seam's signature
        """Refuse: circles deliberate."""
        raise Refusal(400, "A circle does not embed texts.", code="unsupported_endpoint")

    async def close(self) -> None:
        """Leave running deliberations to those who keep them."""


def motion_of(messages: Sequence[Message]) -> Motion:
    """Return the question that a chat asks: its last message, the rest being context."""
    if messages[-1].role != "user" or not messages[-1].content.strip():
        raise RequestRefused("The last message is not a question of the user's.", hint="End the chat with a question.")
    names = {"system": "", "user": "User: ", "assistant": "Earlier answer: "}
    context = "\n\n".join(f"{names[message.role]}{message.content}" for message in messages[:-1])
    return Motion(question=messages[-1].content, context=context)


def _told(event: AnyEvent) -> Piece | None:
    """Return what a listener hears of an event while the circle is at work."""
    if isinstance(event, RoundOpened):
        return Piece(text=f"— {event.title or event.round_kind} —\n\n", channel="reasoning")
    if isinstance(event, StatementMade):
        return Piece(text=f"{event.seat}: {event.text}\n\n", channel="reasoning")
    return None


def answer_text(deliberation: Deliberation) -> str:
    """Return the verdict and short minutes."""
    verdict = deliberation.verdict
    lines = []
    if verdict is None:
        lines.append(f"The circle reached no verdict: {deliberation.reason or deliberation.status}.")
    else:
        lines.append(verdict.text or f"The circle did not decide ({verdict.status}).")
        support = ", ".join(verdict.support) or "nobody"
        counted = f"Rule: {verdict.rule}. In favour: {support}."
        if verdict.dissent:
            counted += f" Not in favour: {', '.join(verdict.dissent)}."
        if verdict.tie_break:
            counted += f" Tie: {verdict.tie_break}"
        lines.append(counted)
        lines += [f"{seat} dissents: {words}" for seat, words in deliberation.state.dissent.items()]
        lines += verdict.notes
    ended = deliberation.state.ended
    lines += ended.remarks if ended else ()
    lines.append(f"Deliberation {deliberation.id}, {deliberation.status}.")
    return "\n\n".join(lines)


def summed_usage(events: Sequence[AnyEvent]) -> Usage:
    """Return the tokens of all seats together: statements, ballots, dissent."""
    used = [event.usage for event in events if isinstance(event, StatementMade | BallotCast | DissentRecorded)]
    return Usage(
        prompt_tokens=sum(usage.prompt_tokens or 0 for usage in used),
        cached_tokens=sum(usage.cached_tokens or 0 for usage in used),
        completion_tokens=sum(usage.completion_tokens or 0 for usage in used),
        estimated=any(usage.estimated for usage in used),
    )


def details_of(deliberation: Deliberation) -> dict[str, Any]:
    """Return what stands beside the protocol's fields."""
    verdict = deliberation.verdict
    return {
        "deliberation": deliberation.id,
        "status": deliberation.status,
        "verdict": verdict.status if verdict else None,
        "rule": verdict.rule if verdict else None,
        "support": list(verdict.support) if verdict else [],
        "dissent": list(verdict.dissent) if verdict else [],
    }


def circle_backends(settings: ServerSettings, deliberations: Deliberations) -> list[Backend]:
    """Return a backend for each circle."""
    return [CircleBackend(circle, deliberations) for circle in served_circles(settings)]
