"""GGUF files as models: loaded on demand, many at once, unloaded when idle or in the way."""

import asyncio
import json
import math
import sys
import threading
from pathlib import Path

import openai
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.gguf_models import write_bert, write_transformer
from support.server_thread import running

from mallku.engine import EngineSettings
from mallku.errors import ModelTooLarge, Overloaded
from mallku.server.app import create_app
from mallku.server.residency import Residency
from mallku.server.settings import ServerSettings

HELLO = [{"role": "user", "content": "Who owns the well?"}]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return {"qwen2": write_transformer(folder / "qwen2.gguf", "qwen2"), "bert": write_bert(folder / "bert.gguf")}


@pytest.fixture(scope="module")
def address(files):
    settings = ServerSettings(port=0, grace_s=1, threads=1, models=(str(files["qwen2"]), f"vectors={files['bert']}"))
    with running(create_app(settings), settings) as address:
        yield address


def test_the_engine_answers_and_counts(address, openai_client):
    client = openai_client(address)

    first = client.chat.completions.create(model="qwen2", messages=HELLO, max_tokens=8, temperature=0)
    again = client.chat.completions.create(model="qwen2", messages=HELLO, max_tokens=8, temperature=0)
    streamed = client.chat.completions.create(model="qwen2", messages=HELLO, max_tokens=8, temperature=0, stream=True)

    assert first.usage.completion_tokens == 8
    assert first.choices[0].finish_reason == "length"
    assert again.choices[0].message.content == first.choices[0].message.content
    assert again.usage.prompt_tokens_details.cached_tokens > 0
    assert "".join(chunk.choices[0].delta.content or "" for chunk in streamed) == first.choices[0].message.content


def test_a_seed_settles_the_answer_and_n_differ(address, openai_client):
    client = openai_client(address)

    def ask(**options):
        answer = client.chat.completions.create(
            model="qwen2", messages=HELLO, max_tokens=12, temperature=1.5, extra_body={"include_reasoning": True}, **options
        )
        return [choice.message.content + choice.message.reasoning_content for choice in answer.choices]

    assert ask(seed=5) == ask(seed=5)
    assert len(set(ask(seed=5, n=3))) == 3


def test_token_probabilities_come_with_the_answer(address, openai_client):
    client = openai_client(address)

    whole = client.chat.completions.create(model="qwen2", messages=HELLO, max_tokens=3, temperature=0, logprobs=True, top_logprobs=2)
    chunks = list(
        client.chat.completions.create(
            model="qwen2", messages=HELLO, max_tokens=3, temperature=0, logprobs=True, top_logprobs=2, stream=True
        )
    )

    content = whole.choices[0].logprobs.content
    streamed = [token for chunk in chunks if chunk.choices[0].logprobs for token in chunk.choices[0].logprobs.content]
    assert content
    assert all(token.logprob <= 0 and len(token.top_logprobs) == 2 for token in content)
    assert content[0].logprob == max(other.logprob for other in content[0].top_logprobs)
    assert [token.token for token in streamed] == [token.token for token in content]


def test_single_tokens_are_favoured_and_ruled_out(address, openai_client, http):
    client = openai_client(address)
    asked = {"model": "qwen2", "prompt": "The well", "max_tokens": 3, "temperature": 0}
    plain = http.post(f"{address}/v1/tokenize", json={"model": "qwen2", "text": " water"}).json()["tokens"]

    favoured = client.completions.create(**asked, logit_bias={str(plain[0]): 100})
    usual = client.completions.create(**asked, logprobs=0)
    first = http.post(f"{address}/v1/tokenize", json={"model": "qwen2", "text": usual.choices[0].logprobs.tokens[0]}).json()["tokens"][0]
    without = client.completions.create(**asked, logit_bias={str(first): -100}, logprobs=0)

    again = http.post(f"{address}/v1/tokenize", json={"model": "qwen2", "text": favoured.choices[0].text}).json()["tokens"]
    assert again == [plain[0]] * 3
    assert without.choices[0].logprobs.tokens[0] != usual.choices[0].logprobs.tokens[0]
    for wrong in ({"99999999": 1}, {"a": 1}, {"-1": 1}, {"9" * 5000: 1}, {"1": 101}):
        with pytest.raises(openai.BadRequestError):
            client.completions.create(**asked, logit_bias=wrong)


