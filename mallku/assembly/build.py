"""From what was asked for to a circle that can be convened: a circle file, a template, seats named one by one, or nothing at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mallku.assembly.choice import Choice, choose_speakers
from mallku.assembly.config import FILE_NAME, CircleFile, SeatEntry, read_circle_file
from mallku.assembly.embedding import embedder
from mallku.assembly.seating import generation_settings, seat_participant
from mallku.assembly.settings import Settings
from mallku.assembly.templates import template
from mallku.detectors import full_panel
from mallku.dialogue.prompt import GenerationSettings
from mallku.engine import EnginePool
from mallku.errors import ConfigurationError
from mallku.events import kinds
from mallku.events.bus import EventBus
from mallku.firecircle import DEFAULT_PERSONAS, FireCircle, Persona, Plan, RoundPlan, default_plan
from mallku.firecircle.decisions.rules import decision_rule
from mallku.firecircle.persona import persona_for
from mallku.journal import Journal

if TYPE_CHECKING:
    from mallku.firecircle.adapters.human import Ask

SEATS_BY_DEFAULT = 3
"""Seats of a circle that names none."""

_FEWEST_FOR_SYNTHESIS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatWish:
    """A seat named outside a circle file."""

    name: str = ""
    """Its name; a default persona's if empty."""
    spec: str
    """What speaks for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What was asked for. What is empty or None comes from the circle file, then from the settings, then from the defaults."""

    circle: Path | None = None
    """The circle file; `circle.toml` of the working directory if there is one."""
    template: str = ""
    """Name of a template, instead of a circle file."""
    seats: tuple[SeatWish, ...] = ()
    """Who sits, instead of the file's seats; a seat of the same name keeps its persona from there."""
    model: str = ""
    """What speaks for seats that name no model."""
    rounds: int | None = None
    """Rounds of the default plan."""
    rule: str = ""
    """The decision rule."""
    seed: int | None = None
    """The seed."""
    journal: str | None = None
    """Where the record goes."""
    allow_remote: bool = False
    """Whether seats may speak from public addresses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly:
    """A circle, and what its file says about the question."""

    circle: FireCircle
    """Ready to convene; its participants are not connected yet."""
    journal: str | None
    """Where the record goes, as it was named; None is the user's own journal."""
    question: str = ""
    """The file's question, or empty."""
    context: str = ""
    """The file's context, or empty."""
    options: tuple[str, ...] = ()
    """The file's options, or none."""
    told: tuple[str, ...] = field(default=())
    """Sentences for the person who convenes: what was chosen for them, and why."""


async def assemble(
    wishes: Wishes,
    *,
    settings: Settings | None = None,
    ask: "Ask | None" = None,
    bus: EventBus | None = None,
    engines: EnginePool | None = None,
) -> Assembly:
    """Build the circle that was asked for.

    Args:
        wishes: What was asked for.
        settings: What the environment says; nothing if None.
        ask: Asks the person who sits in a `human` seat.
        bus: Carries the circle's events; a new one if None.
        engines: Where seats in process get their engines; the circle's own pool if None.
    """
    settings = settings or Settings.model_construct()
    file, told = _circle_file(wishes, settings)
    allow_remote = wishes.allow_remote or file.allow_remote or settings.allow_remote
    journal = wishes.journal or file.journal or settings.journal
    entries = _entries(wishes, file)
    engines = engines if engines is not None else EnginePool()
    judge = file.judge or settings.judge
    embedding = embedder(Path(file.embed) if file.embed else settings.embed)
    circle = FireCircle(
        plan=_plan(wishes, file),
        journal=journal,
        bus=bus,
        judge=seat_participant(judge, engines=engines, allow_remote=allow_remote) if judge else None,
        panel=full_panel(embedding) if embedding else None,
        seed=wishes.seed if wishes.seed is not None else file.seed,
        allow_remote=allow_remote or any(entry.allow_remote for entry in entries),
    )
    spoken = wishes.model or file.model or settings.model
    choice = Choice(specs=(spoken,), told="") if spoken else None
    if choice is None and not all(entry.model for entry in entries):
        choice = await choose_speakers()
        told = (*told, choice.told)
    for index, entry in enumerate(entries):
        spec = entry.model or (choice.spec(index) if choice else "")
        speaker = partial(seat_participant, ask=ask, engines=engines, allow_remote=allow_remote, entry=entry)
        circle.add_participant(
            speaker(spec),
            persona=Persona(name=entry.name, role=entry.role, instructions=entry.instructions),
            weight=entry.weight,
            settings=generation_settings(entry),
            substitutes=[speaker(substitute) for substitute in entry.substitutes],
        )
    return Assembly(circle=circle, journal=journal, question=file.question, context=file.context, options=file.options, told=told)


