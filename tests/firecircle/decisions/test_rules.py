"""What each rule counts, on ballots whose right outcome is known."""

from fractions import Fraction

import pytest

from mallku.dialogue.transcript import Option, given_options
from mallku.dialogue.verdict import Ballot
from mallku.errors import ConfigurationError, UsageError
from mallku.firecircle.decisions import RULE_NAMES, compare, count_under_all, decide, decision_rule, shown_ballots, shown_verdict
from mallku.firecircle.decisions.derive import derive

XYZ = given_options(["x", "y", "z"])
ONE = given_options(["the proposal"])


def choices(text):
    return [Ballot(seat=f"s{index}", kind="choice", choice=None if label == "-" else label) for index, label in enumerate(text)]


def rankings(*orders):
    """`rankings("2 A>B=C", "B>A")`: two ballots of the first kind, one of the second."""
    ballots = []
    for order in orders:
        times, _, tiers = order.rpartition(" ")
        for _ in range(int(times or 1)):
            ranking = tuple(tuple(tier.split("=")) for tier in tiers.split(">"))
            ballots.append(Ballot(seat=f"s{len(ballots)}", kind="ranking", ranking=ranking))
    return ballots


def scores(*rows):
    return [Ballot(seat=f"s{index}", kind="scores", scores=row) for index, row in enumerate(rows)]


def positions(*names, reason=""):
    return [Ballot(seat=f"s{index}", kind="position", position=name, reason=reason) for index, name in enumerate(names)]


@pytest.mark.parametrize("name", [*RULE_NAMES[:-1], "judge(Ada)", "supermajority(75%)", "consensus(0.8)", "ranked_pairs"])
def test_a_rules_name_is_its_whole_declaration(name):
    rule = decision_rule(name)
    again = decision_rule(rule.name)
    assert (again.name, again.ballot_kind) == (rule.name, rule.ballot_kind)


def test_names_are_read_kindly():
    assert decision_rule(" Majority Judgment ").name == "majority-judgment"
    assert decision_rule("supermajority").name == "supermajority(2/3)"
    assert decision_rule("supermajority( 75% )").name == "supermajority(3/4)"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "judge",
        "judge()",
        "plurality(2)",
        "supermajority(1/2)",
        "supermajority(x)",
        "supermajority(2/0)",
        "supermajority(1e99)",
        "consensus(half)",
        "dice",
    ],
)
def test_what_is_no_rule_is_refused(name):
    with pytest.raises(ConfigurationError) as refused:
        decision_rule(name)
    assert refused.value.hint


def test_a_supermajority_needs_its_share_of_the_votes_cast():
    assert decision_rule("supermajority(2/3)").count(choices("AAB"), XYZ).winners == ("A",)
    assert not decision_rule("supermajority(3/4)").count(choices("AAB"), XYZ).passed
    assert decision_rule("supermajority(1)").count(choices("AA-"), XYZ).passed
    assert not decision_rule("supermajority(1)").count(choices("---"), XYZ).passed


def test_approval_elects_what_most_can_accept():
    ballots = [Ballot(seat="a", kind="approval", approved=("A", "C")), Ballot(seat="b", kind="approval", approved=("B", "C"))]
    tally = decision_rule("approval").count(ballots, XYZ)
    assert (tally.winners, tally.support, tally.ranking) == (("C",), {"A": 1, "B": 1, "C": 2}, (("C",), ("A", "B")))


def test_star_can_overturn_the_score():
    ballots = scores({"A": 5, "B": 4}, {"A": 0, "B": 1}, {"A": 0, "B": 1}, {"A": 5, "B": 2}, {"A": 2, "B": 3})
    assert decision_rule("score").count(ballots, XYZ).winners == ("A",)
    assert decision_rule("star").count(ballots, XYZ).winners == ("B",)


def test_a_short_borda_ballot_gives_away_as_many_points_as_a_full_one():
    tally = decision_rule("borda").count(rankings("A"), XYZ)
    assert tally.support == {"A": 2, "B": 0.5, "C": 0.5}


def test_instant_runoff_passes_ballots_on():
    tally = decision_rule("instant-runoff").count(rankings("4 A>B>C", "3 B>C>A", "2 C>B>A"), XYZ)
    assert tally.winners == ("B",)
    assert tally.steps == (
        "Round 1: first places: A 4, B 3, C 2. C has the fewest and goes out.",
        "Round 2: first places: B 5, A 4.",
        "B wins by instant run-off.",
    )


