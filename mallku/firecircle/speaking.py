"""A round of statements: who is asked when, what each sees, and what of its answer enters the transcript."""

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from functools import partial
from typing import Any, Final

from mallku.dialogue.prompt import Prompt
from mallku.dialogue.prompt_layout import escape, mask_names
from mallku.dialogue.response import Response
from mallku.dialogue.transcript import Statement
from mallku.errors import EmptyAnswer
from mallku.events import kinds
from mallku.firecircle.asking import GaveUp, Turn
from mallku.firecircle.endings import Condition, first_ending
from mallku.firecircle.hygiene import FRAME_STOPS, CleanText
from mallku.firecircle.masks import mask_statements, masks_for, names_restored, reading_orders
from mallku.firecircle.plan import RoundPlan
from mallku.firecircle.proceedings import Proceedings
from mallku.firecircle.progress import progress_of, spent_since
from mallku.firecircle.round_quorum import attendance
from mallku.firecircle.seat import Seat
from mallku.firecircle.turn_orders import Ask, Floor, Limits, RoundOver, Speak, read_floor_answer, turn_order
from mallku.firecircle.visibility import visible

BACK_TO_THE_QUESTION: Final = "The last round left the question; come back to it."
"""Added to the instruction after a round that drifted."""

RANKED_FIRST: Final = "Of the last statements the circle ranked this one first:"
"""Precedes the statement that came out first, in the round after a ranked one."""

SIMULTANEOUS: Final = "simultaneous"
"""The order in which all seats speak at once."""


