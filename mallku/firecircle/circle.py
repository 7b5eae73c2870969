"""The circle: seat participants, convene them on a question, get a deliberation."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Self

from mallku import __version__
from mallku.detectors import Panel, default_panel
from mallku.dialogue.participant import Connectable, Participant, ScoringWishes
from mallku.dialogue.prompt import GenerationSettings
from mallku.dialogue.prompt_layout import CHARTER, lay_out
from mallku.dialogue.transcript import OPTION_LABELS, Transcript, given_options
from mallku.errors import (
    ConfigurationError,
    DeliberationError,
    MallkuError,
    ModelFileError,
    NoParticipants,
    ParticipantError,
    QuestionError,
    RemoteAddressRefused,
)
from mallku.events import kinds
from mallku.events.bus import EventBus
from mallku.events.kinds import AnyEvent
from mallku.firecircle.adapters.endpoint import share_endpoints
from mallku.firecircle.context_budget import shortage
from mallku.firecircle.control import Control
from mallku.firecircle.deliberation import Deliberation
from mallku.firecircle.independence import shared_weights
from mallku.firecircle.persona import Persona, persona_for
from mallku.firecircle.plan import Plan, default_plan
from mallku.firecircle.plan_check import check_plan
from mallku.firecircle.plan_data import plan_from_data, plan_to_data
from mallku.firecircle.precedents import precedents
from mallku.firecircle.proceedings import Proceedings
from mallku.firecircle.recorder import Recorder
from mallku.firecircle.scoring import Scoring
from mallku.firecircle.seat import Seat
from mallku.firecircle.session import run
from mallku.firecircle.state import CONVENER, fold
from mallku.journal import Journal, open_journal

_ID_LETTERS: Final = "23456789abcdefghjkmnpqrstuvwxyz"


class FireCircle:
    """The seats, the plan of rounds and the decision rule.

    Subscribe to `circle.bus` to watch; steer a running deliberation through `circle.control`.
    """

    def __init__(
        self,
        *,
        plan: Plan | None = None,
        journal: Journal | str | Path | None = None,
        bus: EventBus | None = None,
        panel: Panel | None = None,
        seed: int | None = None,
        allow_remote: bool = False,
    ) -> None:
        """Prepare an empty circle.

        Args:
            plan: The procedure; `default_plan()` if none is given.
            journal: Where the record goes: an open journal, a path, a database URL, `":memory:"`, or None for the user's own journal.
            bus: Carries the events; a new one if none is given.
            panel: Who scores the statements; the detectors that come with mallku if none is given.
            seed: Seed of all orders, shuffles, ties and samplers; drawn and recorded if none is given.
            allow_remote: Whether participants at public addresses may take a seat.
        """
        self.plan = plan or default_plan()
        """The procedure."""
        self.bus = bus or EventBus()
        """Carries every event of the circle's deliberations."""
        self.control = Control()
        """Pauses, steps and stops the running deliberation."""
        self.seats: list[Seat] = []
        """Who sits in the circle."""
        self._journal = journal
        self._panel = panel
        self._seed = seed
        self._allow_remote = allow_remote
        self._running = False

    def add_participant(
        self,
        participant: Participant,
        *,
        name: str | None = None,
        persona: Persona | None = None,
        weight: float = 1.0,
        settings: GenerationSettings | None = None,
        substitutes: Sequence[Participant] = (),
    ) -> Seat:
        """Seat a participant.

        Args:
            participant: Who speaks.
            name: Name of the seat; the persona's, or a default one, if none is given.
            persona: Name, role and instructions of the seat.
            weight: Weight of its ballot.
            settings: How its answers are generated, where they differ from its own defaults.
            substitutes: Who takes the seat if the participant fails, under the plan's `substitute` strategy.
        """
        taken = frozenset(seat.name for seat in self.seats)
        chosen = persona or persona_for(len(self.seats), taken=taken)
        if name is not None:
            chosen = replace(chosen, name=name)
        _check_name(chosen.name, taken)
        if weight < 0:
            raise ConfigurationError(f"The weight of {chosen.name!r} is {weight!r}.", hint="Give 0 or more.")
        seat = Seat(
            persona=chosen,
            participant=participant,
            weight=weight,
            score_weight=participant.score_weight if isinstance(participant, ScoringWishes) else 1.0,
            track_reciprocity=not isinstance(participant, ScoringWishes) or participant.track_reciprocity,
            settings=settings or GenerationSettings(),
            substitutes=list(substitutes),
        )
        self.seats.append(seat)
        return seat

    async def deliberate(self, question: str, *, context: str = "", options: Sequence[str] = ()) -> Deliberation:
        """Deliberate on a question and return the result once it is in the journal.

        Args:
            question: What to deliberate on.
            context: Background that every seat reads.
            options: What to vote on; without any, the statements of the last round are voted on.

        Raises:
            QuestionError: the question is empty, or longer than every seat's window.
            NoParticipants: nobody sits in the circle.
            DeliberationError: the deliberation could not go on; what was said is in the journal.
        """
        _check_question(question, options, one_is_enough=self.plan.decision.rule.startswith("consensus"))
        if not self.seats:
            raise NoParticipants("Nobody sits in the circle.", hint="Seat somebody with `add_participant(…)` first.")
        check_plan(self.plan, [seat.name for seat in self.seats])
        return await self._with_journal(lambda journal: self._convene(journal, question, context, options))

    async def resume(self, deliberation: str) -> Deliberation:
        """Finish a deliberation that broke off. The circle must have the seats that the record names; their participants may be new."""
        return await self._with_journal(lambda journal: self._take_up(journal, deliberation))

    async def stream(self, question: str, *, context: str = "", options: Sequence[str] = ()) -> AsyncIterator[AnyEvent]:
        """Deliberate and yield every event as it happens, token deltas included. Leaving the loop interrupts the deliberation."""
        events: asyncio.Queue[AnyEvent | None] = asyncio.Queue()
        with self.bus.subscribed(events.put_nowait, name="stream"):
            work = asyncio.create_task(self.deliberate(question, context=context, options=options))
            work.add_done_callback(lambda _: events.put_nowait(None))
            try:
                while (event := await events.get()) is not None:
                    yield event
                await work
            finally:
                work.cancel()
                with suppress(asyncio.CancelledError, MallkuError):
                    await work

    def deliberate_sync(self, question: str, *, context: str = "", options: Sequence[str] = ()) -> Deliberation:
        """Run `deliberate` from a plain script that has no event loop, and close the participants at the end."""

        async def whole() -> Deliberation:
            async with self:
                return await self.deliberate(question, context=context, options=options)

        return asyncio.run(whole())

    async def close(self) -> None:
        """Close all participants."""
        for seat in self.seats:
            for participant in (seat.participant, *seat.substitutes):
                await participant.close()

    async def __aenter__(self) -> Self:
        """Return the circle; leaving the block closes its participants."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close all participants."""
        await self.close()

    async def _with_journal(self, work: Callable[[Journal], Coroutine[Any, Any, Deliberation]]) -> Deliberation:
        if self._running:
            raise DeliberationError("This circle is deliberating already.", hint="Make another `FireCircle` for another question.")
        self._running = True
        try:
            if isinstance(self._journal, str | Path | None):
                async with await open_journal(self._journal) as journal:
                    return await work(journal)
            return await work(self._journal)
        finally:
            self._running = False
            await self.bus.drain()

    async def _convene(self, journal: Journal, question: str, context: str, options: Sequence[str]) -> Deliberation:
        absent = await self._prepare()
        earlier = await precedents(journal, question, most=self.plan.precedents)
        context = "\n\n".join(part for part in (context.strip(), earlier) if part)
        seed = self._seed if self._seed is not None else secrets.randbelow(2**31)
        deliberation = _new_id()
        async with journal.lease(deliberation):
            recorder = Recorder(deliberation, journal, self.bus, fold([]))
            proceedings = Proceedings(plan=self.plan, seats=self.seats, recorder=recorder, control=self.control, seed=seed)
            convened = {
                "question": question.strip(),
                "context": context,
                "options": given_options(list(options)),
                "seats": tuple(seat.facts() for seat in self.seats),
                "plan": plan_to_data(self.plan),
                "seed": seed,
                "version": __version__,
            }
            lost = [(kinds.SeatLost, {"seat": name, "reason": str(error)}) for name, error in absent.items()]
            await _check_length(self.seats, proceedings, convened)
            shared = shared_weights({seat.name: seat.participant.facts.weights for seat in self.seats if seat.name not in absent})
            warned = [(kinds.SeatWarned, {"warning": shared})] if shared else []
            await recorder.record_all([(kinds.DeliberationConvened, convened), *lost, *warned])
            return await self._finish(journal, proceedings)

    async def _take_up(self, journal: Journal, deliberation: str) -> Deliberation:
        async with journal.lease(deliberation):
            state = fold(await journal.events(deliberation))
            if state.ended or state.convened is None:
                return Deliberation.from_events(await journal.events(deliberation))
            named, seated = state.seats, tuple(seat.name for seat in self.seats)
            if set(named) != set(seated):
                raise ConfigurationError(
                    f"The deliberation {deliberation} has the seats {', '.join(named)}, the circle has {', '.join(seated) or 'none'}.",
                    hint="Seat participants under exactly these names.",
                )
            absent = await self._prepare()
            recorder = Recorder(deliberation, journal, self.bus, state)
            plan = plan_from_data(state.convened.plan)
            seats = [next(seat for seat in self.seats if seat.name == name) for name in named]
            proceedings = Proceedings(plan=plan, seats=seats, recorder=recorder, control=self.control, seed=state.convened.seed)
            resumed = [(kinds.DeliberationResumed, {"open_turns": tuple(state.open_turns)})]
            lost = [(kinds.SeatLost, {"seat": name, "reason": str(error)}) for name, error in absent.items() if name not in state.lost]
            await recorder.record_all([*resumed, *lost])
            return await self._finish(journal, proceedings)

    async def _finish(self, journal: Journal, proceedings: Proceedings) -> Deliberation:
        scoring = Scoring(proceedings.recorder, self._panel or default_panel())
        try:
            await run(proceedings, scoring)
        finally:
            await self.bus.drain()
        return Deliberation.from_events(await journal.events(proceedings.recorder.deliberation))

    async def _prepare(self) -> dict[str, MallkuError]:
        """Connect all participants; return those that could not, by seat. With nobody left, or a strict plan, the first error is raised."""

        async def connect(seat: Seat) -> tuple[str, MallkuError] | None:
            try:
                if isinstance(seat.participant, Connectable):
                    await seat.participant.connect()
            except (ParticipantError, ModelFileError) as error:
                return seat.name, error
            return None

        share_endpoints(participant for seat in self.seats for participant in (seat.participant, *seat.substitutes))
        absent = dict(filter(None, await asyncio.gather(*map(connect, self.seats))))
        for seat in self.seats:
            facts = seat.participant.facts
            if facts.location == "public" and not self._allow_remote:
                raise RemoteAddressRefused(
                    f"The participant of {seat.name} is at {facts.address or facts.spec!r}, which is a public address.",
                    hint="Use a server on your own network, or say `allow_remote=True`.",
                )
        first = next(iter(absent.values()), None)
        if first is not None and (len(absent) == len(self.seats) or self.plan.failure.strategy == "strict"):
            raise first
        refused = next((error for error in absent.values() if isinstance(error, RemoteAddressRefused)), None)
        if refused is not None:
            raise refused
        return absent


