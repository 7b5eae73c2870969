"""One request through a real llama.cpp: text, stops, limits, cancellation."""

import asyncio
import json

import pytest

from mallku.dialogue.message import Message
from mallku.engine import EngineRequest, EngineResult, EngineSettings, Sampling, load_engine, whole_result
from mallku.errors import ContextOverflow, EngineCrashed, ModelFileInvalid, ModelFileMissing, RequestRefused

GREEDY = Sampling(temperature=0)
CHAT = (Message(role="system", content="Sit in the circle."), Message(role="user", content="Should the garden have water?"))


@pytest.fixture
async def engine(models):
    loaded = await load_engine(EngineSettings(model_path=models["llama"], context_length=512, threads=1))
    yield loaded
    await loaded.close()


async def test_the_pieces_of_a_stream_join_to_the_text_of_the_result(engine):
    parts = [part async for part in engine.generate(EngineRequest(messages=CHAT, max_tokens=24, sampling=GREEDY))]

    assert isinstance(parts[-1], EngineResult)
    assert "".join(part.text for part in parts[:-1]) == parts[-1].text
    assert parts[-1].completion_tokens == 24
    assert parts[-1].end_reason == "length"


async def test_the_same_seed_gives_the_same_text_and_another_seed_another(engine):
    def request(seed):
        return EngineRequest(messages=CHAT, max_tokens=24, sampling=Sampling(temperature=2.0, top_k=0, top_p=1, min_p=0, seed=seed))

    texts = [(await whole_result(engine, request(seed))).text for seed in (1, 1, 2)]

    assert texts[0] == texts[1] != texts[2]


async def test_a_stop_text_ends_the_answer_and_is_not_in_it(engine):
    free = await whole_result(engine, EngineRequest(messages=CHAT, max_tokens=24, sampling=GREEDY))
    stop = free.text[8:11]
    stopped = await whole_result(engine, EngineRequest(messages=CHAT, max_tokens=24, sampling=GREEDY, stop=(stop,)))

    assert stopped.text == free.text[: free.text.index(stop)]
    assert stopped.end_reason == "stop"


async def test_a_schema_is_kept_with_its_properties_in_order(engine):
    schema = {
        "type": "object",
        "properties": {"reason": {"type": "string", "maxLength": 12}, "choice": {"enum": ["A", "B"]}},
        "required": ["reason", "choice"],
        "additionalProperties": False,
    }
    for seed in range(4):
        request = EngineRequest(messages=CHAT, max_tokens=200, sampling=Sampling(seed=seed), schema=schema)
        answer = json.loads((await whole_result(engine, request)).text)

        assert list(answer) == ["reason", "choice"]
        assert answer["choice"] in {"A", "B"}


async def test_an_invalid_grammar_is_refused(engine):
    with pytest.raises(RequestRefused, match="GBNF"):
        await whole_result(engine, EngineRequest(messages=CHAT, grammar="root ::= ("))


async def test_what_can_never_fit_is_refused_with_the_figures(engine):
    with pytest.raises(ContextOverflow) as refusal:
        await whole_result(engine, EngineRequest(text="water " * 600, max_tokens=100))

    assert refusal.value.window == 512
    assert refusal.value.needed > 700


async def test_leaving_the_stream_frees_the_memory(engine):
    async for _ in (stream := engine.generate(EngineRequest(messages=CHAT, max_tokens=400, sampling=GREEDY))):
        break
    await stream.aclose()

    assert (await engine.statistics()).cells_used == 0
    assert (await engine.statistics()).generated_tokens < 400


async def test_log_probabilities_are_those_of_the_model(engine):
    result = await whole_result(engine, EngineRequest(messages=CHAT, max_tokens=5, sampling=GREEDY, logprobs=3))

    assert [entry.token for entry in result.logprobs] == list(result.tokens)
    for entry in result.logprobs:
        assert entry.alternatives[0].token == entry.token
        assert 0 >= entry.logprob == entry.alternatives[0].logprob > entry.alternatives[1].logprob


async def test_closing_ends_running_requests_and_refuses_new_ones(models):
    engine = await load_engine(EngineSettings(model_path=models["llama"], context_length=2000, threads=1))
    running = asyncio.ensure_future(whole_result(engine, EngineRequest(messages=CHAT, max_tokens=1800, sampling=GREEDY)))
    await asyncio.sleep(0.02)
    await engine.close()
    await engine.close()

    with pytest.raises(EngineCrashed):
        await running
    with pytest.raises(EngineCrashed):
        await whole_result(engine, EngineRequest(messages=CHAT))


async def test_files_that_cannot_be_loaded_are_named(models, tmp_path):
    missing, text, cut = tmp_path / "missing.gguf", tmp_path / "text.gguf", tmp_path / "cut.gguf"
    text.write_text("not a model")
    cut.write_bytes(models["llama"].read_bytes()[:40_000])

    with pytest.raises(ModelFileMissing, match=r"missing\.gguf"):
        await load_engine(EngineSettings(model_path=missing))
    for path in (text, cut):
        with pytest.raises(ModelFileInvalid, match=path.name):
            await load_engine(EngineSettings(model_path=path))


async def test_a_request_of_exactly_the_window_is_answered_and_one_token_more_is_refused(engine):
    prompt = (65,) * 500
    whole = await whole_result(engine, EngineRequest(tokens=prompt, max_tokens=12, sampling=GREEDY, ignores_end=True))
    with pytest.raises(ContextOverflow) as refusal:
        await whole_result(engine, EngineRequest(tokens=prompt, max_tokens=13, sampling=GREEDY))

    assert whole.completion_tokens == 12
    assert (refusal.value.needed, refusal.value.window) == (513, 512)