class Speaking:
    """Conducts rounds of statements."""

    def __init__(self, proceedings: Proceedings, endings: Sequence[Condition] = ()) -> None:
        self._here = proceedings
        self.endings = endings
        """Conditions under which the rounds end before all are held."""

    async def hold(self, index: int, plan: RoundPlan) -> None:
        """Open the round, give the floor as its order says until the round is over, close it. A stop by the convener leaves it open.

        It is over before its time where a condition of the plan's endings comes to hold, which is asked before every turn but the first,
        or where so many of its seats have left that its quorum is out of reach and the plan does not go on without.

        Raises:
            Stopped: the convener stopped the deliberation.
        """
        here = self._here
        if index in here.state.closed_rounds:
            return
        order = turn_order(plan.order)
        await here.checkpoint(counts=False)
        if index not in here.state.rounds:
            await here.recorder.record(kinds.RoundOpened, **self._opening(index, plan))
        judged = progress_of(here.state) if self.endings else None
        while True:
            await here.hear_convener()
            step = order.next_step(self._floor(index, plan))
            there = attendance(here.state, index, plan)
            if len(here.state.present) < here.plan.seats_needed(len(here.state.seats)):
                step = RoundOver(why="too few seats are left for the plan")
            elif there.out_of_reach and plan.without_quorum == "end":
                step = RoundOver(why="too many seats have left for its quorum")
            elif judged and here.state.floor.get(index) and not isinstance(step, RoundOver):
                ending = first_ending(self.endings, spent_since(judged, here.state))
                if ending:
                    ended = {"reason": ending.reason, "detail": ending.detail, "in_round": index, "unheard": there.may_yet}
                    closed = {"round_index": index, "reason": f"{ending.reason}: {ending.detail}"}
                    missed = [] if there.reached else [there.missed()]
                    await here.recorder.record_all([*missed, (kinds.RoundClosed, closed), (kinds.RoundsEnded, ended)])
                    return
            match step:
                case RoundOver():
                    missed = [] if there.reached else [there.missed()]
                    await here.recorder.record_all([*missed, (kinds.RoundClosed, {"round_index": index, "reason": step.why})])
                    return
                case Ask():
                    await here.checkpoint(counts=False)
                    asked = [here.seats[name] for name in step.seats]
                    await here.make_room(asked, partial(self._floor_prompt, index, plan, step), None)
                    await all_of(self._ask(index, plan, step, seat) for seat in asked)
                case Speak():
                    await here.checkpoint()
                    seats = [here.seats[name] for name in step.seats]
                    fitting = await here.make_room(seats, partial(self._prompt, index, plan), plan.max_tokens)
                    await all_of(self._turn(index, plan, seat, fitting.get(seat.name)) for seat in seats)

    def _opening(self, index: int, plan: RoundPlan) -> dict[str, Any]:
        here = self._here
        masks = masks_for(here.state.seats, seed=here.seed, round_index=index) if plan.hides_names else {}
        before = self._round_before(index)
        turns = [said.turn for said in here.state.spoken_in(before)] if plan.reads_apart and before is not None else []
        return {
            "round_index": index,
            "round_kind": plan.kind,
            "title": plan.shown_title,
            "instruction": f"{plan.words}{self._ranked_first(index, masks)}",
            "order": self._speakers(plan),
            "simultaneous": plan.order == SIMULTANEOUS,
            "rounds_planned": len(here.plan.rounds),
            "masks": masks,
            "readings": reading_orders(turns, self._speakers(plan), seed=here.seed, round_index=index) if len(turns) > 1 else {},
        }

    def _round_before(self, index: int) -> int | None:
        """Return the last round that was held before this one, or None."""
        return max((held for held in self._here.state.rounds if held < index), default=None)

    def _speakers(self, plan: RoundPlan) -> tuple[str, ...]:
        return tuple(name for name in self._here.state.present if not plan.seats or name in plan.seats)

    def _ranked_first(self, index: int, masks: dict[str, str]) -> str:
        """Return what came out first where the round before was ranked, as an addition to the instruction."""
        state = self._here.state
        before = self._round_before(index)
        poll = state.ballots.get(f"poll-{before}") if before is not None and self._here.plan.rounds[before].ranked else None
        if state.transcript.options or poll is None or poll.counted is None or not poll.counted.verdict.text:
            return ""
        return f" {RANKED_FIRST} {escape(mask_names(' '.join(poll.counted.verdict.text.split()), masks))}"

    def _floor(self, index: int, plan: RoundPlan) -> Floor:
        state = self._here.state
        words = dict.fromkeys(state.seats, 0)
        for earlier, taken in state.floor.items():
            if earlier != index:
                for turn in taken.values():
                    words[turn.seat] += turn.words
        return Floor(
            seats=self._speakers(plan),
            round_index=index,
            seed=self._here.seed,
            turns=tuple(state.floor.get(index, {}).values()),
            answers=tuple(state.floor_answers.get(index, ())),
            words_before=words,
            most_turns=plan.turns,
            limits=Limits(turns=plan.turns_per_seat, share=plan.max_share),
        )

    async def _ask(self, index: int, plan: RoundPlan, step: Ask, seat: Seat) -> None:
        """Ask a seat about the floor; no answer at all names nobody and bids 0, like one that cannot be read."""
        here = self._here
        after = len(here.state.floor.get(index, {}))
        turn_id = f"floor{index}.{after}.{seat.name}"
        prompt = self._floor_prompt(index, plan, step, seat)
        settings, shorten = seat.asked(schema=step.schema), here.shortening(seat, partial(self._floor_prompt, index, plan, step), None)
        turn = Turn(id=turn_id, seat=seat, round_index=index, prompt=prompt, settings=settings, shorten=shorten)
        answer = await here.asker.ask(turn)
        asked: dict[str, Any] = {"turn": turn_id, "seat": seat.name, "round_index": index, "after": after, "asked": step.kind}
        if isinstance(answer, GaveUp):
            silence = (kinds.FloorAnswered, {**asked, "fault": f"no answer: {answer.error.message}"})
            await here.recorder.record_all([answer.failure, silence, *here.asker.loss(seat, answer.error)])
            return
        read = read_floor_answer(step, seat.name, answer.text, after=after)
        told: dict[str, Any] = {"named": read.named, "bid": read.bid, "reason": read.reason, "fault": read.fault}
        await here.recorder.record(kinds.FloorAnswered, **asked, **told, usage=answer.usage, timings=answer.timings)

    def _floor_prompt(self, index: int, plan: RoundPlan, step: Ask, seat: Seat) -> Prompt:
        here = self._here
        masks = tuple(sorted(here.state.rounds[index].masks.items()))
        together, apart = self._read_how(index, plan, seat)
        title = f"{plan.shown_title}, the floor"
        request = here.request(seat, round_title=title, instruction=step.instruction, masks=masks, apart=apart)
        return here.prompt(request, together)

    def seen(self, index: int, plan: RoundPlan, seat: Seat) -> tuple[Statement, ...]:
        """Return the statements a seat may see in this round, oldest first; who speaks at the same time is not heard."""
        at_once = plan.order == SIMULTANEOUS and plan.visibility == "all"
        return visible(
            self._here.state.transcript,
            seat.name,
            index,
            "previous-rounds" if at_once else plan.visibility,
            paradigm=plan.paradigm,
            seats=self._here.state.seats,
        )

    def _read_how(self, index: int, plan: RoundPlan, seat: Seat) -> tuple[tuple[Statement, ...], tuple[Statement, ...]]:
        """Return what a seat reads together with the others, and what behind it in an order of its own, names hidden."""
        seen, opened = self.seen(index, plan, seat), self._here.state.rounds[index]
        place = {turn: number for number, turn in enumerate(opened.readings.get(seat.name, ()))}
        first = next((said.round_index for said in seen if said.turn in place), index)
        if not place or first in (self._here.state.transcript.digests or {}):
            return seen, ()
        together = tuple(said for said in seen if said.round_index < first)
        apart = sorted(seen[len(together) :], key=lambda said: place.get(said.turn, len(place)))
        return together, mask_statements(apart, opened.masks)

    def _prompt(self, index: int, plan: RoundPlan, seat: Seat) -> Prompt:
        here = self._here
        opened = here.state.rounds[index]
        together, apart = self._read_how(index, plan, seat)
        strayed = any(event.round_index == index - 1 for event in here.state.drift)
        request = here.request(
            seat,
            round_title=opened.title,
            instruction=f"{opened.instruction} {BACK_TO_THE_QUESTION}" if strayed else opened.instruction,
            max_words=plan.max_words,
            masks=tuple(sorted(opened.masks.items())),
            apart=apart,
        )
        return here.prompt(request, together)

    async def _turn(self, index: int, plan: RoundPlan, seat: Seat, fitting: Prompt | None) -> None:
        """Have a seat take its turn; `fitting` is its prompt, or None if not even room that was made for it was enough."""
        here = self._here
        had = sum(taken.seat == seat.name for taken in here.state.floor.get(index, {}).values())
        turn_id = f"r{index}.{seat.name}" if not had else f"r{index}.{seat.name}#{had + 1}"
        prompt = fitting or self._prompt(index, plan, seat)
        settings = seat.asked(stop=(*seat.settings.stop, *FRAME_STOPS), max_tokens=plan.max_tokens, temperature=plan.temperature)
        shorten = here.shortening(seat, partial(self._prompt, index, plan), settings.max_tokens)
        turn = Turn(id=turn_id, seat=seat, round_index=index, prompt=prompt, settings=settings, shorten=shorten)
        too_long = None if fitting else await here.overflow(seat, prompt, settings.max_tokens)
        answer = here.asker.refused(turn, too_long) if too_long else await here.asker.ask(turn)
        if isinstance(answer, GaveUp):
            await self._give_up(turn, plan, answer)
        elif answer.passed:
            reason = answer.text.strip()
            await here.recorder.record(kinds.TurnPassed, turn=turn_id, seat=seat.name, round_index=index, reason=reason)
        else:
            restored = names_restored(answer.text, here.state.rounds[index].masks)
            said = here.cleaned(seat, restored)
            if not said.text:
                error = EmptyAnswer(f"{seat.name} said nothing of its own: {said.trimmed[:80]!r}.", hint="Try another model for this seat.")
                await self._give_up(turn, plan, here.asker.refused(turn, error))
                return
            await here.recorder.record(kinds.StatementMade, **self._statement(turn, plan, answer, said, changed=restored != answer.text))

    def _statement(self, turn: Turn, plan: RoundPlan, answer: Response, said: CleanText, *, changed: bool) -> dict[str, Any]:
        return {
            "turn": turn.id,
            "seat": turn.seat.name,
            "round_index": turn.round_index,
            "round_kind": plan.kind,
            "text": said.text,
            "trimmed": said.trimmed,
            "as_written": answer.text if changed else "",
            "reasoning": answer.reasoning,
            "finish_reason": answer.finish_reason,
            "model": answer.model,
            "usage": answer.usage,
            "timings": answer.timings,
            "notes": answer.notes,
        }

    async def _give_up(self, turn: Turn, plan: RoundPlan, answer: GaveUp) -> None:
        here = self._here
        restored = names_restored(answer.partial_text, here.state.rounds[turn.round_index].masks)
        kept = here.cleaned(turn.seat, restored)
        facts = [answer.failure]
        if kept.text:
            partial = {
                "turn": turn.id,
                "seat": turn.seat.name,
                "round_index": turn.round_index,
                "round_kind": plan.kind,
                "text": kept.text,
                "trimmed": kept.trimmed,
                "as_written": answer.partial_text if restored != answer.partial_text else "",
                "partial": True,
                "finish_reason": "unknown",
            }
            facts.append((kinds.StatementMade, partial))
        facts += here.asker.loss(turn.seat, answer.error, spoke=bool(kept.text))
        await here.recorder.record_all(facts)


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
