"""From ballots to a verdict."""

import pytest

from mallku.dialogue.transcript import Option, given_options
from mallku.dialogue.verdict import Ballot, SpoiledBallot
from mallku.errors import ConfigurationError, UsageError
from mallku.firecircle.decisions import decide, decision_rule

SEATS = ("Ada", "Ben", "Cleo")
PLURALITY = decision_rule("plurality")
AUTHORED = tuple(Option(label=label, text=f"{seat}'s text", author=seat) for label, seat in zip("ABC", SEATS, strict=True))


def choice(seat, label, **more):
    return Ballot(seat=seat, kind="choice", choice=label, **more)


def test_the_most_votes_win_and_everyone_is_listed():
    ballots = [choice("Ada", "B"), choice("Ben", "A"), choice("Cleo", "B")]
    verdict = decide(PLURALITY, ballots, [], given_options(["stay", "go"]), (*SEATS, "Dov"))
    assert (verdict.status, verdict.option, verdict.text) == ("decided", "B", "go")
    assert (verdict.support, verdict.dissent, verdict.missing) == (("Ada", "Cleo"), ("Ben",), ("Dov",))
    assert verdict.tally is not None
    assert verdict.tally.support == {"A": 1.0, "B": 2.0}
    assert verdict.tie_break == ""


def test_a_vote_for_ones_own_statement_is_spoiled_with_its_reason():
    ballots = [choice("Ada", "A"), choice("Ben", "A"), choice("Cleo", "B")]
    verdict = decide(PLURALITY, ballots, [], AUTHORED, SEATS)
    assert verdict.missing == ("Ada",)
    assert [(ballot.seat, ballot.reason) for ballot in verdict.spoiled] == [("Ada", "it names only the voter's own statement, A")]
    assert verdict.status == "tied"


def test_own_statements_count_where_self_votes_are_allowed():
    ballots = [choice("Ada", "A"), choice("Ben", "A"), choice("Cleo", "B")]
    verdict = decide(PLURALITY, ballots, [], AUTHORED, SEATS, exclude_self_votes=False)
    assert (verdict.status, verdict.option, verdict.spoiled) == ("decided", "A", ())


def test_a_circle_of_one_may_vote_for_itself():
    verdict = decide(PLURALITY, [choice("Ada", "A")], [], AUTHORED[:1], ["Ada"])
    assert (verdict.status, verdict.option, verdict.support) == ("decided", "A", ("Ada",))


def test_a_tie_is_declared_and_broken_the_same_way_for_the_same_seed():
    ballots = [choice("Ada", "B"), choice("Ben", "A")]
    options = given_options(["stay", "go"])
    verdicts = [decide(PLURALITY, ballots, [], options, SEATS, seed=seed) for seed in range(64)]
    assert {verdict.status for verdict in verdicts} == {"tied"}
    assert {verdict.option for verdict in verdicts} == {"A", "B"}
    assert verdicts[7].option == decide(PLURALITY, ballots[::-1], [], options[::-1], SEATS, seed=7).option
    assert "seed 7" in verdicts[7].tie_break


@pytest.mark.parametrize(("tie_break", "outcome"), [("listed", "A"), ("none", ""), ("casting(Ada)", "B"), ("casting(Ben)", "A")])
def test_a_tie_can_be_broken_by_other_declared_rules(tie_break, outcome):
    ballots = [choice("Ada", "B"), choice("Ben", "A")]
    verdict = decide(PLURALITY, ballots, [], given_options(["stay", "go"]), SEATS, tie_break=tie_break)
    assert (verdict.status, verdict.option) == ("tied", outcome)


def test_a_casting_vote_that_decides_nothing_leaves_the_tie_to_the_seed():
    ballots = [choice("Ada", "B"), choice("Ben", "A"), choice("Cleo", "C")]
    verdict = decide(
        PLURALITY, [*ballots, choice("Dov", None)], [], given_options(["x", "y", "z"]), [*SEATS, "Dov"], tie_break="casting(Dov)"
    )
    assert verdict.status == "tied"
    assert verdict.option in {"A", "B", "C"}
    assert "does not decide" in verdict.tie_break


def test_below_the_quorum_nothing_is_decided():
    verdict = decide(PLURALITY, [choice("Ada", "A")], [], given_options(["stay", "go"]), SEATS, quorum=0.5)
    assert (verdict.status, verdict.option) == ("not decided", "")
    assert verdict.notes == ("No quorum: 1 valid ballots of 3, 2 needed.",)


def test_an_abstention_counts_towards_the_quorum_and_supports_nothing():
    ballots = [choice("Ada", "A"), choice("Ben", None)]
    verdict = decide(PLURALITY, ballots, [], given_options(["stay", "go"]), SEATS, quorum=2)
    assert (verdict.status, verdict.support, verdict.abstained) == ("decided", ("Ada",), ("Ben",))


