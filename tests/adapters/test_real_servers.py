"""The defences, held against servers that nobody here wrote."""

import asyncio
from contextlib import suppress

import httpx2
import pytest
from asking import PROMPT, answer, said, settings
from real_servers import llama_cpp_python_server, llama_server
from stand_in import StandIn, models, stream

from mallku.catalog.endpoint_probe import probe
from mallku.dialogue.prompt import Deadlines, Prompt
from mallku.errors import AnswerCutShort, ContextOverflow, EndpointRefused, EndpointUnreachable, Overloaded
from mallku.firecircle import FireCircle
from mallku.firecircle.adapters.endpoint import share_endpoints
from mallku.firecircle.adapters.local_adapter import LocalAdapterConfig, LocalAIAdapter, LocalBackend
from mallku.firecircle.adapters.openai_compatible import OpenAICompatible
from mallku.tiny import rehearsal_model_path

pytestmark = pytest.mark.live
QUESTION = "How should we balance individual privacy with collective benefit?"
SCHEMA = {"type": "object", "properties": {"choice": {"enum": ["A", "B"]}}, "required": ["choice"], "additionalProperties": False}


@pytest.fixture
async def closing():
    """Make participants that are closed at the end."""
    made = []

    def make(url, **options):
        made.append(OpenAICompatible(url, **options))
        return made[-1]

    yield make
    for participant in made:
        await participant.close()


async def quick_start(config):
    """The quick start of the README, as it is written."""
    adapter = LocalAIAdapter(config=config)
    await adapter.connect()
    fire_circle = FireCircle(journal=":memory:")
    fire_circle.add_participant(adapter)
    response = await fire_circle.deliberate(QUESTION)
    await fire_circle.close()

    assert response.status == "complete"
    assert len(response.statements) == 3
    assert response.ballots["final"]
    return response


@pytest.mark.parametrize("server", ["llama_server_url", "llama_cpp_python_url"])
async def test_the_quick_start_runs_on_servers_of_other_makers(server, request):
    url = request.getfixturevalue(server)
    response = await quick_start(
        LocalAdapterConfig(backend=LocalBackend.OPENAI_COMPAT, base_url=url, api_key="not-needed", temperature=0.7, max_tokens=24)
    )

    assert {statement.usage.completion_tokens for statement in response.statements} <= set(range(1, 25))


@pytest.mark.parametrize("serve", [llama_server, llama_cpp_python_server])
async def test_the_quick_start_runs_on_a_server_with_the_bundled_model(serve):
    with serve(rehearsal_model_path()) as url:
        await quick_start(LocalAdapterConfig(backend=LocalBackend.OPENAI_COMPAT, base_url=url, max_tokens=64))


async def test_the_quick_start_runs_in_process():
    await quick_start(LocalAdapterConfig(backend=LocalBackend.LLAMACPP, model_path=rehearsal_model_path(), max_tokens=64, threads=1))


async def test_the_quick_start_runs_on_what_speaks_like_ollama():
    def chat(asked):
        return stream('{"choice": "A", "reason": "fair"}' if asked.json.get("response_format") else "We share the water.")

    async with StandIn(chat, listed=models("llama3.2:latest", owned_by="library")) as server:
        await quick_start(LocalAdapterConfig(backend=LocalBackend.OLLAMA, base_url=server.root, model_name="llama3.2"))


async def test_slots_window_and_count_come_from_the_server(llama_server_url, closing):
    participant = closing(llama_server_url)
    await participant.connect()
    long = Prompt(system="s", user="water and land " * 200)

    assert (participant.facts.server, participant.facts.parallel) == ("llama-server", 4)
    assert await participant.count_tokens(long) > 400


async def test_a_strict_template_that_refuses_a_system_message_is_answered(strict_model, closing):
    with llama_server(strict_model) as url:
        assert await said(closing(url))


async def test_a_prompt_beyond_the_window_is_an_overflow_with_figures(random_model, closing):
    with llama_server(random_model, n_ctx=256, n_parallel=1) as url, pytest.raises(ContextOverflow) as caught:
        await said(closing(url), Prompt(system="s", user="water and land " * 300))

    assert caught.value.window == 256
    assert caught.value.needed > 256


async def test_the_same_beyond_the_window_of_a_server_that_streams_nothing(llama_cpp_python_url, closing):
    with pytest.raises(ContextOverflow) as caught:
        await said(closing(llama_cpp_python_url), Prompt(system="s", user="xyzzy quux " * 2000))

    assert caught.value.window == 2048


async def test_requests_that_would_exhaust_a_shared_memory_all_answer(random_model, closing):
    """Four prompts of 800 tokens with 300 to come do not fit into 2,048 together; each alone does."""
    prompt = Prompt(system="s", user="q" * 800)
    with llama_server(random_model, n_ctx=2048, n_parallel=4, kv_unified=True) as url:
        made = [closing(url) for _ in range(4)]
        for participant in made:
            await participant.connect()
        share_endpoints(made)
        texts = await asyncio.gather(*(said(participant, prompt, max_tokens=300) for participant in made))

    assert all(texts)


