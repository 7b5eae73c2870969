"""Circles whose right outcome is known: blocks, ties, flocks, polls, sticks, drift."""

import json
import re

import pytest

from mallku.dialogue.participant import ParticipantFacts
from mallku.errors import ConfigurationError
from mallku.firecircle import DecisionPlan, FireCircle, Plan, RoundPlan, default_plan
from mallku.testing import ScriptedParticipant, first_choice

OPENING = RoundPlan(kind="opening", visibility="sealed")
EXCHANGE = RoundPlan(kind="reflection", order="round-robin")


def speaker(text="I hold that the village keeps its own data.", **forms):
    """Return a script: speaks `text`, and fills forms in with the fields given, by the name of the form's own field."""

    def reply(prompt, settings):
        if settings.schema is None:
            return text(prompt) if callable(text) else text
        for name, filled in forms.items():
            if name in settings.schema["properties"]:
                chosen = filled(prompt, settings) if callable(filled) else filled
                return json.dumps({"reason": forms.get("why", "It is right."), name: chosen})
        return first_choice(settings)

    return reply


def circle(scripts, *, rounds=(OPENING, EXCHANGE), endings=(), facts=None, **decision):
    plan = Plan(rounds=tuple(rounds), decision=DecisionPlan(**decision), endings=tuple(endings))
    made = FireCircle(plan=plan, journal=":memory:", seed=5)
    for name, script in zip(("Ada", "Ben", "Cho", "Dov", "Eli"), scripts, strict=False):
        made.add_participant(ScriptedParticipant(script, facts=facts), name=name)
    return made


async def test_one_block_with_a_reason_stops_a_consensus():
    made = circle(
        [speaker(position="consent"), speaker(position="reservations"), speaker(position="block", why="It sells our water.")],
        rule="consensus",
    )
    result = await made.deliberate("Should we lease the well?", options=["Lease the well for ten years"])

    assert result.verdict.status == "not decided"
    assert any("Blocked by 1" in step for step in result.verdict.tally.steps)
    assert result.ballots["final"].cast["Cho"].reason == "It sells our water."


async def test_a_block_without_a_reason_is_no_valid_ballot():
    made = circle([speaker(position="consent")] * 2 + [speaker(position="block", why=" ")], rule="consensus")
    result = await made.deliberate("Should we lease the well?", options=["Lease it"])

    assert "must give its reason" in result.ballots["final"].spoiled["Cho"].reason
    assert result.verdict.status == "decided"


async def test_a_declared_fallback_decides_where_somebody_blocks():
    made = circle([speaker(position="consent")] * 3 + [speaker(position="block", why="It sells our water.")], rule="consensus(majority)")
    result = await made.deliberate("Should we lease the well?", options=["Lease it"])

    assert result.verdict.status == "decided"
    assert "Dov" in result.verdict.dissent


async def test_before_a_consensus_the_circle_chooses_one_proposal():
    def rank(prompt, settings):
        labels = settings.schema["properties"]["ranking"]["items"]["enum"]
        shown = dict(re.findall(r"^([A-Z]): (.*)$", prompt.user[prompt.user.index("<turn>") :], re.MULTILINE))
        return sorted(labels, key=lambda label: "orchard" not in shown[label])

    made = circle([speaker(ranking=rank, position="consent")] * 3, rule="consensus")
    result = await made.deliberate("What shall we do?", options=["Plant an orchard", "Build a road", "Sell the field"])

    assert result.ballots["selection"].counted.verdict.text == "Plant an orchard"
    assert [option.text for option in result.ballots["final"].opened.options] == ["Plant an orchard"]
    assert result.verdict.text == "Plant an orchard"


async def test_a_tie_is_called_a_tie_and_broken_by_the_declared_seeded_rule():
    made = circle([speaker(choice="A"), speaker(choice="A"), speaker(choice="B"), speaker(choice="B")], rule="plurality")
    results = [await made.deliberate("Which?", options=["one", "two"]) for _ in range(2)]

    assert {result.verdict.status for result in results} == {"tied"}
    assert results[0].verdict.option == results[1].verdict.option
    assert results[0].verdict.tie_break


