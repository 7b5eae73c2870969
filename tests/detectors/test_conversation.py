import math
import random

import pytest

from mallku.detectors.conversation import conversation, evenness, gini, influence, mutuality
from mallku.detectors.reason_index import reason_index, spearman
from mallku.dialogue.transcript import Statement


def talk(*turns):
    return [
        Statement(turn=f"t{index}", seat=name, round_index=0, round_kind="exchange", text=text) for index, (name, text) in enumerate(turns)
    ]


ANSWERING = talk(
    ("Ada", "The pump in the lower field broke on Monday."),
    ("Bo", "Ada, which part of the pump broke, the valve or the motor?"),
    ("Cy", "I can mend a valve, Bo, if somebody brings me the old one."),
    ("Ada", "The valve, Bo. Cy, I will bring you the old valve tonight."),
    ("Bo", "Then the lower field can wait until Cy has mended the valve."),
    ("Cy", "Bo is right that the field can wait; what about the maize, Ada?"),
)
MONOLOGUES = talk(
    ("Ada", "Poetry is a mirror of the soul."),
    ("Bo", "Football was better in the eighties."),
    ("Cy", "Onions should be fried slowly."),
    ("Ada", "A sonnet has fourteen lines."),
    ("Bo", "The goalkeeper wore red gloves."),
    ("Cy", "Garlic burns quickly in hot oil."),
)


def test_answers_stand_above_the_chance_baseline_and_monologues_do_not():
    assert conversation(ANSWERING).baseline_z > 0.5
    assert abs(conversation(MONOLOGUES).baseline_z) < 1.7


def polite(seed):
    """Return monologues in which everybody is nice to everybody and nobody takes anything up."""
    topics = {
        "Ada": ["Sonnets have fourteen lines.", "A rhyme may be slant.", "Haiku count syllables.", "Ballads tell of storms."],
        "Bo": ["Goalkeepers wear gloves.", "The league begins in August.", "Penalties are cruel.", "A striker needs luck."],
        "Cy": ["Onions fry slowly.", "Garlic burns in hot oil.", "Bread wants a long rest.", "Salt the water well."],
        "Di": ["Comets have two tails.", "Jupiter outshines Vega.", "The moon is drifting off.", "Mars was wet once."],
    }
    thanks = ["Thank you, everyone, what a wonderful round.", "I am grateful for all these views.", "Beautifully said, all of you."]
    drawn = random.Random(seed)  # always thanking in turn would make true neighbours less alike than chance
    names = drawn.sample(sorted(topics), 4)
    return talk(*((name, f"{drawn.choice(thanks)} {topics[name][number]}") for number in range(4) for name in names))


@pytest.mark.parametrize("seed", range(6))
def test_polite_monologues_stand_near_zero_in_every_figure(seed):
    found = conversation(polite(seed))
    for z in (found.baseline_z, found.reciprocity_z, found.get_gini_z):
        assert abs(z) < 3


def test_what_was_said_at_the_same_time_is_not_taken_up():
    said = talk(("Ada", "The valve of the pump broke."), ("Bo", "The valve of the pump must be mended, Ada."), ("Cy", "Maize is high."))
    assert conversation(said, permutations=0).get["Ada"] > 0.4
    assert conversation(said, at_once=[0], permutations=0).get["Ada"] == 0


def test_in_monologues_nobody_is_heard_and_in_an_exchange_everybody_is():
    assert conversation(ANSWERING).never_heard == ()
    assert set(conversation(MONOLOGUES).never_heard) == {"Ada", "Bo", "Cy"}


def test_what_is_given_is_got():
    result = conversation(ANSWERING)
    assert math.isclose(sum(result.give.values()), sum(result.get.values()))
    assert 0 <= result.reciprocity <= 1
    assert result.least_heard is not None


def test_equal_shares_are_even_and_a_monopoly_is_not():
    assert evenness([0.25] * 4) == pytest.approx(1)
    assert gini([0.25] * 4) == pytest.approx(0)
    assert gini([1, 0, 0, 0]) == pytest.approx(1)
    assert evenness([1.0]) is None


def test_one_sided_uptake_has_no_mutuality():
    assert mutuality(((0, 1), (0, 0))) == 0
    assert mutuality(((0, 1), (1, 0))) == 1
    assert mutuality(((0, 0), (0, 0))) is None


def test_the_same_seed_gives_the_same_baseline():
    assert conversation(ANSWERING, seed=3) == conversation(ANSWERING, seed=3)


def test_an_empty_conversation_has_no_figures():
    result = conversation([])
    assert result.evenness is None
    assert result.baseline_z is None


def test_the_proposal_that_became_the_final_text_had_the_most_influence():
    figures = influence(
        {"Ada": "Mend the pump with a steel valve.", "Bo": "Sell the orchard to the bank.", "Cy": "Paint the school blue."},
        "We will mend the pump and buy a steel valve for it.",
    )
    assert max(figures, key=figures.get) == "Ada"
    assert influence({"Ada": "One.", "Bo": "Two."}, "One.") == {"Ada": None, "Bo": None}


def test_people_who_agree_in_reasons_and_wishes_have_a_high_index():
    reasons = [[1, 2, 3, 4, 5], [1, 2, 3, 5, 4], [5, 4, 3, 2, 1]]
    wishes = [[1, 2, 3], [1, 2, 3], [3, 2, 1]]
    crossed = [[1, 2, 3], [3, 2, 1], [1, 2, 3]]
    assert reason_index(reasons, wishes).value > 0.8
    assert reason_index(reasons, crossed).value < 0
    assert reason_index(reasons[:1], wishes[:1]) is None


def test_uncorrelated_answers_inflate_the_plain_index_and_not_the_corrected_one():
    reasons = [[1, 2, 3, 4], [2, 4, 1, 3]]
    wishes = [[1, 2, 3, 4], [2, 4, 1, 3]]
    index = reason_index(reasons, wishes)
    assert index.value == 1
    assert index.corrected < index.value


def test_rank_correlation_knows_ties():
    assert spearman([1, 1, 2, 3], [1, 1, 2, 3]) == pytest.approx(1)
    assert spearman([1, 1, 1], [1, 2, 3]) is None
