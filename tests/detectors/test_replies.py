import pytest
from hypothesis import given
from hypothesis import strategies as st

from mallku.detectors import answered, judged_turn, reply_matrix
from mallku.detectors.fitting import replies as fitting
from mallku.detectors.fitting.corpora import DEFAULT
from mallku.detectors.replies import features, weights

TALK = [("Ada", "Who can bring the ladder on Friday?"), ("Bo", "The paint has not come yet."), ("Cy", "It rains on Thursday anyway.")]


def likeliest(text, previous=TALK, speaker="Di"):
    return answered(judged_turn(text, previous=previous, speaker=speaker))[0][0]


def test_whoever_is_called_by_name_is_answered():
    assert likeliest("Bo: then call the shop again.") == "Bo"


def test_shared_words_tell_who_is_answered():
    assert likeliest("I could carry that ladder in my van on Friday.") == "Ada"


def test_without_a_sign_it_is_the_last_other_speaker():
    assert likeliest("hm", previous=[*TALK, ("Di", "So it goes.")]) == "Cy"


def test_where_nobody_else_spoke_nobody_is_answered():
    assert answered(judged_turn("Hello.", previous=[("Di", "Am I alone?")], speaker="Di")) == ()


@given(st.lists(st.tuples(st.sampled_from("ABCD"), st.text(max_size=30)), max_size=60), st.sampled_from("ABCD"), st.text(max_size=30))
def test_probabilities_are_of_the_others_and_add_up(said, speaker, text):
    found = answered(judged_turn(text, previous=said, speaker=speaker))
    assert {name for name, _ in found} == {name for name, _ in said[-40:]} - {speaker}
    assert not found or sum(probability for _, probability in found) == pytest.approx(1)
    assert [probability for _, probability in found] == sorted((probability for _, probability in found), reverse=True)


def test_consistent_renaming_changes_nothing():
    names = {"Ada": "Quilla", "Bo": "Tarik", "Cy": "Moana", "Di": "Oskar"}

    def renamed(text):
        return " ".join(names.get(word.strip(":"), word.strip(":")) + ":" * word.endswith(":") for word in text.split())

    before = answered(judged_turn("Bo: then call the shop again.", previous=TALK, speaker="Di"))
    after = answered(judged_turn("Tarik: then call the shop again.", previous=[(names[n], renamed(t)) for n, t in TALK], speaker="Oskar"))
    assert list(after) == [(names[name], probability) for name, probability in before]


def test_the_matrix_adds_up_to_the_turns_that_had_somebody_to_answer():
    turns = judged_turn("Fine.", previous=TALK, speaker="Di")
    matrix = reply_matrix([*turns.previous, turns.statement])
    assert sum(sum(row.values()) for row in matrix.values()) == pytest.approx(3)
    assert matrix["Ada"] == {}


def test_weights_are_of_features_that_exist():
    assert set(weights()) <= set(features(TALK, "Di", "Yes.")["Cy"])


def test_chat_without_names_is_ranked_better_than_the_last_speaker():
    cases = fitting.counted(case for _, case in zip(range(150), fitting.nameless(fitting.chat(DEFAULT, "stripe")), strict=False))
    ranked = fitting.hits(cases, fitting.by_weights(cases, dict.fromkeys(cases.names, 0.0) | weights()))
    assert ranked.mean() > fitting.hits(cases, lambda _: 0).mean()
