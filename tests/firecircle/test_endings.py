"""When a deliberation ends, and with which reason."""

from dataclasses import replace

import pytest

from mallku.dialogue.transcript import Statement, Transcript
from mallku.errors import ConfigurationError
from mallku.firecircle.endings import Progress, beta_binomial_tail, diverges, ending_condition, first_ending
from mallku.firecircle.focus import drift, novelty, question_share, repetition
from mallku.firecircle.words import content_stems, count_words


def poll(text):
    return {f"s{index}": () if label == "-" else ("block",) if label == "!" else (label,) for index, label in enumerate(text)}


def polls(*texts):
    return Progress(rounds_planned=9, polls=tuple(map(poll, texts)))


def reason(text, progress):
    ending = ending_condition(text).check(progress)
    return None if ending is None else ending.reason


@pytest.mark.parametrize(
    ("condition", "progress", "expected"),
    [
        ("plan-done", Progress(rounds_done=2, rounds_planned=3), None),
        ("plan-done", Progress(rounds_done=3, rounds_planned=3), "plan done"),
        ("stopped", Progress(), None),
        ("stopped", Progress(stopped_by="the convener"), "stopped"),
        ("agreement", polls(), None),
        ("agreement", polls("AAB"), None),
        ("agreement", polls("AAB", "AAA"), "agreement"),
        ("agreement", polls("AA-"), None),
        ("agreement", polls("---"), None),
        ("agreement(0.6)", polls("AAABB"), "agreement"),
        ("stability", polls("AAB"), None),
        ("stability", polls("AAB", "AAB"), "stability"),
        ("stability", polls("ABA", "AAB"), None),
        ("stability", polls("AAA", "AAA"), None),
        ("stability", polls("ABC", "ABC"), None),
        ("stability(3)", polls("AAB", "AAB"), None),
        ("settled", polls("AAAAB"), None),
        ("settled", polls("AAAAB", "AAAAB"), None),
        ("settled", polls(*["AAAAB"] * 3), "stability"),
        ("settled", polls(*["AAABB"] * 3), None),
        ("settled(0.5)", polls(*["AAABB"] * 3), "stability"),
        ("settled", polls("ABABA", "BAAAB", "AAAAB"), None),
        ("settled", polls(*["AAAAA"] * 5), None),
        ("settled", polls(*["AABBC"] * 9), None),
        ("settled", polls(*["AAAA!"] * 5), None),
        ("impasse", polls("ABC", "ABC"), "impasse"),
        ("impasse", polls("AB", "AB"), "impasse"),
        ("impasse", polls("AAB", "AAB"), None),
        ("impasse", polls("ABC", "ACB"), None),
        ("impasse", polls("AA!", "AA!"), "impasse"),
        ("impasse", polls("AA!", "AAA"), None),
        ("exhaustion", Progress(novelty=(1.0,)), None),
        ("exhaustion", Progress(novelty=(1.0, 0.2)), None),
        ("exhaustion", Progress(novelty=(1.0, 0.19)), "exhaustion"),
        ("exhaustion", Progress(novelty=(1.0, 0.05)), "exhaustion"),
        ("exhaustion", Progress(novelty=(1.0, None)), "exhaustion"),
        ("budget(tokens=100)", Progress(tokens=99), None),
        ("budget(tokens=100)", Progress(tokens=100), "budget"),
        ("budget(tokens=100)", Progress(tokens=None), None),
        ("budget(joules=5, seconds=60)", Progress(joules=None, seconds=61), "budget"),
        ("budget(joules=5)", Progress(joules=None), None),
        ("budget(joules=5)", Progress(joules=5.5), "budget"),
        ("deadline(60)", Progress(seconds=59.9), None),
        ("deadline(60)", Progress(seconds=60), "deadline"),
        ("drift", Progress(drift=(0.9,)), None),
        ("drift", Progress(drift=(0.9, 0.9)), "drift"),
        ("drift", Progress(drift=(0.9, None)), None),
        ("drift(0.2, 1)", Progress(drift=(0.0, 0.3)), "drift"),
    ],
)
def test_each_condition_names_its_reason_or_lets_the_circle_go_on(condition, progress, expected):
    assert reason(condition, progress) == expected


def test_the_chance_of_another_leader_is_that_of_a_beta_binomial():
    # worked by hand: with no move in five chances the next four seats stay with 6/10, one moves with 4 * B(2, 9) / B(1, 6) = 4/15
    assert beta_binomial_tail(0, 4, 1, 6) == pytest.approx(1)
    assert beta_binomial_tail(1, 4, 1, 6) == pytest.approx(1 - 6 / 10)
    assert beta_binomial_tail(2, 4, 1, 6) == pytest.approx(1 - 6 / 10 - 4 / 15)
    ending = ending_condition("settled").check(polls(*["AAAAB"] * 3))
    assert ending.detail.endswith(
        "seats moved 0 of 10 times between polls, so another leader at the next poll has a probability of at most 5.7%."
    )


