"""The rules by name."""

from typing import Final

from mallku.errors import ConfigurationError
from mallku.firecircle.decisions.majority import count_majority
from mallku.firecircle.decisions.plurality import count_plurality
from mallku.firecircle.decisions.rule import DecisionRule

_PLAIN: Final = (
    DecisionRule(name="plurality", ballot_kind="choice", counter=count_plurality),
    DecisionRule(name="majority", ballot_kind="choice", counter=count_majority),
)

RULE_NAMES: Final = tuple(sorted(rule.name for rule in _PLAIN))
"""Names that `decision_rule` knows."""


def decision_rule(name: str) -> DecisionRule:
    """Return the rule with this name."""
    for rule in _PLAIN:
        if rule.name == name.strip().lower():
            return rule
    raise ConfigurationError(f"There is no decision rule {name!r}.", hint=f"Use one of {', '.join(RULE_NAMES)}.")