async def test_the_same_ballots_are_counted_under_every_rule_that_fits():
    made = circle([speaker(ranking=["A", "B", "C"])] * 2 + [speaker(ranking=["B", "C", "A"])] * 3, rule="borda")
    result = await made.deliberate("Which?", options=["one", "two", "three"])
    rules = {tally.rule for tally in result.ballots["final"].counted.recounts}

    assert {"borda", "schulze", "instant-runoff", "plurality"} <= rules


async def test_a_conformist_flock_is_found_out():
    def follows(prompt, settings):
        heard = "Cho" in prompt.user
        return "B" if heard else "A"

    flock = speaker(choice=follows, why="Most of us seem to think so.")
    firm = speaker(choice="B", why="The well belongs to the village.")
    made = circle([flock, flock, firm, firm, firm], control_ballot=True)
    result = await made.deliberate("Which?", options=["Lease the well", "Keep the well"])
    changes = {change.seat: change for change in result.state.changes}

    assert set(changes) == {"Ada", "Ben"}
    assert {change.cause for change in changes.values()} == {"after mere majority"}
    assert all((change.before, change.after) == ("A", "B") for change in changes.values())


async def test_a_change_of_mind_for_a_reason_names_the_turns():
    def persuaded(prompt, settings):
        return "B" if "nitrate" in prompt.user else "A"

    open_minded = speaker("I am for leasing it.", choice=persuaded, why="The nitrate measurements of the laboratory show the danger.")
    expert = speaker("The laboratory found nitrate in every measurement since spring.", choice="B")
    made = circle([open_minded, expert, expert], control_ballot=True)
    result = await made.deliberate("Which?", options=["Lease the well", "Keep the well"])
    change = result.state.changes[0]

    assert (change.seat, change.cause) == ("Ada", "after a reasoned argument")
    assert any(turn.endswith(("Ben", "Cho")) for turn in change.turns)


async def test_second_thoughts_alone_are_told_apart_from_conformity():
    def wavers(prompt, settings):
        wavers.asked += 1
        return "A" if wavers.asked == 1 else "B"

    wavers.asked = 0
    made = circle([speaker(choice=wavers), speaker(choice="B"), speaker(choice="B")], control_ballot=True)
    result = await made.deliberate("Which?", options=["one", "two"])

    assert [change.cause for change in result.state.changes] == ["on self-reflection alone"]


async def test_agreement_in_a_poll_ends_the_rounds_early_and_is_named():
    made = circle([speaker(choice="A")] * 3, rounds=(OPENING, EXCHANGE, EXCHANGE, EXCHANGE), endings=["agreement"], polls=True)
    result = await made.deliberate("Which?", options=["one", "two"])

    assert result.reason.startswith("agreement")
    assert len(result.state.closed_rounds) == 1
    assert result.verdict.option == "A"


async def test_stability_is_not_called_agreement():
    scripts = [speaker(choice="A"), speaker(choice="A"), speaker(choice="B")]
    made = circle(scripts, rounds=(OPENING, EXCHANGE, EXCHANGE, EXCHANGE), endings=["agreement | stability"], polls=True)
    result = await made.deliberate("Which?", options=["one", "two"])

    assert result.reason.startswith("stability")
    assert result.verdict.status == "decided"


async def test_a_budget_of_tokens_ends_the_rounds():
    made = circle([speaker()] * 3, rounds=(OPENING, EXCHANGE, EXCHANGE, EXCHANGE), endings=["budget(tokens=200)"])
    result = await made.deliberate("Which?", options=["one", "two"])

    assert result.reason.startswith("budget")
    assert len(result.state.closed_rounds) < 4


@pytest.mark.parametrize(("choices", "held"), [(["A", "A", "A"], False), (["A", "B", "A"], True)])
async def test_a_round_for_divergence_takes_place_only_if_positions_diverge(choices, held):
    clarification = RoundPlan(kind="clarification", order="round-robin", only_if="divergence")
    made = circle([speaker(choice=choice) for choice in choices], rounds=(OPENING, clarification, EXCHANGE))
    result = await made.deliberate("Which?", options=["one", "two"])

    assert any(s.round_kind == "clarification" for s in result.statements) == held
    assert result.status == "complete"