def test_instant_runoff_follows_every_way_out_of_a_tie_for_the_last_place():
    tally = decision_rule("instant-runoff").count(rankings("2 A>B>C", "B>C>A", "C>B>A"), XYZ)
    assert tally.winners == ("A", "B", "C")
    assert any("each way is counted" in step for step in tally.steps)


def test_many_options_level_for_the_last_place_are_dropped_together():
    many = given_options([str(index) for index in range(26)])
    order = [option.label for option in many]
    tally = decision_rule("instant-runoff").count(rankings("A>B", *order), many)
    assert tally.winners == ("A",)


def test_ranked_pairs_with_very_many_equal_margins_still_ends():
    many = given_options([str(index) for index in range(9)])
    labels = [option.label for option in many]
    turned = [">".join(labels[start:] + labels[:start]) for start in range(9)]
    assert set(decision_rule("ranked-pairs").count(rankings(*turned), many).winners) == set(labels)


CYCLE = rankings("4 A>B>C", "3 B>C>A", "2 C>A>B")


@pytest.mark.parametrize("rule", ["ranked-pairs", "schulze"])
def test_the_weakest_link_of_a_circle_gives_way(rule):
    tally = decision_rule(rule).count(CYCLE, XYZ)
    assert (tally.winners, tally.ranking) == (("A",), (("A",), ("B",), ("C",)))


def test_schulze_elects_e_in_his_own_example():
    ballots = rankings(
        "5 A>C>B>E>D", "5 A>D>E>C>B", "8 B>E>D>A>C", "3 C>A>B>E>D", "7 C>A>E>B>D", "2 C>B>A>D>E", "7 D>C>E>B>A", "8 E>B>A>D>C"
    )
    five = given_options(list("vwxyz"))
    # The example of Schulze 2011, section 3.1 in its published form: 45 voters, E is elected.
    assert decision_rule("schulze").count(ballots, five).winners == ("E",)
    assert decision_rule("schulze").count(ballots, five).ranking == (("E",), ("A",), ("C",), ("B",), ("D",))


def test_majority_judgment_elects_the_best_middle_grade():
    grades = [{"A": "excellent", "B": "good"}, {"A": "reject", "B": "good"}, {"A": "poor", "B": "acceptable"}]
    ballots = [Ballot(seat=f"s{index}", kind="grades", grades=row) for index, row in enumerate(grades)]
    tally = decision_rule("majority-judgment").count(ballots, XYZ)
    assert tally.winners == ("B",)
    assert tally.ranking == (("B",), ("A",), ("C",))
    assert tally.steps[0] == "B: 2 good, 1 acceptable; middle grade good."


@pytest.mark.parametrize(
    ("cast", "passed"),
    [
        (("consent", "reservations", "stand-aside"), True),
        (("consent", "consent", "block"), False),
        (("consent", "stand-aside"), False),
        (("stand-aside",), False),
    ],
)
def test_consensus_passes_without_blocks_and_with_more_consent_than_standing_aside(cast, passed):
    assert decision_rule("consensus").count(positions(*cast), ONE).passed is passed


@pytest.mark.parametrize(
    ("rule", "cast", "passed"),
    [
        ("consensus(majority)", ("consent", "consent", "block"), True),
        ("consensus(majority)", ("consent", "block"), False),
        ("consensus(2/3)", ("consent", "reservations", "block"), True),
        ("consensus(3/4)", ("consent", "reservations", "block"), False),
    ],
)
def test_a_block_stands_unless_the_declared_fallback_overrides_it(rule, cast, passed):
    tally = decision_rule(rule).count(positions(*cast), ONE)
    assert tally.passed is passed
    assert "fallback" in tally.steps[-1]


def test_an_overridden_block_stays_as_dissent():
    seats = ["s0", "s1", "s2", "s3"]
    verdict = decide(decision_rule("consensus(majority)"), positions("consent", "reservations", "block", "stand-aside"), [], ONE, seats)
    assert (verdict.status, verdict.support, verdict.dissent, verdict.abstained) == ("decided", ("s0", "s1"), ("s2",), ("s3",))


def test_consensus_is_about_one_proposal():
    with pytest.raises(UsageError, match="3 options"):
        decision_rule("consensus").count(positions("consent"), XYZ)


def test_the_judge_decides_alone_and_the_advice_is_kept():
    tally = decision_rule("judge(s2)").count(choices("AAB"), XYZ)
    assert (tally.winners, tally.support["A"]) == (("B",), 2)
    assert not decision_rule("judge(s2)").count(choices("AA-"), XYZ).passed
    assert not decision_rule("judge(s9)").count(choices("AAB"), XYZ).passed


