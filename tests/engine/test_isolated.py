"""An engine in a child process keeps the interface, and outlives its child."""

import asyncio
import os
import signal
import sys

import psutil
import pytest

from mallku.dialogue.message import Message
from mallku.engine import EngineRequest, EngineResult, EngineSettings, Sampling, load_engine, whole_result
from mallku.engine.frames import to_line
from mallku.errors import ContextOverflow, EngineCrashed, ModelFileMissing, RequestRefused

GREEDY = Sampling(temperature=0)
CHAT = (Message(role="user", content="Should the garden have a 💧 well?"),)


def children():
    """Child processes of this one; servers of other tests may be among them."""
    return {child.pid for child in psutil.Process().children()}


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


@pytest.mark.parametrize("last_words", ['{"id": 1, "pie', "no answer at all\\n"])
async def test_a_child_that_dies_in_the_middle_of_a_word_is_a_failure_and_no_wait_without_end(tmp_path, monkeypatch, models, last_words):
    here = await load_engine(EngineSettings(model_path=models["qwen2"], context_length=256, threads=1))
    facts = to_line({"id": 0, "value": here.facts}).decode()
    await here.close()
    child = tmp_path / "child"
    child.write_text(f"#!/bin/sh\nread order\ncat <<'E'\n{facts}E\nread order\nprintf '{last_words}'\n")
    child.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(child))
    engine = await load_engine(EngineSettings(model_path=models["qwen2"], isolate=True))

    async with asyncio.timeout(20):
        with pytest.raises(EngineCrashed, match="process"):
            await whole_result(engine, EngineRequest(text="water"))
        await engine.close()


async def test_closing_ends_also_a_child_that_is_just_being_started_anew(engine):
    request = EngineRequest(messages=CHAT, max_tokens=5)
    dead = engine.process_id
    others = children() - {dead}
    os.kill(dead, signal.SIGKILL)
    with pytest.raises(EngineCrashed, match="SIGKILL"):
        await whole_result(engine, request)
    turn = asyncio.ensure_future(whole_result(engine, request))
    while not children() - others - {dead}:  # noqa: ASYNC110 (nobody tells of it)
        await asyncio.sleep(0.01)
    await engine.close()

    with pytest.raises(EngineCrashed, match="closed"):
        await turn
    assert children() == others


async def test_giving_up_while_it_loads_leaves_no_child(models):
    others = children()
    loading = asyncio.ensure_future(load_engine(EngineSettings(model_path=models["qwen2"], isolate=True)))
    while not children() - others:  # noqa: ASYNC110 (nobody tells of it)
        await asyncio.sleep(0.01)
    loading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loading

    assert children() == others


async def test_ctrl_c_at_the_terminal_is_left_to_the_parent(engine):
    os.kill(engine.process_id, signal.SIGINT)

    assert (await whole_result(engine, EngineRequest(messages=CHAT, max_tokens=5, sampling=GREEDY))).completion_tokens == 5


async def test_many_texts_are_embedded_in_several_portions(models):
    engine = await load_engine(EngineSettings(model_path=models["bert"], threads=1, isolate=True))
    texts = [f"water {number}" for number in range(300)]
    together = await engine.embed(texts)
    last = await engine.embed(texts[-1:])
    await engine.close()

    assert len(together.vectors) == 300
    assert together.vectors[-1] == pytest.approx(last.vectors[0], abs=1e-4)
