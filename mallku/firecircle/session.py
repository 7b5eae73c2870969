"""One run of a deliberation: the plan's rounds, the ballots between them, and the end.

Every step first looks whether the state already holds its result. That is all there is to resuming: fold the journal, run the plan again,
and what was done is not done twice.
"""

import asyncio
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from mallku.errors import DeliberationError, JournalError, QuorumLost
from mallku.events import kinds
from mallku.events.kinds import EndStatus
from mallku.firecircle.asking import strictly_failed
from mallku.firecircle.balloting import Balloting
from mallku.firecircle.endings import diverges, ending_condition, first_ending
from mallku.firecircle.focus import drift
from mallku.firecircle.proceedings import Proceedings, Stopped
from mallku.firecircle.progress import progress_of
from mallku.firecircle.round_quorum import in_words
from mallku.firecircle.scoring import Scoring
from mallku.firecircle.speaking import Speaking
from mallku.firecircle.summing_up import sum_up

DRIFTED: Final = 0.7
"""A round of which more than this share of the statements takes up nothing of the question has left it (`tests/benchmarks/focus.py`)."""


DECIDING: Final = frozenset({"control", "selection", "final"})
"""Stages of the ballots that come after the rounds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """How and why a deliberation ends."""

    status: EndStatus
    """The status."""
    reason: str
    """The reason, in a few words."""


async def run(proceedings: Proceedings, scoring: Scoring | None) -> None:
    """Run a deliberation from where its state stands to its end, recording everything.

    Whatever else breaks it off, a cancellation or an error of a kind that no participant may raise, is recorded as an interruption and
    goes on to the caller; the journal is left such that the deliberation can be resumed.

    Raises:
        DeliberationError: it cannot go on; it has been recorded as failed.
    """
    here = proceedings
    if here.state.ended:
        return
    failure: DeliberationError | None = None
    reached_an_end = False
    try:
        try:
            conclusion = await _deliberate(here, scoring)
        except DeliberationError as error:
            conclusion, failure = Conclusion(status="failed", reason=str(error)), error
        await here.hear_convener()
        if scoring:
            await scoring.finish()
        reached_an_end = True
    finally:
        if not reached_an_end:
            await _interrupt(here, scoring, sys.exception())
    await here.recorder.record(kinds.DeliberationEnded, status=conclusion.status, reason=conclusion.reason, remarks=remarks(here))
    if failure:
        raise failure


async def _interrupt(here: Proceedings, scoring: Scoring | None, error: BaseException | None) -> None:
    if scoring:
        await scoring.abandon()
    # Only the class is told: the message of a foreign error may hold anything, a key too.
    outside = error is None or isinstance(error, asyncio.CancelledError)
    reason = "the run was stopped from outside" if outside else f"the run broke off: {type(error).__name__}"
    with suppress(JournalError):
        await here.recorder.record(kinds.DeliberationInterrupted, reason=reason)


async def _deliberate(here: Proceedings, scoring: Scoring | None) -> Conclusion:
    _check_strict(here)
    balloting = Balloting(here) if here.plan.decision.rule != "none" else None
    try:
        endings = [ending_condition(text) for text in here.plan.endings]
        await _rounds(here, Speaking(here, endings), balloting, scoring)
        if balloting:
            await balloting.decide()
            _check_seats(here)
            if here.plan.decision.minority_report:
                await balloting.hear_dissent()
        await sum_up(here)
    except Stopped as stop:
        return Conclusion(status="stopped", reason=str(stop))
    early = here.state.rounds_ended
    reason = f"{early.reason}: {early.detail}" if early else "plan done: all of it was carried out"
    return Conclusion(status="degraded" if remarks(here) else "complete", reason=reason)


async def _rounds(here: Proceedings, speaking: Speaking, balloting: Balloting | None, scoring: Scoring | None) -> None:
    """Hold the plan's rounds with the polls between them, until the plan is done or a condition of its endings holds."""
    conditions = speaking.endings
    last = len(here.plan.rounds) - 1
    for index, plan in enumerate(here.plan.rounds):
        if here.state.rounds_ended or DECIDING & here.state.ballots.keys():
            return
        if index < here.last_round:
            # A later round was opened, so this one is over, held or left out: what has happened since must not reopen that.
            continue
        if index not in here.state.rounds and plan.only_if == "divergence" and not _diverging(here):
            continue
        await speaking.hold(index, plan)
        if scoring:
            scoring.begin()
        _check_seats(here)
        _check_quorum(here, index)
        await _notice_drift(here, index)
        if here.state.rounds_ended:
            return
        if balloting:
            for due in balloting.due_after(index):
                await balloting.hold(due)
        ending = first_ending(conditions, progress_of(here.state)) if conditions and index < last else None
        if ending:
            await here.recorder.record(kinds.RoundsEnded, reason=ending.reason, detail=ending.detail)


def _diverging(here: Proceedings) -> bool:
    polls = progress_of(here.state).polls
    return not polls or diverges(polls[-1])


async def _notice_drift(here: Proceedings, index: int) -> None:
    noticed = {event.round_index for event in here.state.drift}
    figure = drift(here.state.transcript, here.state.spoken_in(index))
    if index not in noticed and figure is not None and figure > DRIFTED:
        await here.recorder.record(kinds.DriftNoticed, round_index=index, figure=figure)


def _check_seats(here: Proceedings) -> None:
    left, needed = len(here.state.present), here.plan.seats_needed(len(here.state.seats))
    if left < needed:
        lost = "; ".join(f"{seat}: {reason}" for seat, reason in here.state.lost.items())
        raise QuorumLost(
            f"{left} of {len(here.state.seats)} seats are left and the plan asks for {needed}. {lost}",
            hint="Mend the participants, or seat others, and convene again.",
        )


def _check_strict(here: Proceedings) -> None:
    """Fail again where a strict plan had failed already and the record broke off before its end was written."""
    last = next((failed for failed in here.state.failures if not failed.will_retry), None)
    if here.plan.failure.strategy == "strict" and last is not None:
        raise strictly_failed(last.seat, last.turn, last.message)


def _check_quorum(here: Proceedings, index: int) -> None:
    missed = here.state.without_quorum.get(index)
    if missed and here.plan.rounds[index].without_quorum == "end":
        raise QuorumLost(
            in_words(missed, here.state.rounds[index].title),
            hint="Mend or replace the seats that are missing and convene again, or let the round go on without its quorum.",
        )


def remarks(here: Proceedings) -> tuple[str, ...]:
    """Return what a reader must know to trust the result rightly: seats lost or replaced, turns failed or broken off, ballots missing."""
    state = here.state
    told = [f"{seat} was lost: {reason}" for seat, reason in state.lost.items()]
    told += [in_words(missed, state.rounds[index].title) for index, missed in state.without_quorum.items()]
    told += [f"{seat} was taken over by {change.model}: {change.reason}" for seat, change in state.substituted.items()]
    told += [f"The statement {turn} broke off and is partial." for turn, outcome in state.turns.items() if outcome == "partial"]
    failed = [turn for turn, outcome in state.turns.items() if outcome == "failure"]
    told += [f"No answer came in turn {turn}." for turn in failed if turn.startswith(("r", "dissent.", "summary."))]
    for stage, record in state.ballots.items():
        told += [f"The {stage} ballot of {seat} was spoiled: {spoiled.reason}" for seat, spoiled in record.spoiled.items()]
    return tuple(told)
