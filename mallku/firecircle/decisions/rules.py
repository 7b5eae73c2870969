"""The rules by name."""

import difflib
import re
from fractions import Fraction
from typing import Final

from mallku.errors import ConfigurationError
from mallku.firecircle.decisions.approval import count_approval
from mallku.firecircle.decisions.borda import count_borda
from mallku.firecircle.decisions.consensus import consensus
from mallku.firecircle.decisions.instant_runoff import count_instant_runoff
from mallku.firecircle.decisions.judge import judge
from mallku.firecircle.decisions.majority import count_majority
from mallku.firecircle.decisions.majority_judgment import count_majority_judgment
from mallku.firecircle.decisions.plurality import count_plurality
from mallku.firecircle.decisions.ranked_pairs import count_ranked_pairs
from mallku.firecircle.decisions.rule import DecisionRule
from mallku.firecircle.decisions.schulze import count_schulze
from mallku.firecircle.decisions.score import count_score
from mallku.firecircle.decisions.star import count_star
from mallku.firecircle.decisions.supermajority import read_threshold, supermajority

PLAIN_RULES: Final = (
    DecisionRule(name="plurality", ballot_kind="choice", counter=count_plurality),
    DecisionRule(name="majority", ballot_kind="choice", counter=count_majority),
    DecisionRule(name="approval", ballot_kind="approval", counter=count_approval),
    DecisionRule(name="score", ballot_kind="scores", counter=count_score),
    DecisionRule(name="star", ballot_kind="scores", counter=count_star),
    DecisionRule(name="borda", ballot_kind="ranking", counter=count_borda),
    DecisionRule(name="instant-runoff", ballot_kind="ranking", counter=count_instant_runoff),
    DecisionRule(name="ranked-pairs", ballot_kind="ranking", counter=count_ranked_pairs),
    DecisionRule(name="schulze", ballot_kind="ranking", counter=count_schulze),
    DecisionRule(name="majority-judgment", ballot_kind="grades", counter=count_majority_judgment),
)
"""Rules without an argument."""

RULE_NAMES: Final = (*(rule.name for rule in PLAIN_RULES), "supermajority(2/3)", "consensus", "consensus(majority)", "judge(SEAT)")
"""Names that `decision_rule` knows. The threshold, the fallback (`majority` or a share) and the seat stand in parentheses."""

_FORM: Final = re.compile(r"\s*([A-Za-z_ -]+?)\s*(?:\(\s*(.*?)\s*\))?\s*")


def decision_rule(name: str) -> DecisionRule:
    """Return the rule with this name, such as `plurality`, `supermajority(3/4)`, `consensus(majority)` or `judge(Ada)`.

    The name of the rule returned is the whole declaration: `decision_rule(rule.name)` gives the same rule again.
    """
    form = _FORM.fullmatch(name)
    word = re.sub(r"[ _]", "-", form[1].lower()) if form else name
    argument = form[2] if form else None
    match word, argument:
        case "supermajority", _:
            return supermajority(*([] if argument is None else [read_threshold(argument)]))
        case "consensus", None | "" | "none":
            return consensus()
        case "consensus", "majority":
            return consensus(Fraction(1, 2), "consensus(majority)")
        case "consensus", str():
            fallback = read_threshold(argument)
            return consensus(fallback, f"consensus({fallback})")
        case "judge", str() if argument:
            return judge(argument)
        case _, None:
            for rule in PLAIN_RULES:
                if rule.name == word:
                    return rule
    near = difflib.get_close_matches(word, RULE_NAMES, n=1)
    meant = f"Did you mean {near[0]!r}? " if near else ""
    raise ConfigurationError(f"There is no decision rule {name!r}.", hint=f"{meant}The rules are {', '.join(RULE_NAMES)}.")
