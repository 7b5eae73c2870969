"""Who moved, and what moved them."""

import pytest

from mallku.dialogue.transcript import Statement, Transcript, given_options
from mallku.dialogue.verdict import Ballot
from mallku.firecircle.independence import agreement, keep_ledger, majority_position, position_of, shared_weights

OPTIONS = given_options(["buy the mill", "rent the mill"])
QUESTION = "Should the cooperative buy or rent the mill?"


def vote(seat, label, reason=""):
    return Ballot(seat=seat, kind="choice", choice=label, reason=reason)


def votes(text, reasons=None):
    return {
        seat: vote(seat, None if label == "-" else label, (reasons or {}).get(seat, ""))
        for seat, label in zip(("Ada", "Ben", "Cleo"), text, strict=True)
    }


def talk(**words):
    return Transcript(
        question=QUESTION,
        statements=tuple(
            Statement(turn=f"r0.{seat}", seat=seat, round_index=0, round_kind="opening", text=text) for seat, text in words.items()
        ),
    )


ARGUED = talk(
    Ada="Owning protects us from landlords.",
    Ben="The millrace floods every spring and insurance refuses such buildings.",
    Cleo="I follow the group.",
)


def kinds(ledger):
    return {change.seat: change.kind for change in ledger.changes}


def test_who_stays_has_held():
    ledger = keep_ledger(votes("ABB"), votes("ABB"), ARGUED, OPTIONS)
    assert set(kinds(ledger).values()) == {"held"}
    assert (ledger.held, ledger.moved) == (3, ())


def test_taking_up_an_argument_is_told_from_joining_the_majority():
    argued = votes("BBB", {"Ada": "Since the millrace floods and no insurance covers it, renting is safer."})
    ledger = keep_ledger(votes("ABB"), argued, ARGUED, OPTIONS)
    change = ledger.moved[0]
    assert (change.kind, change.turns, change.with_majority, change.controlled) == ("after a reasoned argument", ("r0.Ben",), True, False)
    joined = votes("BBB", {"Ada": "I now think the cooperative should rent the mill like the others."})
    ledger = keep_ledger(votes("ABB"), joined, ARGUED, OPTIONS)
    assert kinds(ledger)["Ada"] == "after mere majority"
    assert ledger.conforming == 1
    assert ledger.minorities_lost == ("A",)
    assert (ledger.agreement_before, ledger.agreement_after) == (pytest.approx(2 / 3), 1.0)


def test_who_changes_alone_as_well_was_not_influenced():
    reason = {"Ada": "Since the millrace floods and no insurance covers it, renting is safer."}
    ledger = keep_ledger(votes("ABB"), votes("BBB", reason), ARGUED, OPTIONS, alone=votes("BBB"))
    change = ledger.moved[0]
    assert (change.kind, change.controlled, change.turns) == ("on self-reflection alone", True, ())
    stayed_alone = keep_ledger(votes("ABB"), votes("BBB", reason), ARGUED, OPTIONS, alone=votes("ABB"))
    assert kinds(stayed_alone)["Ada"] == "after a reasoned argument"
    assert "cannot be ruled out" not in stayed_alone.moved[0].lines[0]


def test_ones_own_words_are_no_argument_of_others():
    reason = {"Ada": "Owning protects us from landlords."}
    echo = talk(Ada="Owning protects us from landlords.", Ben="Owning protects us from landlords, says Ada.", Cleo="Rent.")
    assert kinds(keep_ledger(votes("ABB"), votes("BBB", reason), echo, OPTIONS))["Ada"] == "after mere majority"


def test_moving_away_from_the_majority_for_no_stated_reason_stays_unexplained():
    ledger = keep_ledger(votes("BBB"), votes("ABB"), ARGUED, OPTIONS)
    assert kinds(ledger)["Ada"] == "unexplained"
    assert ledger.moved[0].lines == (
        "Ada moved from B to A, for no reason that the record shows (no isolated second ballot: reflection alone cannot be ruled out).",
    )


def test_seats_without_both_ballots_are_not_judged():
    final = votes("ABB")
    del final["Cleo"]
    assert set(kinds(keep_ledger(votes("ABB"), final, ARGUED, OPTIONS))) == {"Ada", "Ben"}


def test_a_position_is_what_a_ballot_puts_first():
    labels = "ABC"
    assert position_of(Ballot(seat="a", kind="ranking", ranking=(("B", "A"), ("C",))), labels) == ("A", "B")
    assert position_of(Ballot(seat="a", kind="scores", scores={"C": 3}), labels) == ("C",)
    assert position_of(Ballot(seat="a", kind="approval", approved=("C", "A")), labels) == ("A", "C")
    assert position_of(Ballot(seat="a", kind="position", position="block"), labels) == ("block",)
    assert position_of(vote("a", None), labels) == ()


def test_abstentions_agree_with_nobody():
    assert agreement([("A",), (), ()]) == pytest.approx(1 / 3)
    assert agreement([]) == 0
    assert majority_position([("A",), ("B",)]) == ()
    assert majority_position([("A",), ("A",), ("B",)]) == ("A",)


def test_shared_weights_are_warned_about():
    assert "All 3 seats" in shared_weights(dict.fromkeys(("Ada", "Ben", "Cleo"), "x"))
    assert "Ada and Ben" in shared_weights({"Ada": "x", "Ben": "x", "Cleo": "y"})
    assert shared_weights({"Ada": "x", "Ben": "y"}) == ""
    assert shared_weights({"Ada": "", "Ben": ""}) == ""
    assert shared_weights({"Ada": "x"}) == ""
