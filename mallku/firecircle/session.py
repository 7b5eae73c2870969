"""One run of a deliberation: the plan's rounds, the ballots between them, and the end.

Every step first looks whether the state already holds its result. That is all there is to resuming: fold the journal, run the plan again,
and what was done is not done twice.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

from mallku.errors import DeliberationError, QuorumLost
from mallku.events import kinds
from mallku.events.kinds import EndStatus
from mallku.firecircle.balloting import Balloting
from mallku.firecircle.endings import diverges, ending_condition, first_ending
from mallku.firecircle.focus import drift
from mallku.firecircle.proceedings import Proceedings
from mallku.firecircle.progress import progress_of
from mallku.firecircle.scoring import Scoring
from mallku.firecircle.speaking import Speaking
from mallku.firecircle.summing_up import sum_up

DRIFTED: Final = 0.5
"""A round of which more than this share of the statements takes up nothing of the question has left it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How and why a deliberation ends."""

    status: EndStatus
    """The status."""
    reason: str
    """The reason, in a few words."""


async def run(proceedings: Proceedings, scoring: Scoring | None) -> None:
    """Run a deliberation from where its state stands to its end, recording everything.

    Cancelling it records an interruption and leaves a journal from which the deliberation can be resumed.

    Raises:
        DeliberationError: it cannot go on; it has been recorded as failed.
    """
    here = proceedings
    if here.state.ended:
        return
    failure: DeliberationError | None = None
    try:
        ending = await _deliberate(here, scoring)
        if scoring:
            await scoring.finish()
    except asyncio.CancelledError:
        if scoring:
            await scoring.abandon()
        await here.recorder.record(kinds.DeliberationInterrupted, reason="the run was stopped from outside")
        raise
    except DeliberationError as error:
        if scoring:
            await scoring.finish()
        ending, failure = Ending(status="failed", reason=str(error)), error
    await here.recorder.record(kinds.DeliberationEnded, status=ending.status, reason=ending.reason, remarks=remarks(here))
    if failure:
        raise failure


async def _deliberate(here: Proceedings, scoring: Scoring | None) -> Ending:
    speaking = Speaking(here)
    balloting = Balloting(here) if here.plan.decision.rule != "none" else None
    early = await _rounds(here, speaking, balloting, scoring)
    if early and early.status == "stopped":
        return early
    if balloting:
        if not await here.control.checkpoint():
            return Ending(status="stopped", reason=here.control.stop_reason)
        await balloting.decide()
        _check_seats(here)
        if here.plan.decision.minority_report:
            await balloting.hear_dissent()
    await sum_up(here)
    return Ending(status="degraded" if remarks(here) else "complete", reason=early.reason if early else "the plan was carried out")


async def _rounds(here: Proceedings, speaking: Speaking, balloting: Balloting | None, scoring: Scoring | None) -> Ending | None:
    """Hold the plan's rounds with the polls between them; return how they ended if that was before the plan was done."""
    conditions = [ending_condition(text) for text in here.plan.endings]
    last = len(here.plan.rounds) - 1
    for index, plan in enumerate(here.plan.rounds):
        if here.control.stop_reason:
            return Ending(status="stopped", reason=here.control.stop_reason)
        if index not in here.state.rounds and plan.only_if == "divergence" and not _diverging(here):
            continue
        await speaking.hold(index, plan)
        if scoring:
            scoring.begin()
        _check_seats(here)
        if index not in here.state.closed_rounds:
            return Ending(status="stopped", reason=here.control.stop_reason)
        await _notice_drift(here, index)
        if balloting and index == 0 and here.plan.decision.ballot_before:
            await balloting.hold("before")
        elif balloting and 0 < index < last and here.plan.decision.polls and here.state.transcript.options:
            await balloting.hold(f"poll-{index}")
        ending = first_ending(conditions, progress_of(here.state)) if conditions and index < last else None
        if ending:
            return Ending(status="complete", reason=f"{ending.reason}: {ending.detail}")
    return None


def _diverging(here: Proceedings) -> bool:
    polls = progress_of(here.state).polls
    return not polls or diverges(polls[-1])


async def _notice_drift(here: Proceedings, index: int) -> None:
    noticed = {event.round_index for event in here.state.drift}
    figure = drift(here.state.transcript, here.state.statements_of(index))
    if index not in noticed and figure is not None and figure > DRIFTED:
        await here.recorder.record(kinds.DriftNoticed, round_index=index, figure=figure)


def _check_seats(here: Proceedings) -> None:
    left = len(here.state.present)
    if left < max(here.plan.min_seats, 1):
        lost = "; ".join(f"{seat}: {reason}" for seat, reason in here.state.lost.items())
        raise QuorumLost(
            f"{left} of {len(here.state.seats)} seats are left and the plan asks for {max(here.plan.min_seats, 1)}. {lost}",
            hint="Mend the participants, or seat others, and convene again.",
        )


def remarks(here: Proceedings) -> tuple[str, ...]:
    """Return what a reader must know to trust the result rightly: seats lost or replaced, turns failed or broken off, ballots missing."""
    state = here.state
    told = [f"{seat} was lost: {reason}" for seat, reason in state.lost.items()]
    told += [f"{seat} was taken over by {change.model}: {change.reason}" for seat, change in state.substituted.items()]
    told += [f"The statement {turn} broke off and is partial." for turn, outcome in state.turns.items() if outcome == "partial"]
    failed = [turn for turn, outcome in state.turns.items() if outcome == "failure"]
    told += [f"No answer came in turn {turn}." for turn in failed if turn.startswith(("r", "dissent."))]
    for stage, record in state.ballots.items():
        told += [f"The {stage} ballot of {seat} was spoiled: {spoiled.reason}" for seat, spoiled in record.spoiled.items()]
    return tuple(told)
