"""What we answer has the shapes that OpenAI publishes, and the official SDKs accept it when they are told to be strict."""

import functools
import json
from pathlib import Path

import anthropic
import jsonschema
import openai
import pytest
from support.scripted_backend import ScriptedBackend

from mallku.dialogue.response import Usage
from mallku.server.backend import Outcome, Piece, TokenChoice, ToolCall

SHAPES = json.loads((Path(__file__).parent / "data" / "openai_shapes.json").read_text(encoding="utf-8"))
HELLO = [{"role": "user", "content": "How deep is the well?"}]
PARAMETERS = {"type": "object", "properties": {"well": {"type": "string"}}}
TOOL = {"name": "depth", "description": "Depth of a well", "parameters": PARAMETERS}
CALL = ToolCall(id="call_1", name="depth", arguments='{"well": "north"}')
USAGE = Usage(prompt_tokens=9, cached_tokens=4, completion_tokens=3)
LIKELY = TokenChoice(text="12", logprob=-0.1, alternatives=(TokenChoice(text="12", logprob=-0.1), TokenChoice(text="9", logprob=-3.0)))


@functools.cache
def shape(name):
    """Return what judges by one of the published shapes, made once: making it takes far longer than judging."""
    return jsonschema.Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": SHAPES["$defs"]})


def fits(answer, name):
    """Raise if an answer does not have the published shape."""
    shape(name).validate(answer)


def test_the_published_shapes_are_shapes():
    jsonschema.Draft202012Validator.check_schema({"$defs": SHAPES["$defs"]})


def models():
    text = [Piece(text="Hmm.", channel="reasoning"), Piece(text="12", logprobs=(LIKELY,)), Piece(text=" m.")]
    return (
        ScriptedBackend("m", [*text, Outcome(usage=USAGE, finish="stop")]),
        ScriptedBackend("cut", ["12", Outcome(usage=USAGE, finish="length")]),
        ScriptedBackend("calls", ["I look.", Outcome(usage=USAGE, finish="tool_calls", tool_calls=(CALL, CALL))]),
    )


def streamed(answer):
    return [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]


@pytest.fixture
def address(serve):
    return serve(*models())


@pytest.mark.parametrize("model", ["m", "cut", "calls"])
def test_chats_have_the_published_shape(address, http, model):
    asked = {
        "model": model,
        "messages": HELLO,
        "logprobs": True,
        "top_logprobs": 2,
        "n": 2,
        "tools": [{"type": "function", "function": TOOL}],
    }

    whole = http.post(f"{address}/v1/chat/completions", json=asked)
    chunks = streamed(
        http.post(f"{address}/v1/chat/completions", json={**asked, "stream": True, "stream_options": {"include_usage": True}})
    )

    fits(whole.json(), SHAPES["answers"]["chat"])
    assert len(chunks) > 4
    for chunk in chunks:
        # the description says in words that `usage` is null until the last chunk, and its shape forgets it
        fits({name: value for name, value in chunk.items() if name != "usage" or value}, SHAPES["answers"]["chat_chunk"])


@pytest.mark.parametrize("model", ["m", "cut"])
def test_completions_have_the_published_shape(address, http, model):
    asked = {"model": model, "prompt": ["One", "Two"], "logprobs": 2, "n": 2}

    fits(http.post(f"{address}/v1/completions", json=asked).json(), SHAPES["answers"]["completion"])
    chunks = streamed(http.post(f"{address}/v1/completions", json={**asked, "stream": True}))
    assert len(chunks) > 4
    for chunk in chunks:
        # the description has one shape for whole and streamed answers; OpenAI's own server, and so its clients, know null until the end
        chunk["choices"][0]["finish_reason"] = chunk["choices"][0]["finish_reason"] or "stop"
        fits(chunk, SHAPES["answers"]["completion"])


@pytest.mark.parametrize("model", ["m", "cut", "calls"])
@pytest.mark.parametrize("form", [{"type": "text"}, {"type": "json_schema", "name": "depth", "schema": {"type": "object"}}])
def test_responses_have_the_published_shape(address, http, model, form):
    asked = {
        "model": model,
        "input": "How deep?",
        "instructions": "Be brief.",
        "tools": [{"type": "function", **TOOL}],
        "tool_choice": {"type": "function", "name": "depth"},
        "reasoning": {"summary": "auto", "effort": "low"},
        "text": {"format": form},
        "temperature": 0.5,
        "metadata": {"a": "b"},
    }

    whole = http.post(f"{address}/v1/responses", json=asked).json()
    events = streamed(http.post(f"{address}/v1/responses", json={**asked, "stream": True}))

    fits(whole, SHAPES["answers"]["response"])
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    for event in events:
        fits(event, SHAPES["events"][event["type"]])


def test_models_vectors_and_errors_have_the_published_shapes(address, http):
    asked = {"model": "m", "input": ["One", "Two"]}

    fits(http.get(f"{address}/v1/models").json(), SHAPES["answers"]["models"])
    fits(http.get(f"{address}/v1/models/m").json(), SHAPES["answers"]["model"])
    fits(http.post(f"{address}/v1/embeddings", json=asked).json(), SHAPES["answers"]["embeddings"])
    for path, body in (("/v1/chat/completions", {}), ("/v1/embeddings", {"model": "none", "input": "a"}), ("/nowhere", {})):
        fits(http.post(f"{address}{path}", json=body).json(), SHAPES["answers"]["error"])


def test_the_published_shapes_can_be_missed(address, http):
    whole = http.post(f"{address}/v1/chat/completions", json={"model": "m", "messages": HELLO}).json()
    del whole["choices"][0]["logprobs"]

    with pytest.raises(jsonschema.ValidationError):
        fits(whole, SHAPES["answers"]["chat"])


@pytest.mark.parametrize("model", ["m", "calls"])
def test_the_sdk_of_openai_accepts_every_answer_strictly(address, model):
    plain = openai.DefaultHttpx2Client(trust_env=False)
    with openai.OpenAI(base_url=f"{address}/v1", api_key="none", http_client=plain, _strict_response_validation=True) as client:
        asked = {"model": model, "messages": HELLO, "tools": [{"type": "function", "function": TOOL}], "logprobs": True}
        calls = {"model": model, "input": "How deep?", "tools": [{"type": "function", "strict": False, **TOOL}]}

        assert client.chat.completions.create(**asked).usage.total_tokens
        assert list(client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}))[-1].usage.total_tokens
        assert client.responses.create(**calls, reasoning={"summary": "auto"}).output
        assert [event.type for event in client.responses.create(**calls, stream=True)][-1] == "response.completed"
        assert client.completions.create(model="m", prompt="One").choices
        assert len(client.embeddings.create(model=model, input="One", encoding_format="float").data[0].embedding) == 3
        assert [served.id for served in client.models.list()][:3] == ["m", "cut", "calls"]


@pytest.mark.parametrize("model", ["m", "calls"])
def test_the_sdk_of_anthropic_accepts_every_answer_strictly(address, model):
    with anthropic.Anthropic(base_url=address, api_key="none", _strict_response_validation=True) as client:
        asked = {
            "model": model,
            "max_tokens": 2000,
            "messages": HELLO,
            "thinking": {"type": "enabled", "budget_tokens": 1024},
            "tools": [{"name": "depth", "input_schema": PARAMETERS}],
        }

        assert client.messages.create(**asked).usage.output_tokens == 3
        assert [event.type for event in client.messages.create(**asked, stream=True)][-1] == "message_stop"
        assert client.messages.count_tokens(model=model, messages=HELLO).input_tokens