def test_the_stop_text_that_ended_an_answer_is_told(address, anthropic_client):
    asked = {"model": "qwen2", "messages": [{"role": "user", "content": "Tell me"}], "max_tokens": 20, "extra_body": {"temperature": 0}}
    client = anthropic_client(address)
    usual = client.messages.create(**asked)
    stop = usual.content[0].text[3:6]

    stopped = client.messages.create(**asked, stop_sequences=["no such text", stop])
    with client.messages.stream(**asked, stop_sequences=[stop]) as stream:
        streamed = stream.get_final_message()

    assert (usual.stop_reason, usual.stop_sequence) == ("max_tokens", None)
    assert (stopped.stop_reason, stopped.stop_sequence) == ("stop_sequence", stop)
    assert (streamed.stop_reason, streamed.stop_sequence) == ("stop_sequence", stop)
    assert stop not in stopped.content[0].text


def test_a_message_of_the_assistants_is_continued(address, anthropic_client, openai_client):
    begun = [*HELLO, {"role": "assistant", "content": "The well belongs"}]
    asked = {"model": "qwen2", "max_tokens": 8, "temperature": 0}
    anthropic, client = anthropic_client(address), openai_client(address)

    continued = client.chat.completions.create(**asked, messages=begun, extra_body={"continue_final_message": True})
    by_messages = anthropic.messages.create(model="qwen2", max_tokens=8, messages=begun, extra_body={"temperature": 0})
    answered = client.chat.completions.create(**asked, messages=begun)

    assert continued.usage.prompt_tokens < answered.usage.prompt_tokens
    assert by_messages.content[0].text == continued.choices[0].message.content != answered.choices[0].message.content
    for wrong in ({"messages": HELLO}, {"messages": begun, "add_generation_prompt": True}):
        with pytest.raises(openai.BadRequestError):
            client.chat.completions.create(**asked, messages=wrong.pop("messages"), extra_body={"continue_final_message": True, **wrong})


async def test_an_engine_that_has_ended_is_loaded_again():
    from mallku.engine import EngineRequest, whole_result
    from mallku.engine.fake_binding import FakeBinding
    from mallku.engine.threaded import ThreadedEngine

    async def load(settings):
        return await ThreadedEngine.load(lambda _: FakeBinding())

    residency = Residency(max_memory_gb=1, unload_after_s=900, load=load)
    settings = EngineSettings(model_path=Path("any.gguf"))

    async with residency.using(settings) as engine:
        await engine.close()
    async with residency.using(settings) as engine:
        assert (await whole_result(engine, EngineRequest(text="a", max_tokens=4))).text

    await residency.close()


def test_a_schema_governs_the_answer(address, openai_client):
    schema = {"type": "object", "properties": {"vote": {"enum": ["A", "B"]}}, "required": ["vote"], "additionalProperties": False}
    form = {"type": "json_schema", "json_schema": {"name": "vote", "schema": schema, "strict": True}}

    answer = openai_client(address).chat.completions.create(model="qwen2", messages=HELLO, max_tokens=60, response_format=form, seed=1)

    assert json.loads(answer.choices[0].message.content)["vote"] in {"A", "B"}


def test_raw_text_is_continued(address, openai_client):
    client = openai_client(address)

    whole = client.completions.create(model="qwen2", prompt=["the circle", "the water"], max_tokens=4, temperature=0, logprobs=2)
    chunks = list(client.completions.create(model="qwen2", prompt="the circle", max_tokens=4, temperature=0, stream=True))

    assert [choice.index for choice in whole.choices] == [0, 1]
    assert whole.usage.completion_tokens == 8
    assert len(whole.choices[0].logprobs.token_logprobs) == 4
    assert "".join(chunk.choices[0].text for chunk in chunks) == whole.choices[0].text


def test_a_prompt_of_token_ids_is_that_of_its_text(address, openai_client, http):
    client = openai_client(address)
    tokens = http.post(f"{address}/v1/tokenize", json={"model": "qwen2", "text": "the circle"}).json()["tokens"]

    by_ids = client.completions.create(model="qwen2", prompt=tokens, max_tokens=4, temperature=0)
    by_text = client.completions.create(model="qwen2", prompt="the circle", max_tokens=4, temperature=0, echo=True)

    assert by_text.choices[0].text == "the circle" + by_ids.choices[0].text


