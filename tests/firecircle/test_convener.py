"""The convener's hand, what breaks a run off, and circles that share a bus."""

import asyncio
from dataclasses import replace

import pytest

from mallku.dialogue.participant import ParticipantFacts
from mallku.errors import ConfigurationError, ModelNotFound
from mallku.events import kinds
from mallku.events.bus import EventBus
from mallku.firecircle import DecisionPlan, Deliberation, FailurePolicy, FireCircle, Plan, RoundPlan, default_plan
from mallku.journal.memory import MemoryJournal
from mallku.testing import ScriptedParticipant, first_choice

OPENING = RoundPlan(kind="opening", visibility="sealed")


def speak(prompt, settings):
    return "I speak about yes and no." if settings.schema is None else first_choice(settings)


def circle(script=speak, *, plan=None, journal=":memory:", bus=None, names=("Ada", "Ben", "Cho")):
    made = FireCircle(plan=plan or default_plan(), journal=journal, bus=bus, seed=3)
    for name in names:
        made.add_participant(ScriptedParticipant(script), name=name)
    return made


async def recorded(journal):
    return Deliberation.from_events(await journal.events((await journal.deliberations())[0].id))


async def test_a_stop_while_all_speak_at_once_opens_no_ballot():
    made = circle()
    made.bus.subscribe(lambda _: made.control.stop("enough"), kinds.TurnOpened)
    result = await made.deliberate("Should we?", options=["yes", "no"])

    assert result.status == "stopped"
    assert len(result.statements) == 3
    assert result.ballots == {}


async def test_a_stop_during_the_final_ballot_keeps_the_verdict_and_asks_for_no_dissent():
    plan = Plan(rounds=(OPENING,), decision=DecisionPlan(rule="plurality", ballot_before=False), summary_by="Ada")
    made = circle(plan=plan)
    made.bus.subscribe(lambda _: made.control.stop("enough"), kinds.BallotCast)
    result = await made.deliberate("Should we?", options=["yes", "no"])

    assert result.status == "stopped"
    assert result.verdict.status == "decided"
    assert result.state.summary is None


async def test_a_stop_ends_one_deliberation_and_not_the_next_of_the_same_circle():
    made = circle()
    made.control.stop("not now")
    first = await made.deliberate("Should we?", options=["yes", "no"])
    second = await made.deliberate("Should we?", options=["yes", "no"])

    assert (first.status, first.statements) == ("stopped", ())
    assert second.status == "complete"


async def test_a_remark_after_the_last_round_still_stands_in_the_record():
    made = circle()
    final = []

    def late(event):
        if event.stage == "final" and not final:
            final.append(event)
            made.control.remark("Thank you all.")

    made.bus.subscribe(late, kinds.BallotCast)
    result = await made.deliberate("Should we?", options=["yes", "no"])

    assert result.statements[-1].text == "Thank you all."


async def test_a_remark_made_while_all_speak_at_once_stands_behind_what_they_said():
    made = circle()
    made.bus.subscribe(lambda event: made.control.remark("Late.") if event.turn == "r0.Ada" else None, kinds.TurnOpened)
    result = await made.deliberate("Should we?", options=["yes", "no"])

    assert [said.seat for said in result.statements[:4]] == ["Ada", "Ben", "Cho", "Convener"]


def broken(prompt, settings):
    return ValueError("sk-secret") if prompt.seat == "Ben" and "Round: exchange" in prompt.user else speak(prompt, settings)


async def test_an_error_that_no_participant_may_raise_is_recorded_as_an_interruption_and_can_be_resumed():
    journal = MemoryJournal()
    with pytest.raises(ValueError, match="sk-secret"):
        await circle(broken, journal=journal).deliberate("Should we?", options=["yes", "no"])
    halted = await recorded(journal)
    resumed = await circle(journal=journal).resume(halted.id)

    assert halted.status == "interrupted"
    assert halted.events[-1].reason == "the run broke off: ValueError"
    assert resumed.status == "complete"
    assert resumed.statements[: len(halted.statements)] == halted.statements
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize(
    "kind", ["round_opened", "turn_opened", "turn_delta", "statement_made", "ballot_opened", "ballot_cast", "ballot_counted"]
)
async def test_a_stream_left_early_leaves_a_record_that_can_be_finished(kind):
    journal = MemoryJournal()
    stream = circle(journal=journal).stream("Should we?", options=["yes", "no"])
    async for event in stream:
        if event.kind == kind:
            break
    await stream.aclose()
    halted = await recorded(journal)
    resumed = await circle(journal=journal).resume(halted.id)

    assert halted.status == "interrupted"
    assert resumed.status == "complete"
    assert set(halted.statements) <= set(resumed.statements)
    assert len({said.turn for said in resumed.statements}) == len(resumed.statements)


