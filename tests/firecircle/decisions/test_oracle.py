"""Our counts agree with an independent implementation on thousands of random profiles, ties and short ballots among them."""

import json

import pytest

from mallku.firecircle.decisions import decision_rule
from mallku.firecircle.decisions.pairwise import condorcet_winner, duels, smith_set
from tests.firecircle.decisions.oracle import ANSWERS, RULES, SEEDS, ask
from tests.firecircle.decisions.random_profiles import PROFILES


def ours(rule, options, ballots):
    labels = [option.label for option in options]
    match rule:
        case "condorcet":
            return condorcet_winner(duels(ballots, labels), labels)
        case "smith":
            return "".join(smith_set(duels(ballots, labels), labels))
        case _:
            return "".join(decision_rule(rule).count(ballots, options).winners)


def agrees(rule, own, theirs):
    if rule == "majority-judgment":
        # The oracle compares the middle grade and the shares on both sides of it; the majority value goes on from there.
        return bool(own) and set(own) <= set(theirs)
    # Where nobody got a point, the oracle calls all options tied and we say that none won.
    return own == theirs or (not own and rule in {"approval", "score", "star"})


@pytest.mark.parametrize("rule", RULES)
def test_counts_agree_with_the_recorded_answers_of_the_oracle(rule):
    answers = json.loads(ANSWERS.read_text(encoding="utf-8"))[rule].split(",")
    counted = {seed: ours(rule, *PROFILES[RULES[rule]](seed)) for seed in range(SEEDS)}
    assert len(answers) == SEEDS
    assert [seed for seed, own in counted.items() if not agrees(rule, own, answers[seed])] == []
    tied = sum(len(winners) > 1 for winners in counted.values())
    assert rule == "condorcet" or tied > SEEDS // 50, "the profiles must hold ties to be worth comparing"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("rule", RULES)
def test_counts_agree_with_the_oracle_asked_afresh(rule):
    pytest.importorskip("pref_voting.profiles_with_ties", reason="the oracle is not installed; its recorded answers were compared")
    for seed in range(SEEDS, SEEDS + 100):
        options, ballots = PROFILES[RULES[rule]](seed)
        assert agrees(rule, ours(rule, options, ballots), ask(rule, options, ballots)), seed