async def test_a_second_request_does_not_end_a_running_answer(slow_model, closing):
    with llama_cpp_python_server(slow_model) as url:
        made = [closing(url) for _ in range(3)]
        for participant in made:
            await participant.connect()
        share_endpoints(made)
        # greedy: sampled, a model of random weights now and then ends by itself
        running = made[0].respond(PROMPT, settings(max_tokens=200, temperature=0.0))
        await anext(running)
        others = [asyncio.create_task(answer(participant, max_tokens=40, temperature=0.0)) for participant in made[1:]]
        parts = [part async for part in running]
        answers = [parts[-1], *(response for _, response in await asyncio.gather(*others))]

    assert [response.finish_reason for response in answers] == ["length"] * 3


async def test_without_sharing_an_interrupted_answer_is_called_cut_short(slow_model, closing):
    """The defence behind the defence: another program may use the server too."""
    with llama_cpp_python_server(slow_model) as url:
        first, second = closing(url), closing(url)
        for participant in (first, second):
            await participant.connect()
        running = first.respond(PROMPT, settings(max_tokens=1500))
        await anext(running)
        other = asyncio.create_task(said(second))
        with pytest.raises(AnswerCutShort):
            async for _ in running:
                pass
        await other


async def test_a_json_schema_that_a_server_cannot_take_is_asked_for_in_its_own_way(llama_cpp_python_url, closing):
    participant = closing(llama_cpp_python_url, server="vllm")
    text = await said(participant, schema=SCHEMA, max_tokens=60)

    assert text in {'{"choice": "A"}', '{"choice": "B"}'}
    assert participant.profile.dialect.rung == "json_object+schema"


async def test_a_server_that_is_still_loading_its_model_is_waited_for(slow_model, closing, monkeypatch):
    """Loading takes a tenth of a second here, so it is tried until it was met."""
    met = []

    async def watched(*arguments, **options):
        try:
            return await probe(*arguments, **options)
        except Overloaded as loading:
            met.append(loading.status)
            raise

    monkeypatch.setattr("mallku.firecircle.adapters.openai_compatible.probe", watched)
    for _ in range(5):
        with llama_server(slow_model, waits=False) as url:
            participant = closing(url)
            while participant.profile is None:
                with suppress(EndpointUnreachable):
                    await participant.connect()
                await asyncio.sleep(0.002)
            # its weights are random, so the likeliest words are taken: drawn ones may all be blanks
            text = await said(participant, max_tokens=16, temperature=0.0)
            await participant.close()
        if met:
            break

    assert text
    assert set(met) == {503}


async def test_a_shared_memory_that_others_fill_is_an_overload_after_which_asking_again_helps(random_model, closing):
    """Seats that do not know of each other, as those of two programs, fill the memory together; one after the other they are answered."""
    prompt = Prompt(system="s", user="q" * 800)
    with llama_server(random_model, n_ctx=2048, n_parallel=4, kv_unified=True) as url:
        made = [closing(url) for _ in range(4)]
        for participant in made:
            await participant.connect()
        ask = [said(each, prompt, max_tokens=300, temperature=0.0) for each in made]
        full = [answer for answer in await asyncio.gather(*ask, return_exceptions=True) if not isinstance(answer, str)]
        again = [await said(each, prompt, max_tokens=300, temperature=0.0) for each in made]

    assert full
    assert {type(error) for error in full} == {Overloaded}
    assert all(error.retryable and "filled the memory they share" in error.message and "`-c`" in error.hint for error in full)
    assert all(again)


async def test_leaving_an_answer_frees_the_slot(slow_model, closing):
    async def busy(url):
        async with httpx2.AsyncClient(trust_env=False) as client:
            return sum(slot["is_processing"] for slot in (await client.get(f"{url}/slots")).json())

    with llama_server(slow_model, n_parallel=1, endpoint_slots=True) as url:
        running = closing(url).respond(PROMPT, settings(max_tokens=3000))
        await anext(running)
        before = await busy(url)
        await running.aclose()
        for _ in range(100):
            if not await busy(url):
                break
            await asyncio.sleep(0.02)

        assert (before, await busy(url)) == (1, 0)


async def test_a_demanded_key_is_named_and_a_given_one_opens(random_model, closing):
    with llama_server(random_model, api_keys=["sesame"]) as url:
        with pytest.raises(EndpointRefused, match="demands a key"):
            await closing(url).connect()

        assert await said(closing(url, api_key="sesame"))


async def test_a_server_that_dies_in_the_middle_leaves_the_partial_text(slow_model, closing):
    server = llama_server(slow_model, n_parallel=1)
    participant = closing(server.__enter__())
    running = participant.respond(PROMPT, settings(max_tokens=3000, deadlines=Deadlines(first_token=50, idle=50, total=100)))
    first = await anext(running)
    server.__exit__(None, None, None)
    with pytest.raises((AnswerCutShort, EndpointUnreachable)) as caught:
        async for _ in running:
            pass

    assert caught.value.partial_text.startswith(first.text.strip())