async def test_two_circles_on_one_bus_do_not_mix():
    bus = EventBus()
    one, other = circle(bus=bus), circle(bus=bus, names=("Dov", "Eli"))

    async def kinds_of(made, question):
        return [(event.deliberation, event.kind) async for event in made.stream(question, options=["yes", "no"])]

    first, second = await asyncio.gather(kinds_of(one, "Should we?"), kinds_of(other, "Must we?"))

    assert len({deliberation for deliberation, _ in first}) == len({deliberation for deliberation, _ in second}) == 1
    assert first[0][0] != second[0][0]
    assert first[-1][1] == second[-1][1] == "deliberation_ended"


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (Plan(rounds=(RoundPlan(kind="opening", max_share=7.0),)), "7.0"),
        (Plan(rounds=(RoundPlan(kind="opening", turns_per_seat=0),)), "0 turns"),
        (Plan(rounds=(OPENING,), decision=DecisionPlan(quorum=50)), "quorum is 50"),
        (Plan(rounds=(OPENING,), min_seats=4), "min_seats"),
    ],
)
async def test_figures_that_no_run_can_meet_are_refused_before_anybody_is_asked(plan, said):
    made = circle(plan=plan)
    with pytest.raises(ConfigurationError, match=said):
        await made.deliberate("Should we?")
    assert not made.seats[0].participant.prompts


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf")])
def test_a_weight_that_is_no_weight_is_refused(weight):
    with pytest.raises(ConfigurationError, match="weight"):
        FireCircle().add_participant(ScriptedParticipant(), weight=weight)


async def test_a_substitute_keeps_its_seat_when_the_deliberation_is_resumed():
    def seated(first):
        made = FireCircle(plan=replace(default_plan(), failure=FailurePolicy(strategy="substitute", attempts=1)), journal=journal, seed=3)
        substitute = ScriptedParticipant(speak, facts=ParticipantFacts(model="spare", spec="spare"))
        made.add_participant(ScriptedParticipant(first), name="Ada", substitutes=[substitute])
        made.add_participant(ScriptedParticipant(speak), name="Ben")
        return made

    journal = MemoryJournal()
    stream = seated(lambda prompt, settings: ModelNotFound("It is gone.")).stream("Should we?", options=["yes", "no"])
    async for event in stream:
        if event.kind == "round_closed":
            break
    await stream.aclose()
    again = seated(lambda prompt, settings: AssertionError("the first participant was asked"))
    result = await again.resume((await recorded(journal)).id)

    assert [event.kind for event in result.events].count("seat_substituted") == 1
    assert result.status == "degraded"
    assert again.seats[0].participant.prompts


class CountingJournal(MemoryJournal):
    """Remembers which kinds of events came in each append."""

    def __init__(self):
        super().__init__()
        self.appends = []

    async def append(self, events, *, durable=True):
        self.appends.append([event.kind for event in events])
        await super().append(events, durable=durable)


async def test_a_circle_that_is_paused_has_written_down_all_that_was_said():
    journal = CountingJournal()
    plan = Plan(
        rounds=(RoundPlan(kind="reflection", order="round-robin"),),
        decision=DecisionPlan(rule="none", ballot_before=False, minority_report=False),
    )
    made = circle(lambda prompt, settings: made.control.pause() or "I speak of it.", plan=plan, journal=journal)
    work = asyncio.create_task(made.deliberate("Should we?"))
    await asyncio.wait([work], timeout=0.2)

    assert journal.appends[-1] == ["statement_made"]
    made.control.stop()

    assert (await work).status == "stopped"
    assert (await recorded(journal)).statements[0].text == "I speak of it."
