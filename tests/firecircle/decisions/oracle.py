"""Winners by `pref_voting` (Holliday and Pacuit), an independent implementation, for the same ballots.

`python -m tests.firecircle.decisions.oracle` writes its answers to `oracle_answers.json`, so that they are held against ours
wherever the tests run; with `pref_voting` installed (778 MB with all it brings, hence not a test dependency) it is also asked afresh.
"""

import json
from pathlib import Path

from mallku.dialogue.ballot_form import GRADES
from tests.firecircle.decisions.random_profiles import PROFILES

ANSWERS = Path(__file__).with_name("oracle_answers.json")
SEEDS = 1000

RULES = {
    "plurality": "choice",
    "approval": "approval",
    "score": "scores",
    "star": "scores",
    "borda": "ranking",
    "instant-runoff": "ranking",
    "ranked-pairs": "ranking",
    "schulze": "ranking",
    "condorcet": "ranking",
    "smith": "ranking",
    "majority-judgment": "grades",
}
"""Rules asked, each with its kind of ballot."""


def ask(rule, options, ballots):
    """Return the winners as one text, such as `AC`; None where the oracle has no answer."""
    labels = [option.label for option in options]
    ask_kind = _ask_ranked if RULES[rule] in {"choice", "ranking"} else _ask_graded
    winners = ask_kind(rule, labels, ballots)
    return None if winners is None else "".join(sorted(labels[int(winner)] for winner in winners))


def _ask_ranked(rule, labels, ballots):
    from pref_voting.c1_methods import top_cycle
    from pref_voting.iterative_methods import split_irv_put
    from pref_voting.margin_based_methods import beat_path, ranked_pairs, ranked_pairs_with_test
    from pref_voting.profiles_with_ties import ProfileWithTies
    from pref_voting.scoring_methods import borda_for_profile_with_ties, plurality

    rankings = [{labels.index(label): place for place, tier in enumerate(_tiers(ballot), 1) for label in tier} for ballot in ballots]
    profile = ProfileWithTies(rankings, candidates=list(range(len(labels))))
    profile.use_extended_strict_preference()
    match rule:
        case "plurality":
            return plurality(profile)
        case "borda":
            return borda_for_profile_with_ties(profile)
        case "instant-runoff":
            return split_irv_put(profile)
        case "ranked-pairs":
            winners = ranked_pairs_with_test(profile)
            return ranked_pairs(profile, algorithm="from_stacks") if winners is None else winners
        case "schulze":
            return beat_path(profile)
        case "condorcet":
            winner = profile.condorcet_winner()
            return [] if winner is None else [winner]
        case "smith":
            return top_cycle(profile)


def _tiers(ballot):
    return ((ballot.choice,),) if ballot.kind == "choice" else ballot.ranking


def _ask_graded(rule, labels, ballots):
    from pref_voting.grade_methods import approval, majority_judgement, score_voting, star
    from pref_voting.grade_profiles import GradeProfile

    def grade(ballot, label):
        match rule:
            case "approval":
                return int(label in ballot.approved)
            case "majority-judgment":
                return len(GRADES) - 1 - GRADES.index(ballot.grades[label])
            case _:
                return int(ballot.scores.get(label, 0))

    grades = [0, 1] if rule == "approval" else [0, 1, 2, 3, 4, 5]
    profile = GradeProfile(
        [{index: grade(ballot, label) for index, label in enumerate(labels)} for ballot in ballots],
        grades,
        candidates=list(range(len(labels))),
    )
    methods = {"approval": approval, "majority-judgment": majority_judgement, "score": score_voting, "star": star}
    return methods[rule](profile)


def record():
    """Ask about every profile and write the answers, one text a rule, comma-separated by seed; `-` where there is no answer."""
    answers = {}
    for rule, kind in RULES.items():
        found = [ask(rule, *PROFILES[kind](seed)) for seed in range(SEEDS)]
        answers[rule] = ",".join("-" if winners is None else winners for winners in found)
    ANSWERS.write_text(json.dumps(answers, indent=0) + "\n", encoding="utf-8")


if __name__ == "__main__":
    record()
