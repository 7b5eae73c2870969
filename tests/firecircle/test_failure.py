"""A participant that fails is part of the rules of order: in every strategy the deliberation ends as it should, with nothing lost."""

from dataclasses import replace

import pytest

from mallku.dialogue.participant import ParticipantFacts
from mallku.dialogue.response import Response
from mallku.errors import (
    AnswerCutShort,
    DeadlineExceeded,
    DeliberationError,
    EndpointRefused,
    EndpointUnreachable,
    ModelNotFound,
    Overloaded,
    ProtocolViolation,
    QuorumLost,
    RemoteAddressRefused,
)
from mallku.events import kinds
from mallku.firecircle import FailurePolicy, FireCircle, Plan, RoundPlan, default_plan
from mallku.testing import EventRecorder, ScriptedParticipant, first_choice

FAULTS = {
    "refused connection": EndpointUnreachable("Nothing answers at 127.0.0.1:9."),
    "deadline": DeadlineExceeded("No token came within 3 s."),
    "deadline in the middle": DeadlineExceeded("No token came for 3 s.", partial_text="I had begun to say that"),
    "cut in the middle": AnswerCutShort("The stream ended without a reason.", partial_text="I had begun to say that"),
    "busy": Overloaded("503", retry_after=0.0, status=503),
    "html": ProtocolViolation("The answer is HTML."),
    "no key": EndpointRefused("401", status=401),
    "no model": ModelNotFound("404", status=404),
    "empty": None,
}
LASTING = {"no key", "no model"}


def failing(fault, times=10**6):
    """Return a script that fails so often and then speaks."""
    left = [times]

    def reply(prompt, settings):
        if left[0] > 0:
            left[0] -= 1
            return FAULTS[fault] or Response(text="", reasoning="thinking …")
        return first_choice(settings) if settings.schema else "Now I can speak."

    return reply


def circle(script, *, strategy="adaptive", substitutes=(), attempts=2, failed_turns=2, plan=None, **settings):
    policy = FailurePolicy(strategy=strategy, attempts=attempts, backoff_s=0.0, patience_s=5.0, failed_turns=failed_turns)
    base = plan or default_plan()
    chosen = Plan(rounds=base.rounds, decision=base.decision, failure=policy, min_seats=base.min_seats)
    made = FireCircle(plan=chosen, journal=":memory:", seed=3, **settings)
    made.add_participant(ScriptedParticipant(script), name="Ada", substitutes=substitutes)
    for name in ("Ben", "Cho"):
        made.add_participant(ScriptedParticipant([f"{name} speaks for the village."]), name=name)
    return made


@pytest.mark.parametrize("fault", sorted(FAULTS))
async def test_adaptive_goes_on_without_the_seat_and_says_so(fault):
    result = await circle(failing(fault)).deliberate("Should we?")

    assert result.status == "degraded"
    assert {s.seat for s in result.statements if not s.partial} == {"Ben", "Cho"}
    assert not any(option.author == "Ada" for option in result.ballots["final"].opened.options)
    assert "Ada" in result.verdict.missing
    assert any("Ada" in remark for remark in result.state.ended.remarks)
    assert bool(result.state.lost) == (fault in LASTING or not (FAULTS[fault] and getattr(FAULTS[fault], "partial_text", "")))


@pytest.mark.parametrize("fault", ["deadline in the middle", "cut in the middle"])
async def test_a_partial_text_is_kept_and_marked(fault):
    result = await circle(failing(fault)).deliberate("Should we?")
    kept = [s for s in result.statements if s.seat == "Ada"]

    assert kept
    assert all(s.partial and s.text == "I had begun to say that" for s in kept)


@pytest.mark.parametrize("fault", sorted(set(FAULTS) - LASTING - {"html"}))
async def test_a_passing_fault_is_asked_again_and_leaves_a_complete_result(fault):
    result = await circle(failing(fault, times=1)).deliberate("Should we?")

    assert result.status == "complete"
    assert [f.will_retry for f in result.state.failures] == [True]
    assert len(result.statements) == 9


@pytest.mark.parametrize("fault", sorted(FAULTS))
async def test_strict_ends_the_deliberation_and_keeps_what_was_said(fault):
    events = EventRecorder()
    made = circle(failing(fault), strategy="strict")
    made.bus.subscribe(events)
    with pytest.raises(DeliberationError, match=r"Ada failed in turn r0\.Ada"):
        await made.deliberate("Should we?")
    ended = events.events[-1]

    assert ended.kind == "deliberation_ended"
    assert ended.status == "failed"


@pytest.mark.parametrize("fault", sorted(FAULTS))
async def test_substitute_lets_another_participant_take_the_seat(fault):
    stand_in = ScriptedParticipant(["I sit here for Ada now."], facts=ParticipantFacts(model="stand-in", spec="scripted"))
    result = await circle(failing(fault), strategy="substitute", substitutes=[stand_in]).deliberate("Should we?")

    assert result.state.substituted["Ada"].model == "stand-in"
    assert result.status == "degraded"
    assert [s.text for s in result.statements if s.seat == "Ada"] == ["I sit here for Ada now."] * 3
    assert not result.state.lost


async def test_without_a_substitute_left_the_circle_goes_on_without_the_seat():
    broken = ScriptedParticipant(failing("no model"), facts=ParticipantFacts(model="broken too"))
    result = await circle(failing("no key"), strategy="substitute", substitutes=[broken]).deliberate("Should we?")

    assert "Ada" in result.state.lost
    assert result.status == "degraded"