def _new_id() -> str:
    """Return a new id: the day, and six letters and digits that are easy to read aloud."""
    tail = "".join(secrets.choice(_ID_LETTERS) for _ in range(6))
    return f"{datetime.now(UTC):%Y%m%d}-{tail}"


def _check_name(name: str, taken: frozenset[str]) -> None:
    if not name.strip() or name != " ".join(name.split()) or any(mark in name for mark in '<>":\n'):
        raise ConfigurationError(f"A seat cannot be called {name!r}.", hint='Use a plain name without `<`, `>`, `"` or `:`.')
    if name in taken or name == CONVENER:
        raise ConfigurationError(f"There is already a {name!r}.", hint="Give every seat a name of its own.")


def _check_question(question: str, options: Sequence[str], *, one_is_enough: bool) -> None:
    if not question.strip():
        raise QuestionError(f"The question is empty: {question!r}.", hint="Ask something, such as 'Should we open our data?'.")
    if (len(options) == 1 and not one_is_enough) or len(options) > len(OPTION_LABELS):
        raise QuestionError(f"There are {len(options)} options.", hint=f"Give none, or 2 to {len(OPTION_LABELS)}.")
    if any(not option.strip() for option in options) or len({option.strip() for option in options}) < len(options):
        raise QuestionError(f"The options are {list(options)!r}.", hint="Each must say something, and no two the same.")


async def _check_length(seats: Sequence[Seat], proceedings: Proceedings, convened: dict[str, Any]) -> None:
    """Refuse a question that no seat can even read."""
    transcript = Transcript(question=convened["question"], context=convened["context"], options=convened["options"])
    first = proceedings.plan.rounds[0]
    lacks = []
    for seat in seats:
        request = proceedings.request(seat, instruction=first.words, max_words=first.max_words)
        prompt = lay_out(transcript, request, charter=proceedings.plan.charter or CHARTER)
        lacks.append(await shortage(seat, prompt, first.max_tokens))
    short = [lack for lack in lacks if lack is not None]
    if short and len(short) == len(seats):
        widest = max(short, key=lambda lack: lack.window)
        raise QuestionError(
            f"The question with its context and an answer takes {widest.tokens} tokens, and no seat can hold more than {widest.window}.",
            hint="Shorten it, move detail into fewer words of context, or use a model with a larger window.",
        )