def authored(*seats):
    return [Option(label=label, text=label, author=seat) for label, seat in zip("ABCDEFG", seats, strict=False)]


def test_a_struck_own_statement_is_neither_helped_nor_hurt():
    """Two equal statements, only one with an author among the voters: striking must not decide between them."""
    options = [Option(label="A", text="x", author="s0"), Option(label="B", text="y")]
    mirrored = rankings("A>B", "A>B", "B>A")
    for rule in ("borda", "schulze", "ranked-pairs"):
        verdict = decide(decision_rule(rule), mirrored, [], options, ["s0", "s1", "s2"])
        assert verdict.tally is not None
        assert verdict.tally.winners == ("A", "B"), rule
        assert verdict.notes == ("s0's own statement A was struck from its ballot.",)
    points = scores({"A": 5, "B": 1}, {"A": 4, "B": 4}, {"A": 4, "B": 4})
    verdict = decide(decision_rule("score"), points, [], options, ["s0", "s1", "s2"])
    assert verdict.tally is not None
    assert verdict.tally.winners == ("A",)
    assert (verdict.support, verdict.abstained) == (("s1", "s2"), ("s0",))


def test_a_ballot_that_holds_only_ones_own_statement_is_spoiled_under_every_kind():
    options = authored("s0", "s1")
    for rule, ballot in [
        ("approval", Ballot(seat="s0", kind="approval", approved=("A",))),
        ("borda", Ballot(seat="s0", kind="ranking", ranking=(("A",),))),
        ("score", Ballot(seat="s0", kind="scores", scores={"A": 5})),
        ("majority-judgment", Ballot(seat="s0", kind="grades", grades={"A": "good"})),
    ]:
        verdict = decide(decision_rule(rule), [ballot], [], options, ["s0", "s1"])
        assert verdict.status == "no ballot"
        assert "own statement, A" in verdict.spoiled[0].reason


def test_where_every_seat_wrote_one_statement_striking_is_fair():
    options = authored("s0", "s1", "s2")
    everyone_for_itself = rankings("A>B>C", "B>C>A", "C>A>B")
    verdict = decide(decision_rule("borda"), everyone_for_itself, [], options, ["s0", "s1", "s2"])
    assert verdict.tally is not None
    assert verdict.tally.winners == ("A", "B", "C")


def test_points_give_an_order_and_an_order_gives_no_points():
    ballot = Ballot(seat="a", kind="scores", scores={"A": 1.0, "B": 4.0, "C": 1.0})
    ranked = derive(ballot, "ranking", "ABC")
    assert ranked is not None
    assert ranked.ranking == (("B",), ("A", "C"))
    assert derive(ranked, "scores", "ABC") is None
    assert derive(ranked, "approval", "ABC") is None
    first = derive(ranked, "choice", "ABC")
    assert first is not None
    assert first.choice == "B"


def test_level_on_top_is_no_first_choice():
    first = derive(rankings("A=B>C")[0], "choice", "ABC")
    assert first is not None
    assert first.choice is None


def test_grades_say_what_is_acceptable():
    ballot = Ballot(seat="a", kind="grades", grades={"A": "acceptable", "B": "poor"})
    approval = derive(ballot, "approval", "AB")
    assert approval is not None
    assert approval.approved == ("A",)


def test_the_same_ballots_are_counted_under_every_rule_that_fits():
    kinds = {
        "choice": choices("AAB"),
        "approval": [Ballot(seat="a", kind="approval", approved=("A",))],
        "ranking": CYCLE,
        "scores": scores({"A": 5, "B": 4}),
        "grades": [Ballot(seat="a", kind="grades", grades={"A": "good", "B": "poor", "C": "poor"})],
    }
    counted = {kind: {tally.rule for tally in count_under_all(ballots, XYZ)} for kind, ballots in kinds.items()}
    first, ranked = {"plurality", "majority", "supermajority(2/3)"}, {"borda", "instant-runoff", "ranked-pairs", "schulze"}
    assert counted == {
        "choice": first,
        "approval": first | ranked | {"approval"},
        "ranking": first | ranked,
        "scores": first | ranked | {"score", "star"},
        "grades": first | ranked | {"approval", "majority-judgment"},
    }
    assert {tally.rule for tally in count_under_all(positions("consent", "block"), ONE)} == {
        "consensus",
        "consensus(majority)",
        "consensus(2/3)",
    }
    assert count_under_all([], XYZ) == ()


