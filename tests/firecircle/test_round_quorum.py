"""A round with a quorum: what happens when it is lost before, in the middle and at the end."""

import pytest

from mallku.dialogue.response import Response
from mallku.errors import ConfigurationError, EndpointRefused, QuorumLost
from mallku.events import kinds
from mallku.firecircle import DecisionPlan, FailurePolicy, FireCircle, Plan, RoundPlan
from mallku.firecircle.minutes import take_minutes, to_html, to_markdown
from mallku.journal import open_journal
from mallku.testing import ScriptedParticipant

NAMES = ("Ada", "Ben", "Cho", "Dov")
VOTE = '{"reason": "It is ours.", "choice": "A"}'
OPENING = RoundPlan(kind="opening", visibility="sealed")


def leaving_after(statements):
    """Return a script that speaks so often and is then refused by its server for good."""
    spoken = []

    def reply(prompt, settings):
        if len(spoken) >= statements:
            return EndpointRefused("401", status=401)
        if settings.schema is not None:
            return VOTE
        spoken.append(prompt)
        return "The well belongs to the village."

    return reply


def circle(second, *, leaving=2, journal=":memory:", first=OPENING, **decision):
    plan = Plan(
        rounds=(first, second, RoundPlan(kind="synthesis")),
        decision=DecisionPlan(ballot_before=False, **decision),
        failure=FailurePolicy(attempts=1, failed_turns=1, backoff_s=0.0),
    )
    made = FireCircle(plan=plan, journal=journal, seed=3)
    for place, name in enumerate(NAMES):
        script = leaving_after(1) if place >= len(NAMES) - leaving else lambda _, settings: VOTE if settings.schema else "I stay."
        made.add_participant(ScriptedParticipant(script), name=name)
    return made


async def test_a_quorum_lost_in_the_middle_ends_the_deliberation_there_undecided():
    journal = await open_journal(":memory:")
    made = circle(RoundPlan(kind="reflection", order="round-robin", turns=40, quorum=0.75), journal=journal)
    with pytest.raises(QuorumLost, match=r"Round 2 \(reflection\) lacked its quorum: . of 4 seats took part"):
        await made.deliberate("Should we lease the well?", options=["Yes", "No"])
    events = await journal.events((await journal.deliberations())[0].id)
    missed = next(event for event in events if isinstance(event, kinds.QuorumMissed))
    minutes = take_minutes(events)

    assert missed.needed == 3
    assert not any(isinstance(event, kinds.BallotOpened) for event in events)
    # it is over as soon as it cannot be reached any more, not after forty turns
    assert sum(isinstance(event, kinds.StatementMade) and event.round_index == 1 for event in events) < len(NAMES)
    assert minutes.status == "failed"
    assert minutes.verdict is None
    for page in (to_markdown(minutes), to_html(minutes)):
        assert "lacked its quorum" in page
        assert "nothing was decided" in page


async def test_a_round_may_go_on_without_its_quorum_and_the_result_says_so():
    result = await circle(RoundPlan(kind="reflection", quorum=0.75, without_quorum="go-on")).deliberate("Which?", options=["Yes", "No"])
    told = "Round 2 (reflection) lacked its quorum: 2 of 4 seats took part (Ada, Ben), 3 were needed."

    assert result.status == "degraded"
    assert result.verdict.option == "A"
    assert told in result.state.ended.remarks
    assert to_markdown(take_minutes(result.events)).count(told) >= 1


async def test_a_round_with_its_quorum_is_not_remarked_on():
    result = await circle(RoundPlan(kind="reflection", quorum=0.5)).deliberate("Which?", options=["Yes", "No"])

    assert not result.state.without_quorum
    assert result.verdict.option == "A"


async def test_who_passes_takes_part():
    made = FireCircle(
        plan=Plan(rounds=(RoundPlan(kind="opening", quorum=1.0),), decision=DecisionPlan(rule="none")), journal=":memory:", seed=1
    )
    made.add_participant(ScriptedParticipant(["I am here."]), name="Ada")
    made.add_participant(ScriptedParticipant([Response(text="", passed=True)]), name="Ben")
    result = await made.deliberate("Which?")

    assert (result.status, result.state.without_quorum) == ("complete", {})


async def test_the_quorum_counts_the_seats_of_the_round_only():
    second = RoundPlan(kind="reflection", seats=("Ada", "Ben"), quorum=1.0)
    result = await circle(second).deliberate("Which?", options=["Yes", "No"])

    assert not result.state.without_quorum


async def test_a_broken_off_record_fails_for_the_same_reason_when_it_is_resumed():
    journal = await open_journal(":memory:")
    made = circle(RoundPlan(kind="reflection", quorum=1.0), journal=journal)
    with pytest.raises(QuorumLost):
        await made.deliberate("Which?", options=["Yes", "No"])
    events = await journal.events((await journal.deliberations())[0].id)
    kept = events[
        : next(place for place, event in enumerate(events) if isinstance(event, kinds.RoundClosed) and event.round_index == 1) + 1
    ]
    again = await open_journal(":memory:")
    await again.append(kept)
    with pytest.raises(QuorumLost, match="lacked its quorum: 2 of 4"):
        await circle(RoundPlan(kind="reflection", quorum=1.0), journal=again).resume(events[0].deliberation)


@pytest.mark.parametrize("quorum", [-0.1, 1.5])
async def test_a_quorum_that_is_no_share_is_refused(quorum):
    with pytest.raises(ConfigurationError, match="quorum of round 1"):
        await circle(RoundPlan(kind="reflection", quorum=quorum)).deliberate("Which?", options=["Yes", "No"])


async def test_a_quorum_of_one_means_everybody_also_when_written_as_a_whole_number():
    with pytest.raises(QuorumLost):
        await circle(RoundPlan(kind="reflection", quorum=1), leaving=1).deliberate("Which?", options=["Yes", "No"])
    result = await circle(RoundPlan(kind="reflection"), leaving=1, quorum=1).deliberate("Which?", options=["Yes", "No"])

    assert result.verdict.status == "not decided"
    assert "No quorum: 3 valid ballots of 4, 4 needed." in result.verdict.notes