async def test_wait_and_retry_outlasts_a_busy_endpoint():
    result = await circle(failing("busy", times=7), strategy="wait-and-retry").deliberate("Should we?")

    assert result.status == "complete"
    assert len(result.state.failures) == 7


async def test_wait_and_retry_gives_up_when_patience_ends():
    slow = Overloaded("503", retry_after=30.0, status=503)
    result = await circle(lambda prompt, settings: slow, strategy="wait-and-retry").deliberate("Should we?")

    assert "Ada" in result.state.lost
    assert result.status == "degraded"


async def test_a_quorum_lost_in_the_middle_ends_the_deliberation_as_failed():
    plan = Plan(rounds=(RoundPlan(kind="opening"), RoundPlan(kind="reflection")), min_seats=3)
    made = circle(failing("no key"), plan=plan)
    with pytest.raises(QuorumLost, match="2 of 3 seats"):
        await made.deliberate("Should we?", options=["yes", "no"])


async def test_a_public_address_is_refused_unless_the_circle_allows_it():
    far = ScriptedParticipant(["Hello."], facts=ParticipantFacts(model="m", location="public", address="203.0.113.7:443"))
    for allowed in (False, True):
        made = FireCircle(journal=":memory:", allow_remote=allowed)
        made.add_participant(far, name="Far")
        if allowed:
            assert (await made.deliberate("Should we?")).status == "complete"
        else:
            with pytest.raises(RemoteAddressRefused, match=r"203\.0\.113\.7"):
                await made.deliberate("Should we?")


class Unreachable(ScriptedParticipant):
    async def connect(self):
        raise EndpointUnreachable("Nothing answers at 127.0.0.1:9.", hint="Start the server.")


async def test_a_voice_left_alone_does_not_deliberate_with_itself():
    def seated(*, min_seats):
        made = FireCircle(journal=":memory:", plan=replace(default_plan(), min_seats=min_seats))
        made.add_participant(Unreachable([]), name="Ada")
        made.add_participant(ScriptedParticipant(["Alone, I agree with myself."]), name="Ben")
        return made

    with pytest.raises(QuorumLost, match="1 of 2 seats are left and the plan asks for 2"):
        await seated(min_seats=0).deliberate("Should we?")
    assert (await seated(min_seats=1).deliberate("Should we?", options=["yes", "no"])).status == "degraded"


async def test_a_seat_that_cannot_be_connected_is_reported_and_the_others_deliberate():
    made = FireCircle(journal=":memory:")
    made.add_participant(Unreachable(), name="Ada")
    made.add_participant(ScriptedParticipant(["I am here."]), name="Ben")
    made.add_participant(ScriptedParticipant(["I am here too."]), name="Cho")
    result = await made.deliberate("Should we?")

    assert "Nothing answers" in result.state.lost["Ada"]
    assert result.status == "degraded"


async def test_if_nobody_can_be_connected_the_first_error_is_raised():
    made = FireCircle(journal=":memory:")
    made.add_participant(Unreachable(), name="Ada")
    with pytest.raises(EndpointUnreachable, match="Start the server"):
        await made.deliberate("Should we?")


async def test_a_person_can_stop_the_deliberation_between_turns():
    made = circle(lambda prompt, settings: "I speak." if settings.schema is None else first_choice(settings))
    made.bus.subscribe(lambda event: made.control.stop("enough for today"), kinds.StatementMade)
    result = await made.deliberate("Should we?")

    assert (result.status, result.reason) == ("stopped", "enough for today")
    assert len(result.statements) == 3


async def test_a_remark_of_the_convener_is_read_by_all_who_speak_later():
    ada = ScriptedParticipant(["I speak for the village."])
    made = FireCircle(journal=":memory:", seed=3)
    made.add_participant(ada, name="Ada")
    made.add_participant(ScriptedParticipant(["Me too."]), name="Ben")
    made.control.remark("Please think of the school.")
    result = await made.deliberate("Should we?")

    assert any("Please think of the school." in prompt.user for prompt in ada.prompts)
    assert any(s.seat == "Convener" for s in result.statements)
    assert not any(option.author == "Convener" for option in result.ballots["final"].opened.options)


async def test_stepping_takes_one_turn_at_a_time():
    made = circle(lambda prompt, settings: "I speak." if settings.schema is None else first_choice(settings))
    made.control.pause()
    waits = []

    def on(event):
        waits.append(made.control.is_paused)

    made.bus.subscribe(on, kinds.RoundOpened)
    work = made.stream("Should we?", options=["yes", "no"])
    made.control.step()
    opened = [event.round_index async for event in _until(work, "round_closed", made)]

    assert opened == [0]
    assert made.control.is_paused


async def _until(stream, kind, made):
    async for event in stream:
        if event.kind == "round_opened":
            yield event
        if event.kind == kind:
            break
    await stream.aclose()


@pytest.mark.parametrize("strategy", ["adaptive", "wait-and-retry"])
async def test_a_server_that_asks_for_more_patience_than_there_is_is_not_waited_for(strategy):
    """Were the hour waited for, this test would not end."""
    script = [Overloaded("slow down", retry_after=3600.0, status=429)]
    result = await circle(script, strategy=strategy, attempts=3).deliberate("Should we?")
    failed = [event for event in result.events if isinstance(event, kinds.TurnFailed)]

    assert result.status == "degraded"
    assert failed
    assert not any(event.will_retry for event in failed)
