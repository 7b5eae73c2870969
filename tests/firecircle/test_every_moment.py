"""A record that breaks off after any of its events is taken up and ends as if nothing had happened, in every kind of step."""

import hashlib
import json
from dataclasses import replace

import pytest

from mallku.firecircle import DecisionPlan, FireCircle, Plan, RoundPlan
from mallku.journal.memory import MemoryJournal
from mallku.testing import ScriptedParticipant, first_choice

NAMES = ("Ada", "Ben", "Cho")
QUESTION = "Should the village share its weather data?"
OPENING = RoundPlan(kind="opening", visibility="sealed")
FLOORS = (
    OPENING,
    RoundPlan(kind="exploration", order="bidding", turns=3, masked=True),
    RoundPlan(kind="clarification", only_if="divergence"),
    RoundPlan(kind="reflection", order="talking-stick", turns=4),
    RoundPlan(kind="critique", order="facilitator(Ben)", turns=3),
    RoundPlan(kind="synthesis", visibility="previous-rounds"),
)


def drawn(prompt, settings):
    """Answer by nothing but prompt and seed, forms too."""
    mark = hashlib.sha256(f"{prompt.user}{settings.seed}".encode()).hexdigest()[:8]
    if settings.schema is None:
        return f"{prompt.seat} says {mark} because we decide about our weather data."
    properties = settings.schema["properties"]
    place = int(mark, 16)
    for name, choices in (("choice", None), ("next", None), ("position", ["consent", "reservations", "block"])):
        if name in properties:
            among = choices or properties[name]["enum"]
            return json.dumps({"reason": f"I go by {mark}.", name: among[place % len(among)]})
    if "bid" in properties:
        return json.dumps({"reason": mark, "bid": 1 + place % 5})
    return first_choice(settings)


PROCEDURES = {
    "floors, polls, control, dissent, summary": Plan(
        rounds=FLOORS,
        decision=DecisionPlan(rule="plurality", polls=True, control_ballot=True),
        endings=("agreement",),
        summary_by="Cho",
    ),
    "selection and consensus with a fallback": Plan(
        rounds=(OPENING, RoundPlan(kind="reflection")),
        decision=DecisionPlan(rule="consensus(majority)", selection_rule="plurality"),
    ),
    "ranked drafts": Plan(
        rounds=(OPENING, RoundPlan(kind="proposal", ranked=True, masked=True), RoundPlan(kind="critique", masked=True), FLOORS[-1]),
        decision=DecisionPlan(rule="borda"),
    ),
    "rounds that end early": Plan(
        rounds=(OPENING, RoundPlan(kind="reflection", order="least-heard"), RoundPlan(kind="vision"), RoundPlan(kind="synthesis")),
        decision=DecisionPlan(rule="approval", polls=True),
        endings=("budget(tokens=900)",),
    ),
}

OPTIONS = {"ranked drafts": []}


def circle(plan, journal):
    made = FireCircle(plan=plan, journal=journal, seed=11)
    for name in NAMES:
        made.add_participant(ScriptedParticipant(drawn), name=name)
    return made


def told(result):
    """Return what a reader would notice if it were different."""
    state = result.state
    return {
        "statements": [(said.turn, said.text) for said in result.statements],
        "floor": state.floor_answers,
        "ballots": {stage: (record.opened.options, record.cast, record.counted.verdict) for stage, record in state.ballots.items()},
        "changes": [(change.seat, change.before, change.after) for change in state.changes],
        "dissent": state.dissent,
        "summary": state.summary and state.summary.text,
        "end": (result.status, result.reason),
    }


@pytest.mark.parametrize("name", PROCEDURES)
async def test_a_record_that_breaks_off_anywhere_is_finished_as_if_nothing_had_happened(name):
    plan = PROCEDURES[name]
    options = OPTIONS.get(name, ["share all", "share some", "share none"])
    whole = await circle(plan, MemoryJournal()).deliberate(QUESTION, options=options)
    expected = told(whole)
    kept = [event for event in whole.events if event.kind != "turn_scored"]

    assert whole.status == "complete"
    for length in range(1, len(kept)):
        journal = MemoryJournal()
        await journal.append([replace(event, seq=seq) for seq, event in enumerate(kept[:length], start=1)])
        resumed = await circle(plan, journal).resume(whole.id)

        assert told(resumed) == expected, (length, kept[length - 1])
