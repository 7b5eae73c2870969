"""A deliberation in which much happens, run by a circle of scripted seats."""

import asyncio
import sys
from pathlib import Path

import pytest

from mallku.firecircle import DecisionPlan, FailurePolicy, FireCircle, Plan, RoundPlan

sys.path.append(str(Path(__file__).parents[2] / "support"))

from scripted_seats import out_of_reach, seated


@pytest.fixture(scope="session")
def rich():
    """Three seats and a fourth that fails: a changed mind, a dissent, a spoiled ballot, a question left open, a lost turn."""
    plan = Plan(
        rounds=(RoundPlan(kind="opening", visibility="sealed"), RoundPlan(kind="reflection", title="exchange", order="round-robin")),
        decision=DecisionPlan(rule="majority"),
        failure=FailurePolicy(attempts=1, backoff_s=0.0, failed_turns=9),
    )
    circle = FireCircle(plan=plan, journal=":memory:", seed=5)
    circle.add_participant(seated(["The well belongs to all.", "A rota is fair. Who keeps it?"], "AA"), name="Ada")
    circle.add_participant(
        seated(["Who digs deeper pays.", "A rota never lasts.", "I cannot vouch for a rota."], "BB", reason="Meters work."), name="Ben"
    )
    circle.add_participant(seated(["I would wait.", "Ada is right: a rota costs nothing."], "BA", weights="w2", model="other"), name="Cleo")
    circle.add_participant(seated([out_of_reach, "Back again."], ["", "", "", ""], location="loopback", address="127.0.0.1"), name="Dov")
    return asyncio.run(circle.deliberate("How should the valley share its well?", context="A dry summer.", options=["A rota", "Meters"]))
