"""An engine in a child process keeps the interface, and outlives its child."""

import asyncio
import os
import signal

import pytest

from mallku.dialogue.message import Message
from mallku.engine import EngineRequest, EngineResult, EngineSettings, Sampling, load_engine, whole_result
from mallku.errors import ContextOverflow, EngineCrashed, ModelFileMissing, RequestRefused

GREEDY = Sampling(temperature=0)
CHAT = (Message(role="user", content="Should the garden have a 💧 well?"),)


@pytest.fixture
async def engine(models):
    loaded = await load_engine(EngineSettings(model_path=models["qwen2"], context_length=1200, threads=1, isolate=True))
    yield loaded
    await loaded.close()


async def test_it_answers_as_the_engine_in_this_process_does(engine, models):
    here = await load_engine(EngineSettings(model_path=models["qwen2"], context_length=1200, threads=1))
    request = EngineRequest(messages=CHAT, max_tokens=20, sampling=GREEDY, logprobs=2)
    away, near = [[part async for part in one.generate(request)] for one in (engine, here)]

    assert [type(part) for part in away] == [type(part) for part in near]
    assert (away[-1].text, away[-1].tokens, away[-1].logprobs) == (near[-1].text, near[-1].tokens, near[-1].logprobs)
    assert engine.facts == here.facts
    assert await engine.count_tokens(CHAT) == await here.count_tokens(CHAT) == away[-1].prompt_tokens
    assert await engine.tokenize("water") == await here.tokenize("water")
    assert await engine.detokenize(await engine.tokenize("well 💧")) == "well 💧"
    await here.close()


async def test_errors_cross_the_border_with_their_facts(engine):
    with pytest.raises(ContextOverflow) as overflow:
        await whole_result(engine, EngineRequest(messages=CHAT, max_tokens=5000))
    with pytest.raises(RequestRefused, match="embed"):
        await engine.embed(["water"])

    assert overflow.value.window == 1200


async def test_killing_the_child_fails_the_turn_and_the_next_one_works(engine):
    request = EngineRequest(messages=CHAT, max_tokens=1000, sampling=GREEDY)
    turns = [asyncio.ensure_future(whole_result(engine, request)) for _ in range(3)]
    async for _ in (stream := engine.generate(request)):
        os.kill(engine.process_id, signal.SIGKILL)
        break
    await stream.aclose()

    for turn in turns:
        with pytest.raises(EngineCrashed, match="SIGKILL") as crash:
            await turn
        assert crash.value.retryable
    short = await whole_result(engine, EngineRequest(messages=CHAT, max_tokens=5, sampling=GREEDY))
    assert short.completion_tokens == 5


async def test_leaving_the_stream_stops_the_child_s_work(engine):
    async for part in (stream := engine.generate(EngineRequest(messages=CHAT, max_tokens=1000, sampling=GREEDY))):
        assert not isinstance(part, EngineResult)
        break
    await stream.aclose()
    await whole_result(engine, EngineRequest(messages=CHAT, max_tokens=2, sampling=GREEDY))

    assert (await engine.statistics()).cells_active == 0
    assert (await engine.statistics()).generated_tokens < 1000


async def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ModelFileMissing, match="nothing"):
        await load_engine(EngineSettings(model_path=tmp_path / "nothing.gguf", isolate=True))
