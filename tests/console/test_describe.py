import pytest

from mallku.console import describe
from mallku.dialogue.verdict import Ballot, Tally, Verdict


@pytest.mark.parametrize(("seconds", "words"), [(0.04, "0.0 s"), (9.94, "9.9 s"), (48.2, "48 s"), (185, "3 min 05 s")])
def test_a_duration_is_told_as_people_do(seconds, words):
    assert describe.seconds(seconds) == words


@pytest.mark.parametrize(
    ("ballot", "words"),
    [
        (Ballot(seat="a", kind="choice", choice="B"), "B"),
        (Ballot(seat="a", kind="choice"), "abstains"),
        (Ballot(seat="a", kind="approval", approved=("A", "C")), "A, C"),
        (Ballot(seat="a", kind="ranking", ranking=(("B",), ("A", "C"))), "B > A = C"),
        (Ballot(seat="a", kind="scores", scores={"A": 4.0}), "A 4"),
        (Ballot(seat="a", kind="grades", grades={"A": "good"}), "A good"),
        (Ballot(seat="a", kind="position", position="block"), "block"),
    ],
)
def test_a_ballot_is_told_by_its_labels(ballot, words):
    assert describe.ballot_words(ballot) == words


def test_an_outcome_names_option_rule_and_figures():
    tally = Tally(rule="majority", winners=("A",), support={"A": 2.0, "B": 1.0})

    assert describe.outcome(Verdict(status="decided", rule="majority", option="A", tally=tally)) == "A wins under majority: A 2, B 1 votes"
    assert describe.outcome(Verdict(status="not decided", rule="consensus")) == "nothing passes under consensus"


def test_the_shift_is_told_only_where_there_was_a_vote_before():
    after = Verdict(status="decided", option="A", text="Open it.")

    assert describe.shift(None, after) == ""
    assert describe.shift(Verdict(status="decided", option="B", text=" Open  it."), after) == "the same as before the exchange"
    assert describe.shift(Verdict(status="tied"), after) == "before the exchange: tied"
    assert "Close it." in describe.shift(Verdict(status="decided", option="B", text="Close it."), after)


def test_the_mistaken_zero_is_not_confused_with_the_unknown():
    assert describe.figure(None) == "-"
    assert describe.figure(0.0) == "0.00"
