"""The laws of the engine, on several architectures: sharing, batching and cancelling never change what a request is answered."""

import asyncio
import json
import os
import random
from dataclasses import replace
from pathlib import Path

import pytest

import mallku
from mallku.dialogue.message import Message
from mallku.engine import EngineRequest, EngineSettings, Sampling, load_engine, whole_result

GREEDY = Sampling(temperature=0)
BUNDLED = Path(mallku.__file__).parent / "tiny" / "rehearsal.gguf"
WINDOWED = ["gemma2", "gemma3"]
STATEFUL = ["mamba", "jamba"]
SHARING = ["llama", "qwen2", *WINDOWED, *(["bundled"] if BUNDLED.exists() else [])]
ALL = [*SHARING, *STATEFUL]
GPU_LAYERS = int(os.environ.get("MALLKU_TEST_GPU_LAYERS", "0"))
"""Layers on the GPU; tests/benchmarks/gpu_check.sh sets it."""
NEAR = 0.05
"""The logits of a token on the bundled model differ by up to 0.02 from batch to batch, those of two tokens by twice that."""
SEATS = ("Ada", "Ben", "Cleo", "Dan")


@pytest.fixture
async def load(models):
    loaded = []

    async def load(name, **settings):
        path = BUNDLED if name == "bundled" else models[name]
        loaded.append(await load_engine(EngineSettings(model_path=path, context_length=700, threads=1, gpu_layers=GPU_LAYERS, **settings)))
        return loaded[-1]

    yield load
    for engine in loaded:
        await engine.close()


def request(seat, *, said="", sampling=GREEDY, max_tokens=24, **more):
    user = f"<question>\nShould the garden have a well?\n</question>\n{said}<turn>\nYou are {seat}. Speak.\n</turn>"
    chat = (Message(role="system", content="You sit in a circle."), Message(role="user", content=user))
    return EngineRequest(messages=chat, sampling=sampling, max_tokens=max_tokens, **more)


async def one_by_one(engine, requests):
    return [await whole_result(engine, one) for one in requests]


async def assert_same(engine, requests, results, expected):
    """Answers are the same up to a token that was hardly likelier than the next best: there another batch may round to the other one."""
    for one, result, wanted in zip(requests, results, expected, strict=True):
        place = next((at for at, pair in enumerate(zip(result.tokens, wanted, strict=False)) if pair[0] != pair[1]), None)
        if place is None:
            assert len(result.tokens) == len(wanted)
            continue
        best, second = (await whole_result(engine, replace(one, logprobs=2))).logprobs[place].alternatives
        assert best.logprob - second.logprob < NEAR, f"{result.tokens} is not {wanted}"


async def together(engine, requests):
    return await asyncio.gather(*(whole_result(engine, one) for one in requests))


@pytest.mark.parametrize("name", ALL)
async def test_together_gives_the_texts_of_one_by_one(load, name):
    requests = [request(seat) for seat in SEATS]
    alone = [(await one_by_one(await load(name), [one]))[0].tokens for one in requests]
    engine = await load(name)

    await assert_same(engine, requests, await together(engine, requests), alone)
    assert len(set(alone)) > 1


@pytest.mark.parametrize("name", SHARING)
async def test_a_used_memory_answers_like_a_fresh_one(load, name):
    said = '<statement by="Ada">\nWater is life, so yes.\n</statement>\n'
    fresh = await one_by_one(await load(name), [request("Ben", said=said)])
    engine = await load(name)
    await together(engine, [request(seat) for seat in SEATS])
    used = await one_by_one(engine, [request("Ben", said=said)])

    await assert_same(engine, [request("Ben", said=said)], used, [fresh[0].tokens])
    assert used[0].shared_tokens > 20
    assert fresh[0].shared_tokens == 0


@pytest.mark.parametrize("name", SHARING)
async def test_what_the_seats_share_is_prefilled_once(load, name):
    engine = await load(name)
    results = await together(engine, [request(seat, max_tokens=4) for seat in SEATS])
    statistics = await engine.statistics()
    shared = max(result.shared_tokens for result in results)

    assert shared > 20
    assert statistics.prefilled_tokens == sum(result.prompt_tokens for result in results) - (len(SEATS) - 1) * shared
    assert sorted(result.shared_tokens for result in results) == [0, *[shared] * (len(SEATS) - 1)]


@pytest.mark.parametrize("name", ALL)
async def test_cancelling_one_leaves_the_others_texts(load, name):
    requests = [request(seat) for seat in SEATS]
    expected = [result.tokens for result in await together(await load(name), requests)]
    engine = await load(name)
    others = [asyncio.ensure_future(whole_result(engine, one)) for one in requests[1:]]
    async for _ in (stream := engine.generate(requests[0])):
        break
    await stream.aclose()

    await assert_same(engine, requests[1:], [await task for task in others], expected[1:])
    statistics = await engine.statistics()
    assert statistics.cells_active == 0


