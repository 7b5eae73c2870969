import json

import pytest

from mallku.detectors import default_panel, judged_turn
from mallku.detectors.judge import BOUND, second_opinion
from mallku.errors import ConfigurationError
from mallku.testing import ScriptedParticipant

TURN = judged_turn("We keep our own copy, Ada.", previous=[("Ada", "Who keeps a copy?")], speaker="Bo")
SCORES = default_panel().judge(TURN)


def verdict(**changes):
    return json.dumps({"addresses_control": True, "stance": -1, "reciprocity": 0, "quotes": ["our own copy"]} | changes)


def by_dimension(scores, name):
    return next(one for one in scores.scores if one.dimension == name)


async def test_a_judge_moves_scores_within_its_bound_and_shows_its_quotes():
    moved = await second_opinion(TURN, SCORES, ScriptedParticipant([verdict()]))
    before, after = by_dimension(SCORES, "sovereignty"), by_dimension(moved, "sovereignty")
    assert after.raw == pytest.approx(before.raw - BOUND)
    assert 4 in after.tiers
    assert sum(one.contribution for one in after.evidence) == pytest.approx(after.raw)
    assert any(one.text == "our own copy" for one in after.evidence)


@pytest.mark.parametrize(
    "answer",
    [
        "no JSON",
        verdict(quotes=["words that nobody said"]),
        verdict(stance=7),
        verdict(quotes=[]),
        '{"stance": 1}',
        verdict(reciprocity=True),
    ],
)
async def test_a_verdict_that_cannot_be_trusted_changes_nothing(answer):
    assert await second_opinion(TURN, SCORES, ScriptedParticipant(lambda _prompt, _settings: answer)) == SCORES


async def test_the_rubric_is_read_in_both_orders():
    judge = ScriptedParticipant([verdict()])
    await second_opinion(TURN, SCORES, judge)
    first, second = (prompt.user for prompt in judge.prompts)
    assert first.index("stance:") < first.index("reciprocity:")
    assert second.index("stance:") > second.index("reciprocity:")


async def test_an_author_does_not_judge_itself():
    author = ScriptedParticipant()
    with pytest.raises(ConfigurationError):
        await second_opinion(TURN, SCORES, author, author=author)
