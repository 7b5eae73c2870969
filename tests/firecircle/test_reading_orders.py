"""In a masked round each seat reads what was said before in an order of its own, and the record gets the names back."""

from collections import Counter

import pytest

from mallku.dialogue.participant import ParticipantFacts
from mallku.errors import ConfigurationError
from mallku.firecircle import DecisionPlan, FireCircle, Plan, RoundPlan
from mallku.firecircle.masks import names_restored, reading_orders
from mallku.firecircle.minutes import take_minutes, to_markdown
from mallku.testing import ScriptedParticipant, first_choice

NAMES = ("Ada", "Ben", "Cho")
OPENING = RoundPlan(kind="opening", visibility="sealed")
EXCHANGE = RoundPlan(kind="reflection", order="round-robin")


def circle(*rounds, says=lambda prompt: f"{prompt.seat} is for the mill.", facts=None, **decision):
    made = FireCircle(plan=Plan(rounds=rounds, decision=DecisionPlan(**decision)), journal=":memory:", seed=5)
    for name in NAMES:
        made.add_participant(
            ScriptedParticipant(lambda prompt, settings: first_choice(settings) if settings.schema else says(prompt), facts=facts),
            name=name,
        )
    return made


def asked(made, title):
    """Return each seat's prompt of the round with this title."""
    return {seat.name: next(prompt for prompt in seat.participant.prompts if f"Round: {title}" in prompt.user) for seat in made.seats}


def places(prompt, texts):
    return sorted(texts, key=prompt.user.index)


async def test_each_seat_reads_the_statements_under_critique_in_its_own_order_behind_a_shared_beginning():
    made = circle(
        OPENING, EXCHANGE, RoundPlan(kind="critique"), says=lambda prompt: f"Said by seat {NAMES.index(prompt.seat)} {len(prompt.user)}"
    )
    result = await made.deliberate("Shall we buy the mill?", options=["Yes", "No"])
    prompts = asked(made, "critique")
    texts = {said.turn: said.text for said in result.state.spoken_in(1)}

    assert len({prompt.user[: prompt.shared_chars] for prompt in prompts.values()}) == 1
    for name, prompt in prompts.items():
        recorded = result.state.rounds[2].readings[name]
        assert places(prompt, list(texts.values())) == [texts[turn] for turn in recorded]
        assert all(prompt.user.index(text) > prompt.shared_chars for text in texts.values())
        assert 'by="Voice' in prompt.user[: prompt.shared_chars]
        assert not any(f'by="{other}"' in prompt.user for other in NAMES)
    assert len(set(result.state.rounds[2].readings.values())) == len(NAMES)
    assert "each reading what was said before in an order of its own" in to_markdown(take_minutes(result.events))


async def test_without_shuffling_all_read_alike_to_the_last_byte():
    made = circle(OPENING, EXCHANGE, RoundPlan(kind="critique", shuffled=False))
    result = await made.deliberate("Shall we buy the mill?", options=["Yes", "No"])
    prompts = asked(made, "critique").values()

    assert len({prompt.user[: prompt.user.index("<turn>")] for prompt in prompts}) == 1
    assert {prompt.user.index("<turn>") - prompt.shared_chars for prompt in prompts} == {0}
    assert not result.state.rounds[2].readings


async def test_who_speaks_later_in_the_round_hears_it_behind_what_is_under_critique():
    made = circle(OPENING, RoundPlan(kind="critique", order="round-robin"))
    await made.deliberate("Shall we buy the mill?", options=["Yes", "No"])
    last = asked(made, "critique")[NAMES[0]]

    assert last.user.rindex('in="opening"') < last.user.index('in="critique"') < last.user.index("<turn>")


async def test_a_mask_in_an_answer_becomes_the_name_again_so_that_later_rounds_know_who_was_meant():
    def says(prompt):
        return "I doubt what Voice 1 said, and voice 2 too." if "Round: critique" in prompt.user else f"{prompt.seat} is for the mill."

    made = circle(OPENING, RoundPlan(kind="critique"), EXCHANGE, says=says)
    result = await made.deliberate("Shall we buy the mill?", options=["Yes", "No"])
    seats = {mask: seat for seat, mask in result.state.rounds[1].masks.items()}
    critique = next(said for said in result.state.spoken_in(1))
    event = next(event for event in result.events if getattr(event, "turn", "") == critique.turn and event.kind == "statement_made")

    assert critique.text == f"I doubt what {seats['Voice 1']} said, and {seats['Voice 2']} too."
    assert event.as_written == "I doubt what Voice 1 said, and voice 2 too."
    assert "Voice" not in asked(made, "reflection")["Ada"].user


async def test_a_critique_is_masked_unless_the_plan_or_its_order_says_otherwise():
    assert RoundPlan(kind="critique").hides_names
    assert not RoundPlan(kind="critique", masked=False).hides_names
    assert not RoundPlan(kind="critique", order="talking-stick").hides_names
    assert not RoundPlan(kind="reflection").hides_names
    with pytest.raises(ConfigurationError, match="sealed"):
        await circle(OPENING, RoundPlan(kind="vision", visibility="sealed", shuffled=True)).deliberate("Which?")


async def test_a_round_that_was_condensed_is_read_as_its_digest_by_all():
    long_winded = "I hold that this is right. " + "And there is much more to say on it. " * 12
    rounds = (OPENING, RoundPlan(kind="critique"), RoundPlan(kind="critique", title="again"))
    made = circle(*rounds, says=lambda prompt: long_winded, facts=ParticipantFacts(model="small", context_window=700))
    await made.deliberate("Which?", options=["one", "two"])
    condensed = [prompt for prompt in asked(made, "again").values() if "<digest>" in prompt.user[: prompt.shared_chars]]

    assert condensed


async def test_voters_read_what_was_said_about_the_candidates_by_the_labels_on_their_own_paper():
    def says(prompt):
        return "Ben forgets the winter." if "Round: evaluation" in prompt.user else f"Plan of {prompt.seat}."

    made = circle(OPENING, RoundPlan(kind="evaluation"), says=says, candidates_from=0, rule="borda", ballot_before=False)
    result = await made.deliberate("What shall we do?")
    ballots = asked(made, "ballot")

    for name in ("Ada", "Cho"):
        prompt = ballots[name]
        label = next(line[0] for line in prompt.user.splitlines() if line.endswith(": Plan of Ben."))
        assert f"Author of {label} forgets the winter." in prompt.user
        assert "Ben forgets" not in prompt.user
    assert "Ben forgets the winter." in ballots["Ben"].user
    assert result.verdict.option


def test_every_turn_stands_first_about_equally_often():
    orders = reading_orders(["r0.Ada", "r0.Ben", "r0.Cho"], [f"s{index}" for index in range(6)], seed=8, round_index=1)

    assert set(Counter(order[0] for order in orders.values()).values()) == {2}
    assert len(set(orders.values())) == 6


def test_masks_are_told_apart_when_names_are_put_back():
    masks = {f"S{number}": f"Voice {number}" for number in range(1, 12)}

    assert names_restored("Voice 11's point, not Voice 1 or Voice 12.", masks) == "S11's point, not S1 or Voice 12."
    assert names_restored("Voice 1", {}) == "Voice 1"
