"""How it is decided: ballots in, a verdict out. Everything here is pure."""

from mallku.firecircle.decisions.decide import decide
from mallku.firecircle.decisions.eligibility import valid_ballots
from mallku.firecircle.decisions.quorum import ballots_needed
from mallku.firecircle.decisions.recount import Comparison, compare, count_under_all
from mallku.firecircle.decisions.rule import DecisionRule
from mallku.firecircle.decisions.rules import RULE_NAMES, decision_rule
from mallku.firecircle.decisions.secrecy import shown_ballots, shown_verdict
from mallku.firecircle.decisions.ties import TIE_BREAKS, check_tie_break

__all__ = [
    "RULE_NAMES",
    "TIE_BREAKS",
    "Comparison",
    "DecisionRule",
    "ballots_needed",
    "check_tie_break",
    "compare",
    "count_under_all",
    "decide",
    "decision_rule",
    "shown_ballots",
    "shown_verdict",
    "valid_ballots",
]
