"""Laws that hold for every set of ballots."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from mallku.dialogue.ballot_form import GRADES
from mallku.dialogue.transcript import Option, given_options
from mallku.dialogue.verdict import Ballot
from mallku.firecircle.decisions import TIE_BREAKS, compare, count_under_all, decide, decision_rule
from mallku.firecircle.decisions.majority_judgment import cuts_of, grade_shares, majority_value
from mallku.firecircle.decisions.pairwise import condorcet_winner, duels, smith_set
from mallku.firecircle.decisions.rules import PLAIN_RULES

LABELS = "ABCD"
OPTIONS = given_options(["w", "x", "y", "z"])
RULES = [*(rule.name for rule in PLAIN_RULES), "supermajority(2/3)"]
CONDORCET = ["schulze", "ranked-pairs"]
MONOTONE = ["plurality", "majority", "approval", "score", "borda", "schulze", "ranked-pairs", "majority-judgment"]

# A busy machine is slow, which breaks no law.
law = settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


@st.composite
def fields(draw, kind):
    labels = draw(st.permutations(LABELS))
    match kind:
        case "choice":
            return {"choice": draw(st.none() | st.sampled_from(LABELS))}
        case "approval":
            return {"approved": tuple(draw(st.sets(st.sampled_from(LABELS))))}
        case "ranking":
            kept = labels[: draw(st.integers(0, 4))]
            tiers = [[]] if kept else []
            for label in kept:
                if tiers[-1] and draw(st.integers(0, 3)):
                    tiers.append([])
                tiers[-1].append(label)
            return {"ranking": tuple(map(tuple, tiers))}
        case "scores":
            return {"scores": draw(st.dictionaries(st.sampled_from(LABELS), st.integers(0, 5).map(float)))}
        case "grades":
            return {"grades": draw(st.dictionaries(st.sampled_from(LABELS), st.sampled_from(GRADES)))}


@st.composite
def elections(draw, rules=tuple(RULES), most=8):
    rule = decision_rule(draw(st.sampled_from(rules)))
    filled = draw(st.lists(fields(rule.ballot_kind), min_size=1, max_size=most))
    weights = draw(st.lists(st.sampled_from([1.0, 1.0, 1.0, 2.0, 0.5]), min_size=len(filled), max_size=len(filled)))
    return rule, [
        Ballot(seat=f"s{index}", kind=rule.ballot_kind, weight=weight, **field)
        for index, (field, weight) in enumerate(zip(filled, weights, strict=True))
    ]


def renamed(ballot, names):
    return replace(
        ballot,
        choice=names.get(ballot.choice),
        approved=tuple(names[label] for label in ballot.approved),
        ranking=tuple(tuple(names[label] for label in tier) for tier in ballot.ranking),
        scores={names[label]: points for label, points in ballot.scores.items()},
        grades={names[label]: grade for label, grade in ballot.grades.items()},
    )


@law
@given(elections(), st.randoms(use_true_random=False))
def test_the_order_of_ballots_and_the_names_of_voters_do_not_matter(election, random):
    rule, ballots = election
    shuffled = [replace(ballot, seat=f"t{index}") for index, ballot in enumerate(random.sample(ballots, len(ballots)))]
    one, other = rule.count(ballots, OPTIONS), rule.count(shuffled, OPTIONS)
    assert (one.winners, one.ranking, one.support, one.passed) == (other.winners, other.ranking, other.support, other.passed)


@law
@given(elections(), st.permutations(LABELS))
def test_no_option_is_favoured_by_its_label_or_place(election, permuted):
    rule, ballots = election
    names = dict(zip(LABELS, permuted, strict=True))
    tally = rule.count(ballots, OPTIONS)
    other = rule.count([renamed(ballot, names) for ballot in ballots], [Option(label=label, text="") for label in permuted])
    assert {names[label] for label in tally.winners} == set(other.winners)
    assert {names[label]: figure for label, figure in tally.support.items()} == dict(other.support)


@law
@given(elections(most=5))
def test_every_ballot_twice_changes_nothing(election):
    rule, ballots = election
    assert rule.count([*ballots, *ballots], OPTIONS).winners == rule.count(ballots, OPTIONS).winners


@law
@given(elections(most=5))
def test_a_weight_of_two_is_two_ballots(election):
    rule, ballots = election
    split = [replace(ballot, weight=ballot.weight / 2) for ballot in ballots for _ in range(2)]
    assert rule.count(split, OPTIONS).winners == rule.count(ballots, OPTIONS).winners


def raised(ballot, label):
    """The ballot with one option moved up and nothing else changed."""
    match ballot.kind:
        case "choice":
            return replace(ballot, choice=label)
        case "approval":
            return replace(ballot, approved=tuple({*ballot.approved, label}))
        case "ranking":
            rest = tuple(kept for tier in ballot.ranking if (kept := tuple(other for other in tier if other != label)))
            return replace(ballot, ranking=((label,), *rest))
        case "scores":
            return replace(ballot, scores={**ballot.scores, label: 5.0})
        case "grades":
            return replace(ballot, grades={**ballot.grades, label: GRADES[0]})


@law
@given(elections(MONOTONE), st.integers(0, 7))
def test_more_support_never_unseats_a_winner(election, index):
    rule, ballots = election
    winners = rule.count(ballots, OPTIONS).winners
    assume(winners)
    index %= len(ballots)
    # An abstention that begins to vote brings a ballot more into the count; that is another change than raising an option.
    assume(ballots[index] != replace(ballots[index], choice=None, ranking=(), scores={}, grades={}) or rule.ballot_kind == "approval")
    for winner in winners:
        better = [*ballots[:index], raised(ballots[index], winner), *ballots[index + 1 :]]
        assert winner in rule.count(better, OPTIONS).winners


@law
@given(elections(CONDORCET))
def test_who_beats_everybody_is_elected_and_nobody_outside_the_top_set_is(election):
    rule, ballots = election
    winners = rule.count(ballots, OPTIONS).winners
    assume(winners)
    preferring = duels(ballots, LABELS)
    best = condorcet_winner(preferring, LABELS)
    assert not best or winners == (best,)
    assert set(winners) <= set(smith_set(preferring, LABELS))


@law
@given(elections([rule for rule in RULES if rule not in {"approval", "score", "star", "majority-judgment"}]))
def test_what_everybody_puts_first_alone_wins(election):
    rule, ballots = election
    everyone = [raised(ballot, "C") for ballot in ballots]
    assert rule.count(everyone, OPTIONS).winners == ("C",)


@law
@given(elections(["instant-runoff"]))
def test_instant_runoff_elects_a_majoritys_first_choice(election):
    rule, ballots = election
    votes = rule.count(ballots, OPTIONS).support
    over_half = [label for label, figure in votes.items() if figure * 2 > sum(votes.values())]
    assert not over_half or rule.count(ballots, OPTIONS).winners == tuple(over_half)


def majority_value_by_hand(grades):
    """Take the lower middle grade, note it, take it away, and so on."""
    left, value = sorted(grades), []
    while left:
        value.append(left.pop((len(left) - 1) // 2))
    return value


@law
@given(st.lists(st.tuples(st.sampled_from(GRADES), st.sampled_from(GRADES)), min_size=1, max_size=9))
def test_the_majority_value_is_what_taking_middle_grades_away_gives(pairs):
    ballots = [Ballot(seat=f"s{index}", kind="grades", grades={"A": one, "B": other}) for index, (one, other) in enumerate(pairs)]
    shares = {label: grade_shares(ballots, label) for label in "AB"}
    cuts = cuts_of(shares.values())
    ours = {label: majority_value(shares[label], cuts) for label in "AB"}
    points = {label: majority_value_by_hand([-GRADES.index(ballot.grades[label]) for ballot in ballots]) for label in "AB"}
    assert (ours["A"] > ours["B"], ours["A"] == ours["B"]) == (points["A"] > points["B"], points["A"] == points["B"])


@law
@given(elections(), st.integers(0, 99), st.sampled_from([*TIE_BREAKS[:3], "casting(s0)"]), st.floats(0, 1), st.booleans())
def test_a_verdict_accounts_for_every_seat_once(election, seed, tie_break, quorum, exclude):
    rule, ballots = election
    options = [Option(label=label, text=label, author=author) for label, author in zip(LABELS, ["s0", "s1", "", "s9"], strict=True)]
    seats = [*(ballot.seat for ballot in ballots), "s9"]
    verdict = decide(rule, ballots, [], options, seats, seed=seed, tie_break=tie_break, quorum=quorum, exclude_self_votes=exclude)
    assert verdict == decide(rule, ballots, [], options, seats, seed=seed, tie_break=tie_break, quorum=quorum, exclude_self_votes=exclude)
    assert all(ballot.reason and ballot.seat in verdict.missing for ballot in verdict.spoiled)
    if verdict.option:
        assert verdict.tally is not None
        assert verdict.option in verdict.tally.winners
        assert sorted([*verdict.support, *verdict.dissent, *verdict.abstained, *verdict.missing]) == sorted(seats)
        assert bool(verdict.tie_break) == (len(verdict.tally.winners) > 1) == (verdict.status == "tied")
    else:
        assert verdict.status in {"tied", "not decided", "no ballot"}
        assert verdict.tie_break or verdict.notes


@law
@given(elections([rule for rule in RULES if rule not in {"plurality", "majority", "supermajority(2/3)"}]))
def test_what_a_seat_says_of_its_own_statement_has_no_effect(election):
    rule, ballots = election
    options = [Option(label=label, text=label, author="s0" if label == "A" else "") for label in LABELS]
    seats = [ballot.seat for ballot in ballots] + ["s9"]
    others_named = any(
        label != "A" for label in (*ballots[0].approved, *sum(ballots[0].ranking, ()), *ballots[0].scores, *ballots[0].grades)
    )
    assume(others_named)
    praising = [raised(ballots[0], "A"), *ballots[1:]]
    one, other = (decide(rule, cast, [], options, seats).tally for cast in (ballots, praising))
    assert one == other


@law
@given(elections(["score", "majority-judgment", "schulze"]))
def test_recounting_gives_the_declared_rules_own_count_back(election):
    rule, ballots = election
    tallies = count_under_all(ballots, OPTIONS)
    assert rule.count(ballots, OPTIONS) in tallies
    comparison = compare(tallies, ballots, OPTIONS)
    passed = {tally.winners for tally in tallies if tally.passed}
    assert comparison.agree == (len(passed) <= 1)
    assert not (comparison.condorcet_winner and comparison.cycle)


@pytest.mark.parametrize("rule", RULES)
def test_one_option_and_one_ballot_are_enough_for_every_rule(rule):
    declared = decision_rule(rule)
    ballot = raised(Ballot(seat="Ada", kind=declared.ballot_kind), "A")
    tally = declared.count([ballot], given_options(["only"]))
    assert (tally.winners, tally.passed, tally.counted) == (("A",), True, 1)
    assert not declared.count([], given_options(["only"])).passed


@pytest.mark.parametrize("rule", ["instant-runoff", "plurality"])
def test_rules_that_are_not_condorcet_consistent_are_seen_to_fail(rule):
    """The laws above can fail: these rules pass over the option that beats every other."""
    orders = [("A", "B", "C")] * 4 + [("C", "B", "A")] * 3 + [("B", "C", "A")] * 2
    ballots = [Ballot(seat=f"s{index}", kind="ranking", ranking=tuple((label,) for label in order)) for index, order in enumerate(orders)]
    tally = next(tally for tally in count_under_all(ballots, OPTIONS[:3]) if tally.rule == rule)
    assert condorcet_winner(duels(ballots, "ABC"), "ABC") == "B"
    assert tally.winners != ("B",)
