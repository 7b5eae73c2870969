"""A round of statements: who is asked when, what each sees, and what of its answer enters the transcript."""

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from typing import Any

from mallku.dialogue.prompt import Prompt
from mallku.dialogue.response import Response
from mallku.dialogue.transcript import Statement
from mallku.errors import EmptyAnswer
from mallku.events import kinds
from mallku.firecircle.asking import GaveUp, Turn
from mallku.firecircle.hygiene import FRAME_STOPS, CleanText
from mallku.firecircle.plan import RoundPlan
from mallku.firecircle.proceedings import Proceedings
from mallku.firecircle.seat import Seat


class Speaking:
    """Conducts rounds of statements."""

    def __init__(self, proceedings: Proceedings) -> None:
        self._here = proceedings

    async def hold(self, index: int, plan: RoundPlan) -> None:
        """Open the round, ask every seat that has not spoken in it yet, close it. A stop by the convener leaves it open."""
        here = self._here
        if index in here.state.closed_rounds:
            return
        if index not in here.state.rounds:
            await here.recorder.record(kinds.RoundOpened, **self._opening(index, plan))
        order = [here.seats[name] for name in here.state.rounds[index].order if name in here.state.present]
        if plan.order == "simultaneous":
            await self._remarks(index)
            await self._make_room(index, plan, order)
            await all_of(self._turn(index, plan, seat) for seat in order)
        else:
            for seat in order:
                await self._remarks(index)
                if not await here.control.checkpoint():
                    return
                await self._make_room(index, plan, [seat])
                await self._turn(index, plan, seat)
        await here.recorder.record(kinds.RoundClosed, round_index=index)

    def _opening(self, index: int, plan: RoundPlan) -> dict[str, Any]:
        here = self._here
        names = [seat.name for seat in here.present]
        if plan.order == "seeded-shuffle":
            names = here.shuffled(names, "order", index)
        elif plan.order == "round-robin":
            first = index % max(len(names), 1)
            names = names[first:] + names[:first]
        hidden = here.shuffled(here.state.seats, "masks", index) if plan.masked else []
        return {
            "round_index": index,
            "round_kind": plan.kind,
            "title": plan.shown_title,
            "instruction": plan.words,
            "order": tuple(names),
            "simultaneous": plan.order == "simultaneous",
            "rounds_planned": len(here.plan.rounds),
            "masks": {name: f"Voice {place}" for place, name in enumerate(hidden, start=1)},
        }

    async def _remarks(self, index: int) -> None:
        for number, text in enumerate(self._here.control.take_remarks(), start=self._here.state.seq):
            await self._here.recorder.record(kinds.ConvenerRemarked, turn=f"r{index}.remark.{number}", round_index=index, text=text)

    async def _make_room(self, index: int, plan: RoundPlan, seats: Sequence[Seat]) -> None:
        await self._here.make_room(seats, lambda seat: self._prompt(index, plan, seat), plan.max_tokens)

    def seen(self, index: int, plan: RoundPlan) -> tuple[Statement, ...]:
        """Return the statements a seat may see in this round, oldest first."""
        statements = self._here.state.transcript.statements
        if plan.visibility == "sealed":
            return tuple(said for said in statements if said.round_kind == "remark")
        if plan.order == "simultaneous" or plan.visibility == "previous-rounds":
            return tuple(said for said in statements if said.round_index < index or said.round_kind == "remark")
        return statements

    def _prompt(self, index: int, plan: RoundPlan, seat: Seat) -> Prompt:
        here = self._here
        opened = here.state.rounds[index]
        request = here.request(
            seat,
            round_title=opened.title,
            instruction=opened.instruction,
            max_words=plan.max_words,
            masks=tuple(sorted(opened.masks.items())),
        )
        return here.prompt(request, self.seen(index, plan))

    async def _turn(self, index: int, plan: RoundPlan, seat: Seat) -> None:
        here, turn_id = self._here, f"r{index}.{seat.name}"
        if turn_id in here.state.turns:
            return
        prompt = self._prompt(index, plan, seat)
        settings = seat.asked(stop=(*seat.settings.stop, *FRAME_STOPS), max_tokens=plan.max_tokens, temperature=plan.temperature)
        turn = Turn(id=turn_id, seat=seat, round_index=index, prompt=prompt, settings=settings)
        too_long = await here.overflow(seat, prompt, settings.max_tokens)
        answer = here.asker.refused(turn, too_long) if too_long else await here.asker.ask(turn)
        if isinstance(answer, GaveUp):
            await self._give_up(turn, plan, answer)
        elif answer.passed:
            reason = answer.text.strip()
            await here.recorder.record(kinds.TurnPassed, turn=turn_id, seat=seat.name, round_index=index, reason=reason)
        else:
            said = here.cleaned(seat, answer.text)
            if not said.text:
                error = EmptyAnswer(f"{seat.name} said nothing of its own: {said.trimmed[:80]!r}.", hint="Try another model for this seat.")
                await self._give_up(turn, plan, here.asker.refused(turn, error))
                return
            await here.recorder.record(kinds.StatementMade, **self._statement(turn, plan, answer, said))

    def _statement(self, turn: Turn, plan: RoundPlan, answer: Response, said: CleanText) -> dict[str, Any]:
        return {
            "turn": turn.id,
            "seat": turn.seat.name,
            "round_index": turn.round_index,
            "round_kind": plan.kind,
            "text": said.text,
            "trimmed": said.trimmed,
            "reasoning": answer.reasoning,
            "finish_reason": answer.finish_reason,
            "model": answer.model,
            "usage": answer.usage,
            "timings": answer.timings,
            "notes": answer.notes,
        }

    async def _give_up(self, turn: Turn, plan: RoundPlan, answer: GaveUp) -> None:
        here = self._here
        kept = here.cleaned(turn.seat, answer.partial_text)
        facts = [answer.failure]
        if kept.text:
            partial = {
                "turn": turn.id,
                "seat": turn.seat.name,
                "round_index": turn.round_index,
                "round_kind": plan.kind,
                "text": kept.text,
                "trimmed": kept.trimmed,
                "partial": True,
                "finish_reason": "unknown",
            }
            facts.append((kinds.StatementMade, partial))
        await here.recorder.record_all(facts)
        await here.asker.note_failure(turn.seat, answer.error)


async def all_of(work: Iterable[Awaitable[None]]) -> None:
    """Run all at once. If one raises, the others are cancelled and awaited, and its error is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            for one in work:
                group.create_task(_awaited(one))
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None


async def _awaited(work: Awaitable[None]) -> None:
    await work
