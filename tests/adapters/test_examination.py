"""A participant is examined from its address to its ballots, each fault with its remedy."""

import pytest
from stand_in import StandIn, as_json, chunk, models, stream

from mallku.firecircle.adapters.examination import examine
from mallku.firecircle.adapters.openai_compatible import OpenAICompatible
from mallku.testing import ScriptedParticipant


async def examined(participant):
    results = {result.what: result async for result in examine(participant)}
    await participant.close()
    return results


def fills_forms(asked):
    return stream('{"choice": "A"}' if "response_format" in asked.json else "yes")


async def test_a_healthy_server_passes_in_everything():
    async with StandIn(fills_forms, listed=models("m", owned_by="vllm", max_model_len=8192)) as server:
        results = await examined(OpenAICompatible(server.url))

    assert {result.state for result in results.values()} == {"ok"}
    assert list(results) == ["reachable", "address", "model", "window", "at once", "answer", "ballots"]
    assert "vLLM" in results["reachable"].told
    assert "json_schema" in results["ballots"].told


async def test_nobody_there_is_a_fault_with_a_remedy_and_ends_the_examination():
    results = await examined(OpenAICompatible("http://127.0.0.1:9"))

    assert [(result.what, result.state) for result in results.values()] == [("reachable", "fault")]
    assert results["reachable"].remedy


async def test_a_small_window_comes_with_the_setting_that_raises_it():
    listed = models("m", owned_by="library")
    running = as_json({"models": [{"name": "m", "context_length": 2048}]})
    async with StandIn(fills_forms, listed=listed, **{"/api/ps": running, "/api/tags": as_json({"models": []})}) as server:
        results = await examined(OpenAICompatible(server.url))

    assert (results["window"].state, "OLLAMA_CONTEXT_LENGTH" in results["window"].remedy) == ("note", True)


async def test_an_unknown_window_and_useless_ballots_are_noted():
    async with StandIn(stream("I would rather not."), listed=models("m", owned_by="me")) as server:
        results = await examined(OpenAICompatible(server.url))

    assert results["window"].state == results["ballots"].state == "note"
    assert "ignores" in results["learnt"].told


async def test_reasoning_is_reported_but_not_shown():
    async with StandIn(stream(chunk(reasoning="secret"), '{"choice": "A"}')) as server:
        results = await examined(OpenAICompatible(server.url))

    assert "secret" not in str(results)
    assert results["reasoning"].state == "ok"


async def test_a_server_that_fails_to_answer_is_a_fault():
    async with StandIn(as_json({"error": {"message": "The model `m` does not exist"}}, 404)) as server:
        results = await examined(OpenAICompatible(server.url))

    assert results["answer"].state == "fault"
    assert "ballots" not in results


async def test_participants_without_an_endpoint_are_examined_too():
    results = await examined(ScriptedParticipant(["yes", '{"choice": "A"}']))

    assert results["ballots"].state == "ok"


@pytest.mark.live
async def test_a_real_server_is_examined(llama_server_url):
    results = await examined(OpenAICompatible(llama_server_url))

    assert results["window"].told.endswith("tokens")
    assert results["ballots"].state == "ok"