def test_no_figures_fit_two_of_agreement_stability_and_impasse():
    for texts in [
        ("AAA", "AAA"),
        ("AAB", "AAB"),
        ("ABC", "ABC"),
        ("AB", "AB"),
        ("A--", "A--"),
        ("---", "---"),
        ("AA!", "AA!"),
        ("!!!", "!!!"),
    ]:
        progress = polls(*texts)
        assert sum(reason(name, progress) is not None for name in ("agreement", "stability", "impasse")) == 1, texts


def test_conditions_compose():
    both = "agreement & deadline(60) | stopped"
    agreed = polls("AAA")
    assert reason(both, agreed) is None
    assert reason(both, replace(agreed, seconds=61)) == "agreement"
    assert reason(both, Progress(stopped_by="Ada")) == "stopped"
    ending = ending_condition("agreement & deadline(60)").check(replace(agreed, seconds=61))
    assert ending is not None
    assert ending.detail == "3 of 3 seats put A first. The 60 seconds of the deliberation are over."


def test_the_first_condition_that_holds_gives_the_reason():
    conditions = [ending_condition(name) for name in ("deadline(10)", "agreement")]
    ending = first_ending(conditions, replace(polls("AAA"), seconds=11))
    assert ending is not None
    assert ending.reason == "deadline"
    assert first_ending(conditions, Progress()) is None


@pytest.mark.parametrize(
    "text", ["agreement(0.75)", "stability(3)", "budget(tokens=100, joules=2.5)", "drift(0.4, 3) | stopped", "plan-done & deadline(5)"]
)
def test_a_conditions_name_reads_as_the_same_condition(text):
    assert ending_condition(text).name == text
    assert ending_condition(ending_condition(text).name).name == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "agreed",
        "agreement(0.5)",
        "agreement(x)",
        "stability(1)",
        "impasse(0)",
        "deadline",
        "deadline(0)",
        "deadline(5, 6)",
        "drift(0.5, 0)",
        "budget",
        "budget(tokens=0)",
        "budget(euros=5)",
        "budget(5)",
        "agreement |",
        "exhaustion(nan)",
    ],
)
def test_what_is_no_condition_is_refused(text):
    with pytest.raises(ConfigurationError) as refused:
        ending_condition(text)
    assert refused.value.hint


def test_positions_diverge_when_two_differ():
    assert diverges(poll("AAB"))
    assert not diverges(poll("AA-"))


def said(*texts, start=0):
    return [
        Statement(turn=f"r{index}.Ada", seat="Ada", round_index=index, round_kind="opening", text=text)
        for index, text in enumerate(texts, start)
    ]


MILL = Transcript(question="Should the cooperative buy the old mill by the river?")


def test_statements_without_a_word_of_the_question_have_left_it():
    assert drift(MILL, said("The mill needs a roof.", "Rivers flood.")) == 0
    assert drift(MILL, said("The mill needs a roof.", "Football was fun yesterday.")) == 0.5
    assert drift(MILL, said("The mill needs a roof.", "A roof of slate costs a fortune.")) == 0
    before = replace(MILL, statements=tuple(said("The mill needs a roof.")))
    assert drift(before, said("A roof of slate costs a fortune.", start=1)) == 0
    strayed = replace(MILL, statements=tuple(said("Football was fun yesterday.")))
    assert drift(strayed, said("Football again.", start=1)) == 1
    later = replace(MILL, statements=tuple(said("The mill needs a roof.", start=2)))
    assert drift(later, said("A roof of slate costs a fortune.", start=1)) == 1
    assert drift(MILL, []) is None
    assert drift(Transcript(question="Why?"), said("Because.")) is None


def test_inflected_words_and_other_scripts_are_recognised():
    assert drift(MILL, said("Cooperatives rarely fail.")) == 0
    chinese = Transcript(question="我们应该购买旧磨坊吗")
    assert drift(chinese, said("磨坊需要新的屋顶。")) == 0
    assert drift(chinese, said("昨天足球很好看。")) == 1
    assert question_share(MILL, "The old mill by the river") == pytest.approx(2 / 3)


def test_repetition_finds_the_turn_that_is_repeated():
    earlier = said("We should mend the roof before winter comes.", "Football was fun.")
    again = repetition("Friends, we should mend the roof before winter comes!", earlier)
    assert again.turn == "r0.Ada"
    assert again.share > 0.8
    fresh = repetition("Nobody asked the neighbours about noise at night.", earlier)
    assert (fresh.share, fresh.turn) == (0, "")
    assert repetition("Yes.", said("Yes.")).share == 1
    assert repetition("", earlier).share == 0


def test_novelty_falls_to_nothing_when_all_has_been_said():
    first = said("We should mend the roof before winter comes.")
    assert novelty(first, []) == 1
    assert novelty(said("Mend the roof before winter."), first) == 0
    assert novelty([], first) is None


def test_words_are_counted_in_scripts_with_and_without_spaces():
    assert count_words("Don't stop, O'Neill-Smith: 3 apples!") == 5
    assert count_words("磨坊需要屋顶") == 3
    assert count_words("") == 0
    assert "roof" in content_stems("The ROOF!")
    assert "the" not in content_stems("The ROOF!")
