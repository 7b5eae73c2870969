"""What every participant promises, whoever speaks: held against each of them, servers of other makers among them."""

import asyncio
import json
import sys

import pytest
from asking import PROMPT, answer, said, settings
from stand_in import StandIn, stream, usage

from mallku.dialogue.participant import Connectable, Participant
from mallku.dialogue.prompt import Deadlines, Prompt
from mallku.dialogue.response import Delta
from mallku.engine import EnginePool, EngineSettings
from mallku.errors import DeadlineExceeded, MallkuError
from mallku.firecircle.adapters.in_process import InProcessParticipant
from mallku.firecircle.adapters.local_adapter import LocalAdapterConfig, LocalAIAdapter
from mallku.firecircle.adapters.openai_compatible import OpenAICompatible
from mallku.testing import ScriptedParticipant

KINDS = ("stand-in", "stand-in through the SDK", "façade", "llama-server", "llama-cpp-python", "in process", "scripted")
REAL = {"llama-server", "llama-cpp-python", "in process"}
SCHEMA = {"type": "object", "properties": {"choice": {"enum": ["A", "B"]}}, "required": ["choice"], "additionalProperties": False}


@pytest.fixture(params=KINDS)
async def participant(request, monkeypatch):
    """One participant of each kind, closed at the end."""
    kind = request.param
    server = None
    if kind == "stand-in through the SDK":
        monkeypatch.setitem(sys.modules, "aiohttp", None)
    if kind in {"stand-in", "stand-in through the SDK", "façade"}:
        server = StandIn(stream("We ", "share ", "it.", usage(30, 3), pause_s=0.01))
        await server.__aenter__()
    made = {
        "stand-in": lambda: OpenAICompatible(server.url),
        "stand-in through the SDK": lambda: OpenAICompatible(server.url),
        "façade": lambda: LocalAIAdapter(LocalAdapterConfig(base_url=server.url)),
        "llama-server": lambda: OpenAICompatible(request.getfixturevalue("llama_server_url")),
        "llama-cpp-python": lambda: OpenAICompatible(request.getfixturevalue("llama_cpp_python_url")),
        "in process": lambda: InProcessParticipant(
            EngineSettings(model_path=request.getfixturevalue("random_model"), threads=1), EnginePool()
        ),
        "scripted": lambda: ScriptedParticipant(["We share it."]),
    }[kind]()
    made.kind = kind
    yield made
    await made.close()
    if server is not None:
        await server.__aexit__()


async def test_it_is_a_participant(participant):
    assert isinstance(participant, Participant)


async def test_a_stream_ends_in_one_response_whose_text_is_that_of_the_deltas(participant):
    deltas, response = await answer(participant)

    assert response.text
    assert "".join(delta.text for delta in deltas if delta.channel == "text").strip() == response.text
    assert response.usage.completion_tokens > 0


async def test_several_answers_at_once_all_come(participant):
    texts = await asyncio.gather(*(said(participant) for _ in range(3)))

    assert all(texts)


async def test_leaving_a_stream_early_leaves_the_participant_able_to_speak(participant):
    parts = participant.respond(PROMPT, settings(max_tokens=200))
    assert isinstance(await anext(parts), Delta)
    await parts.aclose()

    assert await said(participant)


async def test_a_cancelled_turn_ends_at_once_and_the_next_one_speaks(participant):
    task = asyncio.create_task(said(participant, max_tokens=400))
    await asyncio.sleep(0.02)
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=3)

    assert done
    assert await said(participant)


async def test_the_token_cap_is_kept(participant):
    _, response = await answer(participant, max_tokens=5, temperature=0.0, seed=1)

    assert response.usage.completion_tokens <= 5
    if participant.kind in REAL:
        assert response.finish_reason == "length"


async def test_counting_costs_no_answer_and_grows_with_the_prompt(participant):
    short = await participant.count_tokens(Prompt(system="s", user="water"))
    long = await participant.count_tokens(Prompt(system="s", user="water " * 300))

    assert 0 < short < long


async def test_a_deadline_that_has_passed_is_named(participant):
    if participant.kind == "scripted":
        pytest.skip("a scripted participant has no clock")
    if isinstance(participant, Connectable):
        await participant.connect()
    with pytest.raises(DeadlineExceeded, match=r"(first token|total)"):
        await said(participant, max_tokens=400, deadlines=Deadlines(first_token=0.0, total=0.0))


async def test_facts_name_the_model_and_the_place_and_seat_it_again(participant):
    await said(participant)
    facts = participant.facts

    assert facts.model
    assert facts.spec
    assert facts.location == ("in-process" if participant.kind in {"in process", "scripted"} else "loopback")


async def test_an_answer_asked_for_as_json_is_json_of_that_shape(participant):
    if participant.kind not in REAL:
        pytest.skip("it says what it was told to say")
    text = await said(participant, schema=SCHEMA, max_tokens=60)

    assert json.loads(text)["choice"] in {"A", "B"}


async def test_closing_twice_does_no_harm_and_afterwards_nothing_is_said(participant):
    await said(participant)
    await participant.close()
    await participant.close()

    with pytest.raises((MallkuError, RuntimeError)):
        await said(participant)


@pytest.mark.live
async def test_the_same_words_come_at_temperature_nought(participant):
    if participant.kind not in REAL:
        pytest.skip("it says what it was told to say")

    assert await said(participant, temperature=0.0, seed=1) == await said(participant, temperature=0.0, seed=1)
