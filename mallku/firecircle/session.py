"""One run of a deliberation: the plan's rounds, the ballots between them, and the end.

Every step first looks whether the state already holds its result. That is all there is to resuming: fold the journal, run the plan again,
and what was done is not done twice.
"""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mallku.detectors import JudgedTurn, Panel
from mallku.dialogue.prompt import Prompt
from mallku.dialogue.prompt_layout import CHARTER, TurnRequest, lay_out
from mallku.dialogue.transcript import Statement, Transcript
from mallku.errors import DeliberationError, MallkuError, QuorumLost
from mallku.events import kinds
from mallku.events.kinds import EndStatus
from mallku.firecircle.asking import Asker, GaveUp, Turn
from mallku.firecircle.balloting import Balloting
from mallku.firecircle.context_budget import digest, shortage
from mallku.firecircle.control import Control
from mallku.firecircle.hygiene import FRAME_STOPS, clean
from mallku.firecircle.plan import Plan, RoundPlan
from mallku.firecircle.recorder import Recorder
from mallku.firecircle.seat import Seat, derived_seed
from mallku.firecircle.state import CONVENER, DeliberationState


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How and why a deliberation ends."""

    status: EndStatus
    """The status."""
    reason: str
    """The reason, in a few words."""


class Session:
    """Runs one deliberation from where its state stands to its end."""

    def __init__(self, *, plan: Plan, seats: Sequence[Seat], recorder: Recorder, panel: Panel | None, control: Control, seed: int) -> None:
        self._plan = plan
        self._seats: Mapping[str, Seat] = {seat.name: seat for seat in seats}
        self._recorder = recorder
        self._panel = panel
        self._control = control
        self._seed = seed
        self._asker = Asker(recorder, plan.failure, seed=seed)
        self._judging: set[asyncio.Task[None]] = set()
        self._blocks: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}
        self._balloting = Balloting(self, recorder, self._asker, plan.decision, seed=seed)

    @property
    def state(self) -> DeliberationState:
        """The deliberation so far."""
        return self._recorder.state

    @property
    def present(self) -> tuple[Seat, ...]:
        """Seats that still take part."""
        return tuple(self._seats[name] for name in self.state.present)

    async def run(self) -> None:
        """Run to the end, recording everything. Cancelling it records an interruption and leaves a resumable journal."""
        if self.state.ended:
            return
        try:
            ending = await self._deliberate()
        except asyncio.CancelledError:
            await self._settle_judging(cancel=True)
            await asyncio.shield(self._recorder.record(kinds.DeliberationInterrupted, reason="the run was stopped from outside"))
            raise
        except DeliberationError as error:
            await self._settle_judging()
            await self._recorder.record(kinds.DeliberationEnded, status="failed", reason=str(error), remarks=self._remarks())
            raise
        await self._settle_judging()
        await self._recorder.record(kinds.DeliberationEnded, status=ending.status, reason=ending.reason, remarks=self._remarks())

    async def _deliberate(self) -> Ending:
        self._judge_what_was_left()
        for index, plan in enumerate(self._plan.rounds):
            if await self._control.stop_requested():
                return Ending(status="stopped", reason=self._control.reason)
            await self._round(index, plan)
            self._check_quorum()
            if index == 0 and self._plan.decision.ballot_before and self._plan.decision.rule != "none":
                await self._balloting.hold("before")
        if await self._control.stop_requested():
            return Ending(status="stopped", reason=self._control.reason)
        if self._plan.decision.rule != "none":
            await self._balloting.hold("final")
            self._check_quorum()
            if self._plan.decision.minority_report:
                await self._hear_dissent()
        return Ending(status="degraded" if self._losses() else "complete", reason="the plan is done")

    # rounds

    async def _round(self, index: int, plan: RoundPlan) -> None:
        if index in self.state.closed_rounds:
            return
        opened = self.state.rounds.get(index)
        if opened is None:
            await self._recorder.record(
                kinds.RoundOpened,
                round_index=index,
                round_kind=plan.kind,
                title=plan.shown_title,
                instruction=plan.words,
                order=self._order(index, plan),
                simultaneous=plan.order == "simultaneous",
                rounds_planned=len(self._plan.rounds),
                masks=self._masks(index) if plan.masked else {},
            )
            opened = self.state.rounds[index]
        names = [name for name in opened.order if name in self.state.present]
        if opened.simultaneous:
            await self._make_room(index, plan, names)
            await _all_of(self._speak(index, plan, self._seats[name]) for name in names)
        else:
            for name in names:
                if await self._control.stop_requested():
                    return
                await self._make_room(index, plan, [name])
                await self._speak(index, plan, self._seats[name])
        await self._recorder.record(kinds.RoundClosed, round_index=index)

    def _order(self, index: int, plan: RoundPlan) -> tuple[str, ...]:
        names = list(self.state.present)
        if plan.order == "seeded-shuffle":
            random.Random(derived_seed(self._seed, "order", index)).shuffle(names)
        elif plan.order == "round-robin" and names:
            turn = index % len(names)
            names = names[turn:] + names[:turn]
        return tuple(names)

    def _masks(self, index: int) -> dict[str, str]:
        names = list(self.state.seats)
        random.Random(derived_seed(self._seed, "masks", index)).shuffle(names)
        return {name: f"Voice {place}" for place, name in enumerate(names, start=1)}

    async def _speak(self, index: int, plan: RoundPlan, seat: Seat) -> None:
        turn_id = f"r{index}.{seat.name}"
        if turn_id in self.state.turns:
            return
        seen = self.seen(index, plan)
        prompt = self._statement_prompt(index, plan, seat, seen)
        settings = seat.asked(
            stop=(*seat.settings.stop, *FRAME_STOPS), max_tokens=plan.max_tokens, temperature=plan.temperature
        )
        turn = Turn(id=turn_id, seat=seat, round_index=index, prompt=prompt, settings=settings)
        lack = await shortage(seat, prompt, settings.max_tokens)
        if lack is not None:
            answer: object = GaveUp(error=lack.error(), failure=self._overflow(turn, lack.error()))
        else:
            answer = await self._asker.ask(turn)
        if isinstance(answer, GaveUp):
            await self._give_up(turn, plan, answer, seen)
            return
        cause = self._recorder.state.open_turns
        opened = cause[turn_id].id if turn_id in cause else ""
        said = clean(answer.text, seat=seat.name, others=self._others(seat))  # type: ignore[attr-defined]
        await self._record_answer(turn, plan, answer, said.text, said.trimmed, opened, seen)

    async def _record_answer(self, turn, plan, answer, text, trimmed, opened, seen):  # type: ignore[no-untyped-def]
        ...
