from datetime import UTC, datetime

import pytest

from mallku.console import describe
from mallku.dialogue.verdict import Ballot, Tally, Verdict
from mallku.events import kinds


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


def test_what_happened_to_the_rounds_is_told_in_a_sentence():
    place = {"deliberation": "d", "seq": 1, "at": datetime(2026, 1, 1, tzinfo=UTC)}
    missed = kinds.QuorumMissed(**place, round_index=1, took_part=("Ada",), seats=("Ada", "Ben", "Cho"), needed=2)
    ended = kinds.RoundsEnded(**place, reason="budget", detail="120 of 100 tokens are used.", in_round=1, unheard=("Cho",))

    assert describe.ballot_title("poll-0") == "poll after round 1"
    assert describe.quorum_words(missed) == "Round 2 lacks its quorum: 1 of 3 seats took part (Ada), 2 were needed."
    assert describe.ending_words(ended) == "The rounds end here, budget: 120 of 100 tokens are used. Not heard in this round: Cho."
    assert describe.drift_words(kinds.DriftNoticed(**place, round_index=0, figure=0.8)).endswith(
        "80% of its statements take up nothing of it."
    )
