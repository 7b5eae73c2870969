"""Chat over OpenAI's protocol, with OpenAI's own client."""

import json

import openai
import pytest

HELLO = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Who owns the well?"}]


def test_a_chat_is_answered(serve, scripted, openai_client):
    client = openai_client(serve(scripted("We all do.")))

    answer = client.chat.completions.create(model="scripted", messages=HELLO)

    assert answer.choices[0].message.content == "We all do."
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.object == "chat.completion"
    assert answer.id.startswith("chatcmpl-")
    assert answer.model == "scripted"
    assert answer.usage.completion_tokens == 3
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + 3


def test_a_chat_is_streamed(serve, scripted, openai_client):
    client = openai_client(serve(scripted("We all do.")))

    chunks = list(client.chat.completions.create(model="scripted", messages=HELLO, stream=True, stream_options={"include_usage": True}))

    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "We all do."
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens == 3
    assert {chunk.id for chunk in chunks} == {chunks[0].id}
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_the_bytes_of_a_stream_are_events_that_end_in_done(serve, scripted, http):
    address = serve(scripted("One two"))

    answer = http.post(f"{address}/v1/chat/completions", json={"model": "scripted", "messages": HELLO, "stream": True})

    assert answer.headers["content-type"].startswith("text/event-stream")
    events = answer.text.split("\n\n")
    assert events[-1] == ""
    assert events[-2] == "data: [DONE]"
    assert all(event.startswith("data: {") and "\n" not in event for event in events[:-2])
    assert all("usage" not in json.loads(event[6:]) for event in events[:-2])


def test_several_answers_come_with_their_indices(serve, scripted, openai_client):
    client = openai_client(serve(scripted("Yes.")))

    whole = client.chat.completions.create(model="scripted", messages=HELLO, n=3)
    texts = {0: "", 1: "", 2: ""}
    for chunk in client.chat.completions.create(model="scripted", messages=HELLO, n=3, stream=True):
        texts[chunk.choices[0].index] += chunk.choices[0].delta.content or ""

    assert [choice.index for choice in whole.choices] == [0, 1, 2]
    assert texts == dict.fromkeys(range(3), "Yes.")
    assert whole.usage.completion_tokens == 3


def test_models_are_listed_and_told(serve, scripted, openai_client, http):
    address = serve(scripted(), scripted(name="lab/small:q8"))
    client = openai_client(address)

    assert [model.id for model in client.models.list()][:2] == ["scripted", "lab/small:q8"]
    assert client.models.retrieve("lab/small:q8").object == "model"
    assert len(http.get(f"{address}/v1/models/lab/small:q8").content) < 1000
    with pytest.raises(openai.NotFoundError, match="scripted"):
        client.models.retrieve("scriptet")


def test_the_first_model_answers_requests_without_a_name(serve, scripted, http):
    address = serve(scripted("First."), scripted("Second.", name="second"))

    answer = http.post(f"{address}/v1/chat/completions", json={"messages": HELLO})

    assert answer.json()["model"] == "scripted"


def test_a_default_name_that_is_no_models_stands_for_the_first(serve, scripted, http):
    address = serve(scripted("First."), default_model="gpt-4o")

    answers = [http.post(f"{address}/v1/chat/completions", json={"model": name, "messages": HELLO}) for name in ("gpt-4o", "gpt-5")]

    assert [answer.status_code for answer in answers] == [200, 404]


def test_text_that_is_no_unicode_does_no_harm(serve, scripted, http):
    body = b'{"model": "scripted", "messages": [{"role": "user", "content": "\\ud800"}], "user": "\\u0000"}'

    answer = http.post(f"{serve(scripted())}/v1/chat/completions", content=body, headers={"content-type": "application/json"})

    assert answer.status_code in {200, 400}


def test_health_tells_what_is_loaded(serve, scripted, http):
    health = http.get(f"{serve(scripted())}/health").json()

    assert health["status"] == "ok"
    assert health["model_loaded"] is True
    assert health["model_name"] == "scripted"
    assert health["uptime_seconds"] >= 0


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("logit_bias", {"5": 1}),
        ("logprobs", True),
        ("presence_penalty", 0.5),
        ("functions", []),
        ("audio", {}),
        ("grammar", 'root ::= "a"'),
    ],
)
def test_an_option_the_model_does_not_have_is_refused_by_name(lasting_server, http, option, value):
    address = lasting_server

    answer = http.post(f"{address}/v1/chat/completions", json={"model": "scripted", "messages": HELLO, option: value})

    assert answer.status_code == 400
    assert option in answer.json()["error"]["message"]
    assert answer.json()["error"]["param"] == option


def test_an_option_at_its_neutral_value_is_not_refused(serve, scripted, http):
    neutral = {"presence_penalty": 0, "logprobs": False, "logit_bias": {}, "top_p": 1, "n": 1, "user": "ada", "store": False, "tools": []}
    address = serve(scripted())

    answer = http.post(f"{address}/v1/chat/completions", json={"model": "scripted", "messages": HELLO, **neutral})

    assert answer.status_code == 200


def test_a_participant_reads_system_text_and_the_conversation(serve, openai_client):
    from mallku.server.participant_backend import ParticipantBackend
    from mallku.testing import ScriptedParticipant

    participant = ScriptedParticipant(["Indeed."])
    client = openai_client(serve(ParticipantBackend("seat", participant)))
    said = [
        *HELLO,
        {"role": "assistant", "content": "Nobody."},
        {"role": "user", "name": "Ada", "content": [{"type": "text", "text": "Sure?"}]},
    ]

    client.chat.completions.create(model="seat", messages=said, max_tokens=9, temperature=0.5, stop=["\n"], seed=4)

    prompt, settings = participant.prompts[0], participant.settings[0]
    assert prompt.system == "Be brief."
    assert prompt.user.index("Who owns") < prompt.user.index("You: Nobody.") < prompt.user.index("User: Ada: Sure?")
    assert (settings.max_tokens, settings.temperature, settings.stop, settings.seed) == (9, 0.5, ("\n",), 4)
