"""What other frameworks lose without a word: repeated texts, turns beyond a hidden cap, one's own words, voices beyond a hidden limit."""

import asyncio

from mallku.firecircle import DecisionPlan, FireCircle, Plan, RoundPlan
from mallku.testing import ScriptedParticipant

NO_VOTE = DecisionPlan(rule="none", ballot_before=False, minority_report=False)


def circle(seats, plan):
    made = FireCircle(plan=plan, journal=":memory:", seed=1)
    for name, participant in seats.items():
        made.add_participant(participant, name=name)
    return made


def rounds(count, **fields):
    return Plan(rounds=tuple(RoundPlan(kind="reflection", **fields) for _ in range(count)), decision=NO_VOTE)


async def test_the_same_text_said_again_is_said_again():
    prompts = []

    def speak(prompt, _):
        prompts.append(prompt.user)
        return "We share the well."

    result = await circle({name: ScriptedParticipant(speak) for name in ("Ada", "Ben")}, rounds(3, order="round-robin")).deliberate(
        "Who may draw water?"
    )

    assert [said.text for said in result.statements] == ["We share the well."] * 6
    assert [prompt.count("We share the well.") for prompt in prompts] == list(range(6))


async def test_no_cap_on_turns_but_the_plans():
    seats = {name: ScriptedParticipant(lambda prompt, _: f"{prompt.seat} weighs it.") for name in ("Ada", "Ben", "Cho")}
    result = await circle(seats, rounds(40)).deliberate("Who may draw water?")

    assert result.status == "complete"
    assert len(result.statements) == 120


async def test_a_seat_is_shown_its_own_words():
    heard = {}

    def speak(prompt, _):
        heard.setdefault(prompt.seat, []).append(prompt.user)
        return f"{prompt.seat} spoke in turn {len(heard[prompt.seat])}."

    await circle({name: ScriptedParticipant(speak) for name in ("Ada", "Ben")}, rounds(3)).deliberate("Who may draw water?")

    for name, prompts in heard.items():
        assert [prompt.count(f'<statement by="{name}"') for prompt in prompts] == [0, 1, 2]
        assert f"{name} spoke in turn 2." in prompts[2]


async def test_all_seats_of_a_simultaneous_round_are_asked_at_once():
    names = [f"Seat{number}" for number in range(40)]
    all_in, waiting = asyncio.Event(), 0

    class Waiting(ScriptedParticipant):
        async def respond(self, prompt, settings):
            nonlocal waiting
            waiting += 1
            if waiting == len(names):
                all_in.set()
            await all_in.wait()
            async for part in super().respond(prompt, settings):
                yield part

    seats = {name: Waiting([f"{name} agrees."]) for name in names}
    async with asyncio.timeout(60):
        result = await circle(seats, rounds(1, order="simultaneous")).deliberate("Who may draw water?")

    assert [said.seat for said in result.statements] == names
