"""The worker on a fake binding: batching, failures and what everyone is told."""

import asyncio
import time

import pytest

from mallku.dialogue.message import Message
from mallku.engine import EngineRequest, Sampling, whole_result
from mallku.engine.fake_binding import BYTES, FakeBinding
from mallku.engine.threaded import ThreadedEngine
from mallku.errors import ConfigurationError, ContextOverflow, EngineCrashed, RequestRefused

GREEDY = Sampling(temperature=0)


def spell(text):
    """Return a rule that writes `text` after the last `>` of the prompt, and ends."""
    raw = text.encode()

    def rule(prefix):
        written = len(prefix) - 1 - max(index for index, token in enumerate(prefix) if token == ord(">"))
        return raw[written] if written < len(raw) else BYTES

    return rule


@pytest.fixture
async def load():
    engines = []

    async def load(**settings):
        binding = FakeBinding(**settings)
        engines.append(await ThreadedEngine.load(lambda _: binding))
        return engines[-1], binding

    yield load
    for engine in engines:
        await engine.close()


async def texts(engine, *requests):
    return [result.text for result in await asyncio.gather(*(whole_result(engine, one) for one in requests))]


async def test_every_byte_of_an_emoji_is_a_token_and_the_emoji_arrives_whole(load):
    engine, _ = await load(rule=spell("ja 🌾!"))
    parts = [part async for part in engine.generate(EngineRequest(text="sprich>", sampling=GREEDY))]

    assert [part.text for part in parts[:-1]] == list("ja 🌾!")
    assert parts[-1].end_reason == "stop"
    assert parts[-1].completion_tokens == len("ja 🌾!".encode()) + 1


async def test_requests_of_one_moment_decode_together(load):
    engine, binding = await load()
    requests = [EngineRequest(text="the same beginning " + name, max_tokens=12, sampling=GREEDY) for name in "abcdefgh"]
    answers = await texts(engine, *requests)

    assert binding.steps < 8 * 12 / 2
    assert len(set(answers)) == 8


async def test_too_few_for_a_batch_are_computed_one_after_the_other_with_the_same_texts(load):
    requests = [EngineRequest(text="the same beginning " + name, max_tokens=12, sampling=GREEDY) for name in "abc"]
    batched, single = [await texts((await load(smallest_batch=least))[0], *requests) for least in (2, 6)]

    assert batched == single


async def test_a_step_that_fails_fails_its_requests_and_the_engine_goes_on(load):
    engine, binding = await load()
    binding.fails_next = True
    outcomes = await asyncio.gather(
        *(whole_result(engine, EngineRequest(text=text, max_tokens=5, sampling=GREEDY)) for text in ("one", "two")), return_exceptions=True
    )

    assert any(isinstance(outcome, EngineCrashed) for outcome in outcomes)
    assert (await whole_result(engine, EngineRequest(text="three", max_tokens=5, sampling=GREEDY))).text
    assert binding.cells_used == (await engine.statistics()).cells_used


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_a_fault_of_the_binding_leaves_nobody_waiting(load):
    def fault(_):
        raise ZeroDivisionError

    engine, _ = await load(rule=fault)
    for text in ("one", "two"):
        with pytest.raises(EngineCrashed):
            await whole_result(engine, EngineRequest(text=text, sampling=GREEDY))


async def test_a_refused_grammar_fails_only_its_own_request(load):
    engine, _ = await load()
    refused, answered = await asyncio.gather(
        whole_result(engine, EngineRequest(text="a", grammar="root ::= [a]")),
        whole_result(engine, EngineRequest(text="b", max_tokens=3, sampling=GREEDY)),
        return_exceptions=True,
    )

    assert isinstance(refused, RequestRefused)
    assert answered.completion_tokens


async def test_fifty_streams_left_at_once_leave_nothing_in_memory(load):
    def slowly(_):
        time.sleep(0.0005)  # so that nobody comes to its end before it is left
        return ord("x")

    engine, binding = await load(cells=2000, rule=slowly)

    async def leave(number):
        async for _ in (stream := engine.generate(EngineRequest(text=f"seat {number}", max_tokens=900, sampling=GREEDY))):
            break
        await stream.aclose()

    await asyncio.gather(*(leave(number) for number in range(50)))
    await whole_result(engine, EngineRequest(text="z", max_tokens=1))
    statistics = await engine.statistics()

    assert statistics.cells_active == 0
    assert statistics.cells_used == binding.cells_used == len("z")


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (EngineRequest(), ConfigurationError),
        (EngineRequest(text="a", tokens=(1,)), ConfigurationError),
        (EngineRequest(text="a", grammar="x", schema={}), ConfigurationError),
        (EngineRequest(text="a", max_tokens=0), ConfigurationError),
        (EngineRequest(text=""), RequestRefused),
        (EngineRequest(tokens=(5000,)), RequestRefused),
        (EngineRequest(text="a" * 5000), ContextOverflow),
    ],
)
async def test_what_cannot_be_asked_is_refused_before_it_begins(load, request_, error):
    engine, binding = await load()
    with pytest.raises(error):
        await whole_result(engine, request_)

    assert binding.steps == 0


async def test_measurements_add_up(load):
    engine, _ = await load()
    chat = (Message(role="user", content="the same question for all"),)
    results = await asyncio.gather(*(whole_result(engine, EngineRequest(messages=chat, max_tokens=8, sampling=GREEDY)) for _ in range(4)))
    statistics = await engine.statistics()

    assert statistics.requests == 4
    assert statistics.prefilled_tokens == sum(result.prompt_tokens - result.shared_tokens for result in results)
    assert statistics.generated_tokens == sum(result.completion_tokens for result in results)
    assert sum(result.compute_s for result in results) == pytest.approx(statistics.decode_s)
    assert all(0 < result.first_token_s <= result.total_s for result in results)