def test_chats_are_counted(address, http, openai_client):
    counted = http.post(f"{address}/v1/tokenize", json={"model": "qwen2", "messages": HELLO}).json()["count"]

    assert counted == openai_client(address).chat.completions.create(model="qwen2", messages=HELLO, max_tokens=1).usage.prompt_tokens


@pytest.mark.parametrize("model", ["vectors", "qwen2"])
def test_embeddings_are_unit_vectors(address, openai_client, model):
    made = openai_client(address).embeddings.create(model=model, input=["the water", "the garden"])

    for entry in made.data:
        assert math.isclose(sum(value * value for value in entry.embedding), 1, rel_tol=1e-4)
    assert made.data[0].embedding != made.data[1].embedding
    assert made.usage.prompt_tokens > 0


def test_a_model_for_embeddings_says_that_it_does_not_chat(address, openai_client):
    with pytest.raises(openai.BadRequestError, match="not supported"):
        openai_client(address).chat.completions.create(model="vectors", messages=HELLO)


def test_an_answer_limit_beyond_the_window_is_the_rest_of_the_window(address, openai_client):
    client = openai_client(address)

    assert client.chat.completions.create(model="qwen2", messages=HELLO, max_tokens=100_000, stop=["a", "e", "t", " "]).choices
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model="qwen2", messages=[{"role": "user", "content": "the water " * 3000}], max_tokens=5)
    assert refused.value.code == "context_length_exceeded"


def test_a_bad_grammar_is_told_and_the_engine_lives(address, openai_client, http):
    bad = {"model": "qwen2", "messages": HELLO, "max_tokens": 4, "grammar": "root ::= ("}

    assert http.post(f"{address}/v1/chat/completions", json=bad).status_code == 400
    assert openai_client(address).chat.completions.create(model="qwen2", messages=HELLO, max_tokens=2).choices


async def test_an_engine_is_loaded_once_for_all_who_ask_and_unloaded_when_idle(files):
    residency = Residency(max_memory_gb=1, unload_after_s=0.1)
    settings = EngineSettings(model_path=files["qwen2"], threads=1)

    async def use():
        async with residency.using(settings) as engine:
            assert residency.memory_gb > 0
            return engine

    engines = await asyncio.gather(use(), use(), use())
    loads = residency.loads
    async with asyncio.timeout(10):
        while residency.engine(settings) is not None:  # noqa: ASYNC110 - nothing tells when it is gone
            await asyncio.sleep(0.02)

    assert len(set(engines)) == 1
    assert loads == 1
    assert residency.memory_gb == 0
    await residency.close()


async def test_a_model_makes_room_for_another_unless_it_is_at_work(files):
    one = EngineSettings(model_path=files["qwen2"], threads=1)
    other = EngineSettings(model_path=files["qwen2"], threads=1, context_length=512)
    measuring = Residency(max_memory_gb=8, unload_after_s=60)
    async with measuring.using(one):
        limit = measuring.memory_gb * 1.001
    await measuring.close()
    residency = Residency(max_memory_gb=limit, unload_after_s=60)

    async with residency.using(one):
        with pytest.raises(Overloaded):
            async with residency.using(other):
                pass
    async with residency.using(other):
        assert residency.engine(one) is None
    assert residency.engine(other) is not None
    await residency.close()
    with pytest.raises(ModelTooLarge):
        async with Residency(max_memory_gb=limit / 100, unload_after_s=60).using(one):
            pass


def test_a_circle_and_a_model_have_one_set_of_weights(tmp_path, http):
    settings = ServerSettings(port=0, grace_s=1, threads=1, models=("tiny",), journal=str(tmp_path / "journal.db"))
    asked = {"model": "circle/statement", "messages": HELLO, "max_tokens": 12, "stream": True}

    def engines():
        return {thread.ident for thread in threading.enumerate() if thread.name == "mallku-engine"}

    with running(create_app(settings), settings) as address:
        http.post(f"{address}/v1/chat/completions", json={"model": "tiny", "messages": HELLO, "max_tokens": 2})
        loaded, added = engines(), set()
        held = [line for line in http.get(f"{address}/metrics").text.splitlines() if line.startswith("mallku_model_memory_bytes")]
        with http.stream("POST", f"{address}/v1/chat/completions", json=asked) as answer:
            for line in answer.iter_lines():
                added |= engines() - loaded if line else set()
        again = [line for line in http.get(f"{address}/metrics").text.splitlines() if line.startswith("mallku_model_memory_bytes")]

    assert answer.status_code == 200
    assert not added
    assert held == again
