"""When the transcript no longer fits, the oldest round is replaced by a digest: on a round boundary, for all, and said."""

import pytest

from mallku.dialogue.participant import ParticipantFacts
from mallku.dialogue.prompt import Prompt
from mallku.errors import QuestionError
from mallku.firecircle import FireCircle, default_plan
from mallku.firecircle.context_budget import shortage
from mallku.testing import ScriptedParticipant

LONG = "This is my first sentence about the archive. " + "More words follow here. " * 30


def circle(window, *, names=("Ada", "Ben", "Cho"), exchanges=3, max_tokens=60):
    made = FireCircle(plan=default_plan(exchanges=exchanges), journal=":memory:", seed=2)
    for name in names:
        facts = ParticipantFacts(model="small", context_window=window)
        seat = made.add_participant(ScriptedParticipant([LONG], facts=facts), name=name)
        seat.settings = seat.asked(max_tokens=max_tokens)
    return made


async def test_old_rounds_are_condensed_the_same_for_all_seats():
    made = circle(1500)
    result = await made.deliberate("Should we open the archive?", options=["yes", "no"])
    condensed = [event for event in result.events if event.kind == "transcript_condensed"]

    assert result.status == "complete"
    assert [event.round_index for event in condensed] == sorted({event.round_index for event in condensed})
    assert condensed
    assert condensed[0].tokens > condensed[0].window == 1500
    assert "Ada: This is my first sentence about the archive." in condensed[0].digest
    for seat in made.seats:
        for prompt in seat.participant.prompts:
            assert await seat.participant.count_tokens(prompt) + 60 <= 1500


async def test_a_window_that_is_large_enough_changes_nothing():
    result = await circle(100_000).deliberate("Should we open the archive?", options=["yes", "no"])

    assert not [event for event in result.events if event.kind == "transcript_condensed"]


async def test_a_question_too_long_for_every_seat_is_refused_with_the_figures():
    with pytest.raises(QuestionError, match=r"takes \d+ tokens, and no seat can hold more than 300"):
        await circle(300).deliberate("Should we? " * 400)


async def test_a_seat_with_too_small_a_window_fails_alone():
    made = circle(100_000, names=("Ben", "Cho"))
    made.add_participant(ScriptedParticipant([LONG], facts=ParticipantFacts(model="tiny", context_window=90)), name="Ada")
    result = await made.deliberate("Should we open the archive?", options=["yes", "no"])

    assert "Ada" in result.state.lost
    assert {s.seat for s in result.statements} == {"Ben", "Cho"}


@pytest.mark.parametrize(("window", "fits"), [(800, True), (600, False), (4096, True)])
async def test_of_a_small_window_a_quarter_is_kept_for_an_answer_without_a_limit(window, fits):
    made = circle(window, names=("Ada",), max_tokens=None)
    prompt = Prompt(system="", user="water " * 500)
    assert await made.seats[0].participant.count_tokens(prompt) == 500

    assert (await shortage(made.seats[0], prompt, None) is None) is fits