def test_disagreement_between_rules_is_said():
    ballots = rankings("4 A>B>C", "3 C>B>A", "2 B>C>A")
    comparison = compare(count_under_all(ballots, XYZ), ballots, XYZ)
    assert not comparison.agree
    assert comparison.condorcet_winner == "B"
    assert comparison.lines[0] == "The outcome depends on the rule."
    assert "B beats every other option in a duel, yet loses under plurality and instant-runoff." in comparison.lines


def test_condorcets_paradox_is_named():
    comparison = compare(count_under_all(CYCLE, XYZ), CYCLE, XYZ)
    assert comparison.cycle == ("A", "B", "C")
    assert comparison.condorcet_winner == ""


def test_a_mere_tie_is_no_paradox():
    ballots = rankings("A>B>C", "B>A>C")
    comparison = compare(count_under_all(ballots, XYZ), ballots, XYZ)
    assert (comparison.cycle, comparison.agree) == ((), True)


def test_a_secret_ballot_shows_figures_and_no_names():
    ballots = [
        Ballot(seat=seat, kind="choice", choice=label, reason=f"{seat} says so")
        for seat, label in [("Ada", "A"), ("Ben", "B"), ("Cleo", "A")]
    ]
    shown = shown_ballots(ballots, "secret", seed=3)
    assert "Ada" not in repr(shown)
    assert sorted(ballot.choice or "" for ballot in shown) == ["A", "A", "B"]
    plurality = decision_rule("plurality")
    assert plurality.count(shown, XYZ) == plurality.count(ballots, XYZ)
    verdict = shown_verdict(decide(plurality, ballots, [], XYZ, ["Ada", "Ben", "Cleo"]), "secret")
    assert (verdict.support, verdict.dissent) == ((), ())
    assert verdict.notes == ("2 for the outcome, 1 against, 0 on no side.",)


def test_public_ballots_are_shown_as_cast():
    assert shown_ballots(CYCLE, "public") == tuple(CYCLE)


def test_weights_count_under_every_rule():
    """One ballot of weight three is three ballots of weight one."""
    light = {"choice": choices("AAAB"), "ranking": rankings("3 A>B>C", "2 B>C>A"), "scores": scores(*[{"A": 2, "B": 1}] * 3, {"B": 5})}
    heavy = {
        "choice": [*choices("A"), *choices("B")],
        "ranking": rankings("A>B>C", "2 B>C>A"),
        "scores": scores({"A": 2, "B": 1}, {"B": 5}),
    }
    for kind, ballots in heavy.items():
        first = ballots[0]
        weighted = [Ballot(**{name: getattr(first, name) for name in Ballot.__slots__} | {"weight": 3.0}), *ballots[1:]]
        for one, other in zip(count_under_all(weighted, XYZ), count_under_all(light[kind], XYZ), strict=True):
            assert (one.winners, one.ranking, one.support) == (other.winners, other.ranking, other.support)


def test_half_a_vote_is_exact():
    assert Fraction(decision_rule("instant-runoff").count(rankings("A=B>C"), XYZ).support["A"]) == Fraction(1, 2)


def test_ranked_pairs_says_where_equal_margins_part_the_ways():
    tally = decision_rule("ranked-pairs").count(rankings("A>B>C", "B>C>A", "C>A>B"), XYZ)
    assert tally.winners == ("A", "B", "C")
    told = "Margin 1: A over B, B over C and C over A would close a circle together, so 3 ways to go on are followed."
    assert told in tally.steps


def test_a_recount_of_silent_ballots_is_as_fair_as_the_count():
    """The author of A reads only B; its ballot must not count against A under any other rule."""
    options = [Option(label="A", text="x", author="s0"), Option(label="B", text="y")]
    silent = Ballot(seat="s0", kind="ranking", ranking=(("B",),), silent=("A",))
    ballots = [
        silent,
        *(Ballot(seat=f"s{n}", kind="ranking", ranking=order) for n, order in [(1, (("A",), ("B",))), (2, (("B",), ("A",)))]),
    ]
    verdict = decide(decision_rule("schulze"), ballots, [], options, ["s0", "s1", "s2"])
    assert verdict.tally in count_under_all(ballots, options)
    winners = {tally.rule: tally.winners for tally in count_under_all(ballots, options)}
    assert winners["borda"] == winners["schulze"] == winners["ranked-pairs"] == ("A", "B")
    assert winners["plurality"] == ("B",)
