"""Statements are scored beside the deliberation: every one, once, and never in its way; a judge may read some of them again."""

import asyncio
import json

import pytest

from mallku.detectors import Panel
from mallku.dialogue.participant import ParticipantFacts
from mallku.dialogue.response import Response, Timings, Usage
from mallku.dialogue.score import Evidence, Score
from mallku.errors import EndpointUnreachable
from mallku.events.kinds import DeliberationEnded, TurnScored
from mallku.firecircle import DecisionPlan, FireCircle, Plan, RoundPlan
from mallku.firecircle.minutes import take_minutes, to_markdown
from mallku.journal import MemoryJournal
from mallku.meters import Meter
from mallku.testing import EventRecorder, ScriptedParticipant

PLAN = Plan(rounds=(RoundPlan(kind="opening"), RoundPlan(kind="reflection", order="round-robin")), decision=DecisionPlan(rule="none"))
LONG = "We keep the keys of our own archive, and the assembly decides who reads it. " + "That has been our way for many years now. " * 16


class Slow:
    """A detector whose preparation takes as long as the test wants."""

    dimension = "slow"

    def __init__(self):
        self.gate, self.judged = asyncio.Event(), []

    async def prepare(self, turn):
        await self.gate.wait()

    async def close(self):
        pass

    def judge(self, turn):
        self.judged.append(turn.statement.turn)
        return Score(dimension="slow", value=0.5, raw=0.5, evidence=(Evidence(label="x", contribution=0.5),), detector="slow/1")


def circle(*, plan=PLAN, texts=("We decide.", "They decide."), **settings):
    made = FireCircle(**{"journal": ":memory:", "seed": 3, "plan": plan, **settings})
    for name, text in zip(("Ada", "Ben"), texts, strict=True):
        made.add_participant(ScriptedParticipant([text]), name=name)
    return made


async def test_a_panel_that_takes_its_time_delays_no_turn_and_all_scores_come_before_the_end():
    slow, heard = Slow(), EventRecorder()
    made = circle(panel=Panel([slow]))
    made.bus.subscribe(heard)
    run = asyncio.create_task(made.deliberate("Who decides?"))
    for _ in range(200):
        await asyncio.sleep(0.01)
        said = [event.turn for event in heard.events if event.kind == "statement_made"]
        if len(said) == 4:
            break
    assert len(said) == 4
    assert slow.judged == []
    slow.gate.set()
    result = await run
    kinds = [type(event) for event in result.events]
    assert max(place for place, kind in enumerate(kinds) if kind is TurnScored) < kinds.index(DeliberationEnded)
    assert sorted(slow.judged) == sorted(said) == sorted(result.scores)


async def test_scores_that_an_interruption_kept_back_are_made_on_resume_and_none_twice():
    journal, slow, heard = MemoryJournal(), Slow(), EventRecorder()
    made = circle(panel=Panel([slow]), journal=journal)
    made.bus.subscribe(heard)
    run = asyncio.create_task(made.deliberate("Who decides?"))
    for _ in range(500):
        await asyncio.sleep(0.01)
        if len([event for event in heard.events if event.kind == "statement_made"]) == 4:
            break
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert slow.judged == []
    again = Slow()
    again.gate.set()
    result = await circle(panel=Panel([again]), journal=journal).resume(heard.events[-1].deliberation)
    scored = [event.turn for event in result.events if isinstance(event, TurnScored)]
    assert len(scored) == len(set(scored)) == 4


def judge(reply, **facts):
    return ScriptedParticipant(reply, facts=ParticipantFacts(model="judge", weights="other", **facts))


def verdict(**changes):
    stance = {"addresses_control": True, "stance": -1.0, "reciprocity": 0.5, "quotes": ["our own archive"]}
    return Response(text=json.dumps(stance | changes), usage=Usage(prompt_tokens=50, completion_tokens=20), timings=Timings(total_s=1.0))


async def test_a_judge_reads_what_is_long_and_its_cost_is_told():
    reader = judge(lambda _prompt, _settings: verdict())
    result = await circle(texts=(LONG, "They decide."), judge=reader).deliberate("Who decides?")
    asked = [event for event in result.events if isinstance(event, TurnScored) and "it is long" in event.judge]
    assert asked
    assert all("its verdict counts" in event.judge for event in asked)
    moved = next(one for one in asked[0].scores if one.dimension == "sovereignty")
    assert 4 in moved.tiers
    assert any(one.text == "our own archive" for one in moved.evidence)
    minutes = take_minutes(result.events)
    assert minutes.spending["the judge"].prompt_tokens.value == 50 * len(reader.prompts)
    assert 4 in minutes.scores[""]["sovereignty"].tiers
    assert "sovereignty 1" in to_markdown(minutes)


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ("I like it very much.", "void"),
        (verdict(quotes=["what nobody said"]), "void"),
        (EndpointUnreachable("It is gone."), "could not be asked"),
    ],
)
async def test_a_judge_that_fails_or_makes_things_up_changes_nothing(reply, told):
    plain = await circle(texts=(LONG, "They decide.")).deliberate("Who decides?")
    result = await circle(texts=(LONG, "They decide."), judge=judge(lambda _prompt, _settings: reply)).deliberate("Who decides?")
    assert result.status == "complete"
    assert result.scores == plain.scores
    assert any(told in event.judge for event in result.events if isinstance(event, TurnScored))


async def test_the_model_that_wrote_a_statement_does_not_judge_it():
    same = ParticipantFacts(model="one", weights="same")
    made = FireCircle(journal=":memory:", seed=3, plan=PLAN, judge=ScriptedParticipant([verdict()], facts=same))
    made.add_participant(ScriptedParticipant([LONG], facts=same), name="Ada")
    result = await made.deliberate("Who decides?")
    assert all(4 not in score.tiers for scores in result.scores.values() for score in scores)


class Counter:
    """Counts ten joules at every reading."""

    source, name = "rapl", "by hand"

    def __init__(self):
        self.read = 0

    def joules(self):
        self.read += 1
        return 10.0 * self.read

    def uncertainty(self, seconds):
        return 0.05

    def close(self):
        pass


async def test_joules_reach_statements_minutes_and_the_budget():
    meter = Meter([Counter()])
    meter.idle_watts["rapl"] = 0.0
    plan = Plan(rounds=(RoundPlan(kind="opening"),) * 5, decision=DecisionPlan(rule="none"), endings=("budget(joules=60)",))
    result = await circle(plan=plan, meter=meter).deliberate("Who decides?")
    assert all(statement.timings.energy_j > 0 for statement in result.statements)
    assert result.reason.startswith("budget:")
    assert "joules are used" in result.reason
    assert len({statement.round_index for statement in result.statements}) < 5
    assert take_minutes(result.events).spending[""].joules.value >= 60


async def test_words_made_elsewhere_have_unknown_energy():
    meter = Meter([Counter()])
    meter.idle_watts["rapl"] = 0.0
    made = FireCircle(journal=":memory:", seed=3, plan=PLAN, meter=meter)
    made.add_participant(ScriptedParticipant(["We decide."], facts=ParticipantFacts(model="far", location="private")), name="Ada")
    made.add_participant(ScriptedParticipant(["They decide."], facts=ParticipantFacts(model="near", location="loopback")), name="Ben")
    result = await made.deliberate("Who decides?")
    assert {statement.seat: statement.timings.energy_j is None for statement in result.statements} == {"Ada": True, "Ben": False}