def test_without_a_majority_nothing_passes():
    ballots = [choice("Ada", "A"), choice("Ben", "B"), choice("Cleo", "C")]
    verdict = decide(decision_rule("majority"), ballots, [], given_options(["x", "y", "z"]), SEATS)
    assert (verdict.status, verdict.option) == ("not decided", "")
    assert verdict.notes == ("No option has more than half of the 3 votes cast; nothing passes.",)


def test_half_of_the_votes_is_not_a_majority_and_abstentions_are_not_votes():
    majority = decision_rule("majority")
    options = given_options(["x", "y"])
    half = [choice("Ada", "A"), choice("Ben", "B")]
    assert not majority.count(half, options).passed
    assert majority.count([choice("Ada", "A"), choice("Ben", None), choice("Cleo", None)], options).winners == ("A",)


def test_weights_are_counted_as_written():
    ballots = [choice("Ada", "A", weight=0.1), choice("Ben", "A", weight=0.2), choice("Cleo", "B", weight=0.3)]
    tally = PLURALITY.count(ballots, given_options(["x", "y"]))
    assert tally.winners == ("A", "B")


def test_ballots_that_cannot_be_counted_are_spoiled_not_guessed():
    ballots = [
        choice("Ada", "Z"),
        Ballot(seat="Ben", kind="approval", approved=("A",)),
        choice("Cleo", "A"),
        choice("Cleo", "B"),
        choice("Eve", "B"),
    ]
    unread = SpoiledBallot(seat="Dov", reason="the answer holds no JSON object")
    verdict = decide(PLURALITY, ballots, [unread], given_options(["x", "y"]), [*SEATS, "Dov"])
    assert [ballot.seat for ballot in verdict.spoiled] == ["Dov", "Ada", "Ben", "Cleo", "Eve"]
    assert all(ballot.reason for ballot in verdict.spoiled)
    assert (verdict.option, verdict.support, verdict.missing) == ("A", ("Cleo",), ("Ada", "Ben", "Dov"))


def test_no_valid_ballot_is_no_outcome():
    verdict = decide(PLURALITY, [], [], given_options(["x", "y"]), SEATS)
    assert (verdict.status, verdict.missing, verdict.tally) == ("no ballot", SEATS, None)


def test_only_abstentions_decide_nothing():
    verdict = decide(PLURALITY, [choice("Ada", None)], [], given_options(["x", "y"]), SEATS)
    assert (verdict.status, verdict.option) == ("not decided", "")


def test_a_rule_refuses_ballots_of_another_kind():
    with pytest.raises(UsageError, match="'approval'"):
        PLURALITY.count([Ballot(seat="Ada", kind="approval")], given_options(["x"]))


@pytest.mark.parametrize("quorum", [True, -1, 1.5, float("nan")])
def test_a_quorum_that_makes_no_sense_is_refused(quorum):
    with pytest.raises(ConfigurationError, match="quorum"):
        decide(PLURALITY, [], [], given_options(["x"]), SEATS, quorum=quorum)


def test_unknown_rules_and_tie_breaks_are_refused_with_the_list_of_known_ones():
    with pytest.raises(ConfigurationError, match="plurality"):
        decision_rule("plurallity")
    with pytest.raises(ConfigurationError, match="seeded"):
        decide(PLURALITY, [], [], given_options(["x"]), SEATS, tie_break="coin")
    with pytest.raises(ConfigurationError, match="'Zoe', who has no seat"):
        decide(PLURALITY, [], [], given_options(["x"]), SEATS, tie_break="casting(Zoe)")


def test_ballots_without_weight_decide_nothing():
    verdict = decide(PLURALITY, [choice("Ada", "A", weight=0.0)], [], given_options(["x", "y"]), SEATS)
    assert (verdict.status, verdict.missing) == ("no ballot", ("Ben", "Cleo"))
    assert verdict.notes == ("Only ballots without weight were cast.",)


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ("score", {"scores": {"A": 6.0}}),
        ("score", {"scores": {"A": float("nan")}}),
        ("star", {"scores": {"A": -1.0}}),
        ("majority-judgment", {"grades": {"A": "fine"}}),
        ("borda", {"ranking": (("A",), ("A",))}),
        ("plurality", {"choice": "A", "weight": float("inf")}),
        ("plurality", {"choice": "A", "weight": -1.0}),
        ("consensus", {"position": "perhaps"}),
        ("consensus", {}),
    ],
)
def test_figures_and_words_that_no_form_offers_spoil_a_ballot(rule, field):
    declared = decision_rule(rule)
    ballot = Ballot(seat="Ada", kind=declared.ballot_kind, **field)
    verdict = decide(declared, [ballot], [], given_options(["x"]), SEATS)
    assert verdict.status == "no ballot"
    assert verdict.spoiled[0].reason
