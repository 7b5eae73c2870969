"""Who speaks, when, and how it is decided."""

from mallku.firecircle.circle import FireCircle
from mallku.firecircle.control import Control
from mallku.firecircle.deliberation import Deliberation
from mallku.firecircle.persona import DEFAULT_PERSONAS, Persona
from mallku.firecircle.plan import DecisionPlan, FailurePolicy, Plan, RoundPlan, default_plan
from mallku.firecircle.plan_data import plan_from_data, plan_to_data
from mallku.firecircle.state import DeliberationState, fold

__all__ = [
    "DEFAULT_PERSONAS",
    "Control",
    "DecisionPlan",
    "Deliberation",
    "DeliberationState",
    "FailurePolicy",
    "FireCircle",
    "Persona",
    "Plan",
    "RoundPlan",
    "default_plan",
    "fold",
    "plan_from_data",
    "plan_to_data",
]
