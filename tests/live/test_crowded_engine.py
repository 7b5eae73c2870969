"""Circles on one engine: many at once, and one whose engine is killed again and again."""

import asyncio
import contextlib
import gc
import random
import threading
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from mallku.dialogue.prompt import GenerationSettings
from mallku.engine import EnginePool, EngineResult, EngineSettings, Sampling, load_engine, whole_result
from mallku.events import kinds
from mallku.firecircle import DecisionPlan, FireCircle, Plan, RoundPlan
from mallku.firecircle.adapters.in_process import InProcessParticipant
from mallku.firecircle.plan import FailurePolicy
from mallku.testing import EventRecorder
from mallku.tiny import rehearsal_model_path

pytest.importorskip("llama_cpp")
pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

GREEDY = GenerationSettings(temperature=0)
QUESTIONS = ("Should the village share its weather data?", "Should the school keep a garden?")


NEAR = 0.1
"""Where two tokens are as close as this, rounding may choose: llama.cpp adds in another order for another batch."""


class Overheard:
    """A pool of one engine that remembers what was asked and answered."""

    def __init__(self, engine):
        self.engine, self.facts, self.count_tokens = engine, engine.facts, engine.count_tokens
        self.answers = []

    async def acquire(self, *_):
        return self

    async def release(self, _):
        pass

    async def generate(self, request):
        async for part in self.engine.generate(request):
            if isinstance(part, EngineResult):
                self.answers.append((replace(request, sampling=Sampling(temperature=0)), part))
            yield part


def circle(pool, settings, seats, rounds, **more):
    plan = Plan(
        name="short",
        rounds=tuple(RoundPlan(kind=kind, max_tokens=24) for kind in rounds),
        decision=DecisionPlan(rule="plurality"),
        **more,
    )
    made = FireCircle(plan=plan, journal=":memory:", seed=3)
    for _ in range(seats):
        made.add_participant(InProcessParticipant(settings, pool), settings=GREEDY)
    return made


async def held(pool, settings, question, **more):
    async with circle(pool, settings, **more) as made:
        result = await made.deliberate(question, options=["yes", "no"])
    assert result.status == "complete"
    return [(statement.seat, statement.text) for statement in result.state.transcript.statements]


async def parted_where_rounding_chose(engine, request, one, other):
    """Whether two answers to one request differ from a token on that was hardly likelier than the next best."""
    place = next(at for at, tokens in enumerate(zip(one.tokens, other.tokens, strict=False)) if tokens[0] != tokens[1])
    again = await whole_result(engine, replace(request, logprobs=2))
    best, second = again.logprobs[place].alternatives
    return again.tokens[:place] == one.tokens[:place] and best.logprob - second.logprob < NEAR


@pytest.mark.parametrize(
    ("crowd", "job"),
    [
        (4, {"seats": 2, "rounds": ("opening",)}),
        pytest.param(30, {"seats": 3, "rounds": ("opening", "exploration")}, marks=pytest.mark.slow),
    ],
)
async def test_circles_at_once_on_one_engine_say_what_they_would_say_alone(crowd, job):
    settings = EngineSettings(model_path=rehearsal_model_path(), context_length=2048, threads=1)
    engine = await load_engine(settings)
    alone, together = Overheard(engine), Overheard(engine)
    for question in QUESTIONS:
        await held(alone, settings, question, **job)
    known = {str(request): result for request, result in alone.answers}
    await asyncio.gather(*(held(together, settings, QUESTIONS[number % len(QUESTIONS)], **job) for number in range(crowd)))
    statistics = await engine.statistics()
    compared = [(request, known[str(request)], result) for request, result in together.answers if str(request) in known]
    parted = [each for each in compared if each[1].tokens != each[2].tokens]
    chosen_by_rounding = [await parted_where_rounding_chose(engine, *each) for each in parted]
    await engine.close()

    assert len(together.answers) * len(QUESTIONS) == len(alone.answers) * crowd
    assert len(compared) > len(together.answers) / 2
    assert len(parted) < len(compared) / 5
    assert all(chosen_by_rounding)
    assert statistics.cells_active == 0
    assert 0 < statistics.cells_used <= engine.facts.cells


def children():
    found = []
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            found += [child] if "mallku.engine.child" in child.cmdline() else []
    return found


def descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


async def killer(seed, most, pause):
    """Kill the engine's process at random moments; return how often."""
    random_moment, kills = random.Random(seed), 0
    while kills < most:
        await asyncio.sleep(random_moment.uniform(*pause))
        for child in children():
            child.kill()
            kills += 1
    return kills


@pytest.mark.parametrize(("seed", "most", "pause"), [(1, 4, (0.05, 0.6)), pytest.param(2, 30, (1.0, 5.0), marks=pytest.mark.slow)])
async def test_a_circle_outlives_its_engine_however_often_that_is_killed(seed, most, pause):
    settings = EngineSettings(model_path=rehearsal_model_path(), context_length=2048, threads=1, isolate=True)
    job = {"seats": 2, "rounds": ("opening", "exploration")}
    policy = FailurePolicy(strategy="wait-and-retry", backoff_s=0.01, patience_s=500)
    open_files, threads = descriptors(), threading.active_count()
    pool, heard, said = EnginePool(), EventRecorder(), []
    await pool.acquire(settings)
    expected = await held(pool, settings, QUESTIONS[0], **job)
    killing = asyncio.create_task(killer(seed, most, pause))
    while not killing.done():
        async with circle(pool, settings, **job, failure=policy) as made:
            made.bus.subscribe(heard, kinds.TurnFailed)
            result = await made.deliberate(QUESTIONS[0], options=["yes", "no"])
        said.append([(statement.seat, statement.text) for statement in result.state.transcript.statements])
        assert result.status == "complete"
    await pool.close()

    assert await killing >= most
    assert heard.events
    assert all(failure.will_retry and failure.error == "EngineCrashed" for failure in heard.events)
    assert said == [expected] * len(said)
    gc.collect()
    assert children() == []
    assert descriptors() <= open_files
    assert threading.active_count() <= threads
