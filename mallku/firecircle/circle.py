"""The circle: seat participants, convene them on a question, get a deliberation."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from mallku.dialogue.participant import Participant, ScoringWishes
from mallku.dialogue.prompt import GenerationSettings
from mallku.errors import ConfigurationError, DeliberationError, MallkuError, NoParticipants
from mallku.events.bus import EventBus
from mallku.events.kinds import AnyEvent
from mallku.firecircle.control import Control
from mallku.firecircle.persona import Persona, persona_for
from mallku.firecircle.plan import Plan, default_plan
from mallku.firecircle.seat import Seat
from mallku.firecircle.state import CONVENER

if TYPE_CHECKING:
    from mallku.detectors import Panel
    from mallku.firecircle.convening import Convening
    from mallku.firecircle.deliberation import Deliberation
    from mallku.journal import Journal
    from mallku.meters import Meter


class FireCircle:
    """The seats, the plan of rounds and the decision rule.

    Subscribe to `circle.bus` to watch; steer a running deliberation through `circle.control`.
    """

    def __init__(
        self,
        *,
        plan: Plan | None = None,
        journal: "Journal | str | Path | None" = None,
        bus: EventBus | None = None,
        panel: "Panel | None" = None,
        meter: "Meter | None" = None,
        judge: Participant | None = None,
        seed: int | None = None,
        allow_remote: bool = False,
    ) -> None:
        """Prepare an empty circle.

        Args:
            plan: The procedure; `default_plan()` if none is given.
            journal: Where the record goes: an open journal, a path, a database URL, `":memory:"`, or None for the user's own journal.
            bus: Carries the events; a new one if none is given.
            panel: Who scores the statements; the detectors that come with mallku if none is given.
            meter: Measures what turns cost; one with the counters of this machine if none is given.
            judge: Reads some statements a second time; it sits in no seat, and a statement of its own model it leaves alone.
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
        self._meter = meter
        self._judge = judge
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
        if not 0 <= weight < float("inf"):
            raise ConfigurationError(f"The weight of {chosen.name!r} is {weight!r}.", hint="Give a number, 0 or more.")
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

    async def deliberate(self, question: str, *, context: str = "", options: Sequence[str] = ()) -> "Deliberation":
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
        from mallku.firecircle.convening import new_id

        return await self._deliberate(new_id(), question, context, options)

    async def resume(self, deliberation: str) -> "Deliberation":
        """Finish a deliberation that broke off. The circle must have the seats that the record names; their participants may be new."""
        return await self._with_journal(lambda convening, journal: convening.take_up(journal, deliberation))

    async def stream(self, question: str, *, context: str = "", options: Sequence[str] = ()) -> AsyncIterator[AnyEvent]:
        """Deliberate and yield every event as it happens, token deltas included. Leaving the loop interrupts the deliberation.

        Events of other deliberations on the same bus are left out.
        """
        from mallku.firecircle.convening import new_id

        events: asyncio.Queue[AnyEvent | None] = asyncio.Queue()
        deliberation = new_id()

        def take(event: AnyEvent) -> None:
            if event.deliberation == deliberation:
                events.put_nowait(event)

        with self.bus.subscribed(take, name="stream"):
            work = asyncio.create_task(self._deliberate(deliberation, question, context, options))
            work.add_done_callback(lambda _: events.put_nowait(None))
            try:
                while (event := await events.get()) is not None:
                    yield event
                await work
            finally:
                work.cancel()
                with suppress(asyncio.CancelledError, MallkuError):
                    await work

    def deliberate_sync(self, question: str, *, context: str = "", options: Sequence[str] = ()) -> "Deliberation":
        """Run `deliberate` from a plain script that has no event loop, and close the participants at the end."""

        async def whole() -> "Deliberation":
            async with self:
                return await self.deliberate(question, context=context, options=options)

        return asyncio.run(whole())

    async def close(self) -> None:
        """Close all participants."""
        for seat in self.seats:
            for participant in (seat.participant, *seat.substitutes):
                await participant.close()
        if self._judge is not None:
            await self._judge.close()
        if self._panel is not None:
            await self._panel.close()

    async def __aenter__(self) -> Self:
        """Return the circle; leaving the block closes its participants."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close all participants."""
        await self.close()

    async def _deliberate(self, deliberation: str, question: str, context: str, options: Sequence[str]) -> "Deliberation":
        if not self.seats:
            raise NoParticipants("Nobody sits in the circle.", hint="Seat somebody with `add_participant(…)` first.")
        from mallku.firecircle.convening import Question

        asked = Question(text=question, context=context, options=tuple(options))
        return await self._with_journal(lambda convening, journal: convening.convene(journal, asked, deliberation))

    async def _with_journal(self, work: "Callable[[Convening, Journal], Coroutine[Any, Any, Deliberation]]") -> "Deliberation":
        # Everything that only a running deliberation needs is loaded here, so that importing a circle stays quick.
        from mallku.firecircle.convening import Convening
        from mallku.journal import open_journal

        if self._running:
            raise DeliberationError("This circle is deliberating already.", hint="Make another `FireCircle` for another question.")
        self._running = True
        convening = Convening(
            plan=self.plan,
            seats=self.seats,
            bus=self.bus,
            control=self.control,
            panel=self._panel,
            meter=self._meter,
            judge=self._judge,
            seed=self._seed,
            allow_remote=self._allow_remote,
        )
        try:
            if isinstance(self._journal, str | Path | None):
                async with await open_journal(self._journal) as journal:
                    return await work(convening, journal)
            return await work(convening, self._journal)
        finally:
            self._running = False
            self.control.renew()
            await self.bus.drain()


def _check_name(name: str, taken: frozenset[str]) -> None:
    if not name.strip() or name != " ".join(name.split()) or any(mark in name for mark in '<>":#\n'):
        raise ConfigurationError(f"A seat cannot be called {name!r}.", hint='Use a plain name without `<`, `>`, `"`, `:` or `#`.')
    if name in taken or name == CONVENER:
        raise ConfigurationError(f"There is already a {name!r}.", hint="Give every seat a name of its own.")