async def assemble_again(
    convened: kinds.DeliberationConvened,
    *,
    journal: Journal | str | None,
    seats: Sequence[SeatWish] = (),
    allow_remote: bool = False,
    ask: "Ask | None" = None,
    bus: EventBus | None = None,
    substituted: Mapping[str, str] | None = None,
) -> FireCircle:
    """Build the circle of a recorded deliberation again, with the seats that `seats` names spoken for anew.

    `substituted` gives, for each seat that a substitute had taken, the specification of who sat there last.
    """
    last = dict(substituted or {})
    anew = {seat.name: seat.spec for seat in seats}
    names = [facts.name for facts in convened.seats]
    for name in anew:
        if name not in names:
            raise ConfigurationError(f"The deliberation has no seat {name!r}.", hint=f"Its seats are {', '.join(names)}.")
    circle = FireCircle(journal=journal, bus=bus, allow_remote=allow_remote)
    engines = EnginePool()
    for facts in convened.seats:
        spec = anew.get(facts.name) or last.get(facts.name) or facts.spec
        speaker = seat_participant(spec, ask=ask, engines=engines, allow_remote=allow_remote, trusted=facts.name in anew)
        persona = Persona(name=facts.name, role=facts.role, instructions=facts.persona)
        settings = GenerationSettings(**facts.settings)
        circle.add_participant(speaker, persona=persona, weight=facts.weight, settings=settings)
    return circle


def _circle_file(wishes: Wishes, settings: Settings) -> tuple[CircleFile, tuple[str, ...]]:
    """Return the circle file that counts, completed from its template, and what to say about it."""
    named = wishes.circle or (None if wishes.template else settings.circle)
    if named and wishes.template:
        raise ConfigurationError(
            f"Both the circle {str(named)!r} and the template {wishes.template!r} are named.", hint="Name one of them."
        )
    if wishes.template:
        return template(wishes.template).circle, ()
    here = Path(FILE_NAME)
    if named is None and not here.is_file():
        return CircleFile(), ()
    file = read_circle_file(named or here)
    told = () if named else (f"The circle is that of {FILE_NAME} in this directory.",)
    if not file.template:
        return file, told
    base = template(file.template).circle
    return file.model_copy(update={"plan": base.plan, "seats": file.seats or base.seats}), told


def _plan(wishes: Wishes, file: CircleFile) -> Plan:
    plan = file.plan
    if plan is None:
        plan = _default_plan(wishes.rounds)
    elif wishes.rounds is not None:
        raise ConfigurationError(
            f"{wishes.rounds} rounds are asked for, and the plan {plan.name!r} has {len(plan.rounds)} of its own.",
            hint="Leave out `--rounds`, or change the rounds in the circle file.",
        )
    if wishes.rule:
        if wishes.rule != "none":
            decision_rule(wishes.rule)
        plan = replace(plan, decision=replace(plan.decision, rule=wishes.rule))
    return plan


def _default_plan(rounds: int | None) -> Plan:
    """Return the default plan with this many rounds in all: an opening, then exchanges, then a synthesis."""
    if rounds is None:
        return default_plan()
    if rounds < 1:
        raise ConfigurationError(f"{rounds} rounds are asked for.", hint="Ask for 1 or more.")
    if rounds < _FEWEST_FOR_SYNTHESIS:
        return replace(default_plan(exchanges=0), rounds=(RoundPlan(kind="opening", visibility="sealed"),))
    return default_plan(exchanges=rounds - _FEWEST_FOR_SYNTHESIS)


def _entries(wishes: Wishes, file: CircleFile) -> tuple[SeatEntry, ...]:
    if not wishes.seats:
        return file.seats or tuple(_entry(persona) for persona in DEFAULT_PERSONAS[:SEATS_BY_DEFAULT])
    written = {entry.name: entry for entry in file.seats}
    known = {persona.name: persona for persona in DEFAULT_PERSONAS}
    taken = frozenset(wish.name for wish in wishes.seats)
    entries: list[SeatEntry] = []
    for index, wish in enumerate(wishes.seats):
        name = wish.name or persona_for(index, taken=taken | {entry.name for entry in entries}).name
        entry = written.get(name) or _entry(known.get(name, Persona(name=name)))
        entries.append(entry.model_copy(update={"model": wish.spec}))
    return tuple(entries)


def _entry(persona: Persona) -> SeatEntry:
    return SeatEntry(name=persona.name, role=persona.role, instructions=persona.instructions)
