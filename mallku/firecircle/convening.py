"""Convening: from seats, plan and question to a recorded deliberation; or from a record that broke off to its end."""

import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from mallku import __version__
from mallku.detectors import Panel, full_panel
from mallku.dialogue.participant import Connectable, Participant, ReportsLoading
from mallku.dialogue.prompt_layout import CHARTER, lay_out
from mallku.dialogue.transcript import OPTION_LABELS, Transcript, given_options
from mallku.errors import ConfigurationError, MallkuError, ModelFileError, ParticipantError, QuestionError, RemoteAddressRefused
from mallku.events import kinds
from mallku.events.bus import EventBus
from mallku.events.codec import now
from mallku.firecircle.adapters.endpoint import share_endpoints
from mallku.firecircle.context_budget import shortage
from mallku.firecircle.control import Control
from mallku.firecircle.deliberation import Deliberation
from mallku.firecircle.independence import shared_weights
from mallku.firecircle.plan import Plan
from mallku.firecircle.plan_check import check_plan
from mallku.firecircle.plan_data import plan_from_data, plan_to_data
from mallku.firecircle.precedents import precedents
from mallku.firecircle.proceedings import Proceedings
from mallku.firecircle.recorder import Recorder
from mallku.firecircle.scoring import JudgeSeat, Scoring
from mallku.firecircle.seat import Seat
from mallku.firecircle.session import run
from mallku.firecircle.speaking import all_of
from mallku.firecircle.state import fold
from mallku.journal import Journal
from mallku.meters import Meter, meter_here