async def test_the_talking_stick_goes_to_whoever_the_holder_names():
    def names(prompt, settings):
        return settings.schema["properties"]["next"]["enum"][-1]

    stick = RoundPlan(kind="exploration", order="talking-stick", turns=6)
    made = circle([speaker(next=names)] * 3, rounds=(OPENING, stick))
    result = await made.deliberate("Which?", options=["one", "two"])
    spoken = [s for s in result.statements if s.round_index == 1]
    asked = [event for event in result.events if event.kind == "floor_answered"]

    assert len(spoken) == 6
    assert len({s.turn for s in spoken}) == 6
    assert {s.seat for s in spoken} == {"Ada", "Ben", "Cho"}
    assert asked
    assert all(event.named for event in asked if not event.fault)


async def test_silence_is_allowed_where_seats_bid_for_the_floor():
    made = circle(
        [speaker(bid=0), speaker(bid=3), speaker(bid=0)], rounds=(OPENING, RoundPlan(kind="exploration", order="bidding", turns=2))
    )
    result = await made.deliberate("Which?", options=["one", "two"])

    assert {s.seat for s in result.statements if s.round_index == 1} == {"Ben"}


async def test_masks_hide_names_in_prompts_and_the_record_keeps_them():
    critique = RoundPlan(kind="critique", masked=True)
    participants = [ScriptedParticipant([f"{name} thinks Ben is right."]) for name in ("Ada", "Ben", "Cho")]
    made = FireCircle(plan=Plan(rounds=(OPENING, critique)), journal=":memory:", seed=5)
    for participant, name in zip(participants, ("Ada", "Ben", "Cho"), strict=True):
        made.add_participant(participant, name=name)
    result = await made.deliberate("Which?", options=["one", "two"])
    shown = next(prompt.user for prompt in participants[0].prompts if "Round: critique" in prompt.user)

    assert "Ben" not in shown
    assert "Voice 1" in shown
    assert set(result.state.rounds[1].masks) == {"Ada", "Ben", "Cho"}
    assert result.statements[0].seat == "Ada"


async def test_drift_is_noticed_and_the_next_round_is_called_back():
    adrift = speaker("Yesterday the weather was splendid and my cousin visited.")
    participants = [ScriptedParticipant(adrift) for _ in range(3)]
    made = FireCircle(plan=default_plan(exchanges=1), journal=":memory:", seed=5)
    for participant in participants:
        made.add_participant(participant)
    result = await made.deliberate("Should the archive publish its catalogue?", options=["publish", "keep closed"])

    assert next(event.round_index for event in result.state.drift) == 0
    assert any("The last round left the question" in prompt.user for prompt in participants[0].prompts)


async def test_seats_that_share_weights_are_warned_about():
    result = await circle([speaker()] * 3, facts=ParticipantFacts(model="m", weights="abc")).deliberate("Which?", options=["one", "two"])

    assert "share the same weights" in result.state.warnings[0].warning


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rule": "majorty"}, "Did you mean 'majority'"),
        ({"rule": "judge(Zoe)"}, "'Zoe', who has no seat"),
        ({"rounds": (RoundPlan(kind="opening", order="round-robbin"),)}, "Did you mean 'round-robin'"),
        ({"rounds": (RoundPlan(kind="opening", order="facilitator(Zoe)"),)}, "'Zoe', who has no seat"),
        ({"rounds": (RoundPlan(kind="opening", order="talking-stick", masked=True),)}, "name each other"),
        ({"endings": ("agreemnt",)}, "Did you mean 'agreement'"),
        ({"rounds": (RoundPlan(kind="opening", seats=("Zoe",)),)}, "'Zoe', who has no seat"),
        ({"candidates_from": 7}, "has 2 rounds"),
        ({"tie_break": "casting(Zoe)"}, "'Zoe', who has no seat"),
        ({"tie_break": "coin"}, "no tie-break 'coin'"),
    ],
)
async def test_a_plan_that_cannot_be_carried_out_is_refused_before_anybody_is_asked(change, said):
    made = circle([speaker()] * 2, **change)
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        await made.deliberate("Which?", options=["one", "two"])
    assert not made.seats[0].participant.prompts


