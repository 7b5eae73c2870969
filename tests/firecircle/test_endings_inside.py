"""Budget and deadline bite inside a long round, and what is left is the decision."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mallku.events import kinds
from mallku.firecircle import DecisionPlan, FireCircle, Plan, RoundPlan
from mallku.firecircle.minutes import take_minutes, to_markdown
from mallku.firecircle.progress import progress_of
from mallku.firecircle.state import fold
from mallku.journal.memory import MemoryJournal
from mallku.testing import ScriptedParticipant

OPENING = RoundPlan(kind="opening", visibility="sealed")
LONG = RoundPlan(kind="exploration", order="round-robin", turns=60)


def speaking_for(name):
    return lambda _, settings: '{"reason": "It is ours.", "choice": "A"}' if settings.schema else f"{name} is for the mill."


def circle(*rounds, endings, delay_s=0.0, journal=":memory:", **decision):
    plan = Plan(rounds=rounds, endings=endings, decision=DecisionPlan(**decision))
    made = FireCircle(plan=plan, journal=journal, seed=5)
    for name in ("Ada", "Ben", "Cho"):
        made.add_participant(ScriptedParticipant(speaking_for(name), delay_s=delay_s), name=name)
    return made


@pytest.mark.parametrize(
    ("ending", "reason"),
    [("budget(tokens=600)", "budget"), ("deadline(0.2)", "deadline"), ("agreement & budget(tokens=600)", "agreement")],
)
async def test_a_long_round_is_broken_off_when_budget_or_time_is_used_up(ending, reason):
    made = circle(OPENING, LONG, endings=(ending,), delay_s=0.02)
    result = await made.deliberate("Shall we buy the mill?", options=["Yes", "No"])
    ended = result.state.rounds_ended

    assert (ended.reason, ended.in_round) == (reason, 1)
    assert 0 < len(result.state.spoken_in(1)) < 60
    assert result.reason.startswith(reason)
    assert result.verdict.option == "A"
    assert next(event for event in result.events if isinstance(event, kinds.RoundClosed) and event.round_index == 1).reason.startswith(
        reason
    )


async def test_the_last_round_is_broken_off_too():
    result = await circle(LONG, endings=("budget(tokens=300)",)).deliberate("Shall we buy the mill?", options=["Yes", "No"])

    assert 0 < len(result.state.spoken_in(0)) < 60
    assert "before" not in result.ballots
    assert result.verdict.option == "A"


async def test_who_was_not_heard_is_told_and_nobody_wins_by_having_spoken_first():
    drafts = RoundPlan(kind="proposal", order="round-robin")
    result = await circle(OPENING, drafts, endings=("budget(tokens=300)",), ballot_before=False).deliberate("Shall we buy the mill?")
    ended = result.state.rounds_ended
    page = to_markdown(take_minutes(result.events))

    assert len(ended.unheard) == 2
    assert {option.author for option in result.ballots["final"].opened.options} == {"Ada", "Ben", "Cho"}
    assert f"was broken off (budget) before {ended.unheard[0]} and {ended.unheard[1]} had spoken" in page


async def test_a_turn_is_taken_before_a_round_can_be_broken_off():
    result = await circle(LONG, endings=("budget(tokens=1)",)).deliberate("Shall we buy the mill?", options=["Yes", "No"])

    assert len(result.state.spoken_in(0)) == 1


async def test_a_break_between_two_runs_uses_up_the_deadline_but_not_the_budget_of_seconds():
    journal = MemoryJournal()
    whole = await circle(OPENING, endings=()).deliberate("Shall we buy the mill?", options=["Yes", "No"])
    cut = list(whole.events[:6])
    resumed = kinds.DeliberationResumed(deliberation=whole.id, seq=7, at=cut[-1].at + timedelta(hours=9))
    await journal.append([replace(event, seq=seq) for seq, event in enumerate([*cut, resumed], start=1)])
    progress = progress_of(fold(await journal.events(whole.id)))

    assert progress.seconds > 9 * 3600
    assert progress.seconds - progress.away_s < 60