_ID_LETTERS: Final = "23456789abcdefghjkmnpqrstuvwxyz"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a circle is asked."""

    text: str
    """The question."""
    context: str = ""
    """Background that every seat reads."""
    options: tuple[str, ...] = ()
    """What to vote on, or none."""

    def check(self, plan: Plan) -> None:
        """Refuse a question that nobody can answer."""
        if not self.text.strip():
            raise QuestionError(f"The question is empty: {self.text!r}.", hint="Ask something, such as 'Should we open our data?'.")
        one_is_enough = plan.decision.rule.startswith("consensus")
        if (len(self.options) == 1 and not one_is_enough) or len(self.options) > len(OPTION_LABELS):
            raise QuestionError(f"There are {len(self.options)} options.", hint=f"Give none, or 2 to {len(OPTION_LABELS)}.")
        meant = [option.strip() for option in self.options]
        if not all(meant) or len(set(meant)) < len(meant):
            raise QuestionError(f"The options are {list(self.options)!r}.", hint="Each must say something, and no two the same.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Convening:
    """Everything that a circle brings to its deliberations."""

    plan: Plan
    """The procedure."""
    seats: Sequence[Seat]
    """Who sits in the circle."""
    bus: EventBus
    """Carries the events."""
    control: Control
    """The convener's hand."""
    panel: Panel | None
    """Who scores the statements; None for the detectors that come with mallku."""
    meter: Meter | None
    """Measures what turns cost; None for the counters of this machine."""
    judge: Participant | None
    """Reads some statements a second time, or None."""
    seed: int | None
    """Seed of everything drawn by lot; None to draw one."""
    allow_remote: bool
    """Whether participants at public addresses may take a seat."""

    async def convene(self, journal: Journal, question: Question, deliberation: str) -> Deliberation:
        """Check, connect, record the call under the id `deliberation`, and run to the end."""
        question.check(self.plan)
        check_plan(self.plan, [seat.name for seat in self.seats])
        async with self._metering() as meter:
            return await self._convene(journal, question, deliberation, meter)

    async def _convene(self, journal: Journal, question: Question, deliberation: str, meter: Meter) -> Deliberation:
        absent = await self._connect()
        earlier = await precedents(journal, question.text, most=self.plan.precedents)
        context = "\n\n".join(part for part in (question.context.strip(), earlier) if part)
        seed = self.seed if self.seed is not None else secrets.randbelow(2**31)
        async with journal.lease(deliberation):
            recorder = Recorder(deliberation, journal, self.bus, fold([]))
            proceedings = Proceedings(plan=self.plan, seats=self.seats, recorder=recorder, control=self.control, seed=seed, meter=meter)
            convened = {
                "question": question.text.strip(),
                "context": context,
                "options": given_options(question.options),
                "seats": tuple(seat.facts() for seat in self.seats),
                "plan": plan_to_data(self.plan),
                "seed": seed,
                "version": __version__,
            }
            lost = [(kinds.SeatLost, {"seat": name, "reason": str(error)}) for name, error in absent.items()]
            await _check_length(self.seats, proceedings, convened)
            shared = shared_weights({seat.name: seat.participant.facts.weights for seat in self.seats if seat.name not in absent})
            warned = [(kinds.SeatWarned, {"warning": shared})] if shared else []
            warned += [(kinds.SeatWarned, {"seat": seat.name, "warning": concern}) for seat in self.seats for concern in seat.concerns]
            await recorder.record_all([(kinds.DeliberationConvened, convened), *lost, *warned])
            return await self._finish(journal, proceedings)

    async def take_up(self, journal: Journal, deliberation: str) -> Deliberation:
        """Fold the record, connect, and go on where it broke off. What has ended is returned as it is."""
        async with self._metering() as meter, journal.lease(deliberation):
            state = fold(await journal.events(deliberation))
            if state.ended or state.convened is None:
                return Deliberation.from_events(await journal.events(deliberation))
            named, seated = state.seats, tuple(seat.name for seat in self.seats)
            if set(named) != set(seated):
                raise ConfigurationError(
                    f"The deliberation {deliberation} has the seats {', '.join(named)}, the circle has {', '.join(seated) or 'none'}.",
                    hint="Seat participants under exactly these names.",
                )
            for seat in self.seats:
                _seat_substitute(seat, state.substituted.get(seat.name))
            absent = await self._connect()
            recorder = Recorder(deliberation, journal, self.bus, state)
            plan = plan_from_data(state.convened.plan)
            seats = [next(seat for seat in self.seats if seat.name == name) for name in named]
            proceedings = Proceedings(
                plan=plan, seats=seats, recorder=recorder, control=self.control, seed=state.convened.seed, meter=meter
            )
            resumed = [(kinds.DeliberationResumed, {"open_turns": tuple(state.open_turns)})]
            lost = [(kinds.SeatLost, {"seat": name, "reason": str(error)}) for name, error in absent.items() if name not in state.lost]
            await recorder.record_all([*resumed, *lost])
            return await self._finish(journal, proceedings)

    @asynccontextmanager
    async def _metering(self) -> AsyncIterator[Meter]:
        """Learn what the machine draws while nothing runs, before models are loaded; close the meter again if it is ours."""
        meter = self.meter or meter_here()
        try:
            await meter.learn_idle()
            yield meter
        finally:
            if self.meter is None:
                meter.close()

    async def _finish(self, journal: Journal, proceedings: Proceedings) -> Deliberation:
        scoring = Scoring(proceedings.recorder, self.panel or full_panel(), judge=await self._judge_seat(proceedings))
        try:
            await run(proceedings, scoring)
        finally:
            await self.bus.drain()
        return Deliberation.from_events(await journal.events(proceedings.recorder.deliberation))

    async def _judge_seat(self, proceedings: Proceedings) -> JudgeSeat | None:
        """Prepare the judge; without one that can be reached the circle does without a second reading, and says so."""
        if self.judge is None:
            return None
        try:
            if isinstance(self.judge, Connectable):
                await self.judge.connect()
        except (ParticipantError, ModelFileError) as error:
            await proceedings.recorder.record(kinds.SeatWarned, warning=f"The judge of statements is missing: {error}")
            return None
        facts = self.judge.facts
        if facts.location == "public" and not self.allow_remote:
            raise RemoteAddressRefused(
                f"The judge is at {facts.address or facts.spec!r}, which is a public address.",
                hint="Use a server on your own network, or say `allow_remote=True`.",
            )
        return JudgeSeat(self.judge, proceedings.seats, seed=proceedings.seed, meter=proceedings.asker.meter)

    def _tell_loading(self, model: str, progress: float) -> None:
        """Tell on the bus how far a model is loaded; nothing has been convened yet, so the event belongs to no deliberation."""
        self.bus.publish(kinds.ModelLoading(deliberation="", seq=0, at=now(), model=model, progress=progress))

    async def _connect(self) -> dict[str, MallkuError]:
        """Connect all participants; return those that could not, by seat. With nobody left, or a strict plan, the first error is raised."""
        failed: dict[str, MallkuError] = {}

        async def connect(seat: Seat) -> None:
            participant = seat.participant
            if isinstance(participant, ReportsLoading):
                participant.report_loading(partial(self._tell_loading, participant.facts.model))
            try:
                if isinstance(participant, Connectable):
                    await participant.connect()
            except (ParticipantError, ModelFileError) as error:
                failed[seat.name] = error

        share_endpoints(participant for seat in self.seats for participant in (seat.participant, *seat.substitutes))
        await all_of(map(connect, self.seats))
        absent = {seat.name: failed[seat.name] for seat in self.seats if seat.name in failed}
        for seat in self.seats:
            for participant in (seat.participant, *seat.substitutes):
                facts = participant.facts
                if facts.location == "public" and not self.allow_remote:
                    raise RemoteAddressRefused(
                        f"A participant of {seat.name} is at {facts.address or facts.spec!r}, which is a public address.",
                        hint="Use a server on your own network, or say `allow_remote=True`.",
                    )
        first = next(iter(absent.values()), None)
        if first is not None and (len(absent) == len(self.seats) or self.plan.failure.strategy == "strict"):
            raise first
        refused = next((error for error in absent.values() if isinstance(error, RemoteAddressRefused)), None)
        if refused is not None:
            raise refused
        return absent


def _seat_substitute(seat: Seat, change: kinds.SeatSubstituted | None) -> None:
    """Give the seat back to the substitute that the record names, if the circle brings it along again."""
    specs = [participant.facts.spec for participant in seat.substitutes]
    if change is not None and change.spec in specs:
        place = specs.index(change.spec)
        seat.participant, seat.substitutes = seat.substitutes[place], seat.substitutes[place + 1 :]


def new_id() -> str:
    """Return a new id: the day, and six letters and digits that are easy to read aloud."""
    tail = "".join(secrets.choice(_ID_LETTERS) for _ in range(6))
    return f"{datetime.now(UTC):%Y%m%d}-{tail}"


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