@pytest.mark.parametrize("name", SHARING)
async def test_the_same_seeds_in_the_same_batch_give_the_same_texts(load, name):
    requests = [request(seat, sampling=Sampling(temperature=1.0, seed=7)) for seat in SEATS]
    runs = [[result.text for result in await together(await load(name), requests)] for _ in range(2)]

    assert runs[0] == runs[1]


@pytest.mark.parametrize("name", SHARING)
async def test_constrained_and_free_requests_share_a_batch(load, name):
    schema = {"type": "object", "properties": {"choice": {"enum": ["A", "B"]}}, "required": ["choice"], "additionalProperties": False}
    free = request("Ada")
    alone = await one_by_one(await load(name), [free])
    constrained, beside = await together(await load(name), [request("Ben", schema=schema), free])

    assert json.loads(constrained.text)["choice"] in {"A", "B"}
    assert constrained.end_reason == "stop"
    await assert_same(await load(name), [free], [beside], [alone[0].tokens])


@pytest.mark.parametrize("name", WINDOWED)
async def test_a_beginning_that_left_the_window_is_shared_whole(load, name):
    """llama.cpp would give the cells of such tokens to the next request, see `window_guard`."""
    draw = random.Random(5)
    known = [draw.choices(range(33, 120), k=200) for _ in range(3)]
    used = await load(name, cells=768, parallel=4)
    for _ in range(8):
        prompts = [[*draw.choice(known)[: draw.randrange(40, 200)], *draw.choices(range(33, 120), k=9)] for _ in range(3)]
        requests = [EngineRequest(tokens=tuple(prompt), max_tokens=12, sampling=GREEDY, ignores_end=True) for prompt in prompts]
        fresh = await one_by_one(await load(name), requests[:1])

        assert (await together(used, requests))[0].tokens == fresh[0].tokens
    assert (await used.statistics()).shared_tokens > 1000


@pytest.mark.parametrize("name", ALL)
async def test_a_stop_text_over_several_tokens_never_shows(load, name):
    engine = await load(name)
    free = (await one_by_one(engine, [request("Ada")]))[0]
    start = len(free.text) // 2
    stop = free.text[start : start + 6]
    parts = [part async for part in engine.generate(request("Ada", stop=(stop,)))]

    assert "".join(part.text for part in parts[:-1]) == parts[-1].text == free.text[: free.text.index(stop)]
    assert parts[-1].end_reason == "stop"
    assert len(free.tokens) - parts[-1].completion_tokens > 1


@pytest.mark.parametrize("name", ALL)
async def test_an_emoji_over_several_tokens_arrives_whole(load, name):
    engine = await load(name)
    letters = "👩🏽‍🌾é"
    parts = [part async for part in engine.generate(request("Ada", grammar=f'root ::= "{letters}"'))]

    assert parts[-1].text == letters
    assert len(parts[-1].tokens) > len(letters)
    assert "\ufffd" not in "".join(part.text for part in parts)
    assert [part.text for part in parts[:-1] if part.text] == list(letters)


@pytest.mark.parametrize("name", ALL)
async def test_after_a_cancelled_request_llama_cpp_holds_what_the_books_say(load, name):
    engine = await load(name, parallel=4)
    worker = engine._worker  # what llama.cpp really holds cannot be seen from outside

    def held(decoder):
        ends = (decoder._lib.llama_memory_seq_pos_max(decoder._memory, sequence) for sequence in range(decoder.facts.sequences))
        return {sequence: end + 1 for sequence, end in enumerate(ends) if end >= 0}

    for seat in SEATS[1:]:
        await whole_result(engine, request(seat, max_tokens=4))
        stream = engine.generate(request(SEATS[0], max_tokens=300))
        await anext(stream)
        await stream.aclose()
        assert (await engine.statistics()).cells_active == 0
    await whole_result(engine, request("Eve", max_tokens=4))
    while not worker._planner.is_idle:  # noqa: ASYNC110 (what a request leaves is dropped in the step after its end, and nobody tells of it)
        await asyncio.sleep(0)

    assert await worker.call(held) == worker._planner.table.resident
    assert bool(worker._planner.table.resident) == engine.facts.shares_prefixes


@pytest.mark.parametrize("name", STATEFUL)
async def test_memory_that_cannot_be_cut_is_not_shared(load, name):
    engine = await load(name)
    results = await together(engine, [request(seat) for seat in SEATS * 3])

    assert not engine.facts.shares_prefixes
    assert [result.shared_tokens for result in results] == [0] * 12
    assert results[0].tokens == results[4].tokens == results[8].tokens
    assert (await engine.statistics()).cells_used == 0


@pytest.mark.parametrize("kv_type", ["f16", "q8_0"])
async def test_both_number_formats_of_the_memory_work(load, kv_type):
    engine = await load("llama", kv_type=kv_type, flash_attention=True)

    assert (await whole_result(engine, request("Ada"))).completion_tokens == 24


async def test_more_requests_than_there_is_room_for_are_all_answered(load):
    engine = await load("llama", parallel=4, cells=1024)
    requests = [request(f"Seat {number}", max_tokens=8) for number in range(30)]
    alone = await one_by_one(await load("llama"), requests)

    assert [result.tokens for result in await together(engine, requests)] == [result.tokens for result in alone]