async def test_a_summary_is_checked_for_words_that_nobody_said():
    def sums_up(prompt):
        if "Round: summary" in prompt.user:
            return 'Ben said "the village keeps its own data", and Cho cried "sell it all tomorrow".'
        return "I hold that the village keeps its own data."

    plan = Plan(rounds=(OPENING,), summary_by="Ada")
    made = FireCircle(plan=plan, journal=":memory:", seed=5)
    for name in ("Ada", "Ben", "Cho"):
        made.add_participant(ScriptedParticipant(speaker(sums_up)), name=name)
    result = await made.deliberate("Which?", options=["one", "two"])

    assert result.state.summary.quotations == 2
    assert result.state.summary.invented == ("sell it all tomorrow",)


async def test_few_valid_ballots_do_not_pass_for_agreement():
    def mumbles(prompt, settings):
        return "I could not say." if settings.schema is not None else "I speak about the two options."

    scripts = [speaker(choice="A"), mumbles, mumbles, mumbles]
    made = circle(scripts, rounds=(OPENING, EXCHANGE, EXCHANGE), endings=["agreement"], polls=True)
    result = await made.deliberate("Which?", options=["one", "two"])

    assert not result.reason.startswith("agreement")


async def test_plain_doubles_answer_every_form():
    for order in ("bidding", "talking-stick", "facilitator(Ada)"):
        made = circle([["I speak about both options."]] * 3, rounds=(OPENING, RoundPlan(kind="exploration", order=order, turns=4)))
        result = await made.deliberate("Which?", options=["one", "two"])

        assert len([s for s in result.statements if s.round_index == 1]) == 4


@pytest.mark.parametrize("order", ["simultaneous", "round-robin", "bidding"])
async def test_a_round_may_be_for_some_seats_only(order):
    made = circle([speaker(bid=1)] * 3, rounds=(OPENING, RoundPlan(kind="critique", order=order, seats=("Cho",))))
    result = await made.deliberate("Which?", options=["one", "two"])

    assert {s.seat for s in result.statements if s.round_index == 1} == {"Cho"}
    assert result.status == "complete"


async def test_a_ranked_round_is_voted_on_without_names_and_the_next_hears_what_came_first():
    def draft(prompt):
        return f"We keep the well, says {prompt.seat}." if "Round: proposal" in prompt.user else "I speak about the well."

    def rank(prompt, settings):
        labels = settings.schema["properties"]["ranking"]["items"]["enum"]
        shown = dict(re.findall(r"^([A-Z]): (.*)$", prompt.user[prompt.user.index("<turn>") :], re.MULTILINE))
        return sorted(labels, key=lambda label: "Ben" not in shown[label])

    rounds = (OPENING, RoundPlan(kind="proposal", ranked=True), RoundPlan(kind="critique", masked=False), RoundPlan(kind="synthesis"))
    made = circle([speaker(draft, ranking=rank)] * 4, rounds=rounds, rule="schulze", endings=("agreement",))
    result = await made.deliberate("What of the well?")
    poll = result.ballots["poll-1"]
    critique = next(prompt.user for prompt in made.seats[0].participant.prompts if "Round: critique" in prompt.user)

    assert poll.opened.rule == "schulze"
    assert all(len(ballot.ranking) == 3 or ballot.seat == "Ben" for ballot in poll.cast.values())
    assert poll.counted.verdict.text == "We keep the well, says Ben."
    assert critique.endswith("this one first: We keep the well, says Ben.\nUse at most 90 words.\n</turn>")
    assert {option.author for option in result.ballots["final"].opened.options} == {"Ada", "Ben", "Cho", "Dov"}
