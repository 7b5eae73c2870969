"""The responses protocol, with OpenAI's own client."""

import openai
import pytest
from support.scripted_backend import ScriptedBackend

from mallku.dialogue.response import Usage
from mallku.server.backend import Outcome, Piece, ToolCall

THOUGHT = [
    Piece(text="Hmm.", channel="reasoning"),
    "We all ",
    "do.",
    Outcome(usage=Usage(prompt_tokens=9, cached_tokens=4, completion_tokens=5)),
]
DEPTH = {"type": "function", "name": "depth", "parameters": {"type": "object", "properties": {"well": {"type": "string"}}}}


def test_a_response_is_given(serve, openai_client):
    backend = ScriptedBackend("m", THOUGHT)
    response = openai_client(serve(backend)).responses.create(model="m", input="Who owns the well?", instructions="Be brief.")

    assert response.output_text == "We all do."
    assert response.status == "completed"
    assert [item.type for item in response.output] == ["message"]
    assert (response.usage.input_tokens, response.usage.input_tokens_details.cached_tokens, response.usage.total_tokens) == (9, 4, 14)
    assert [message.role for message in backend.asked[0].messages] == ["system", "user"]


def test_a_response_is_streamed_in_the_order_the_client_expects(serve, openai_client):
    client = openai_client(serve(ScriptedBackend("m", THOUGHT)))

    events = list(client.responses.create(model="m", input="Who?", stream=True))
    with client.responses.stream(model="m", input="Who?", reasoning={"summary": "auto"}) as stream:
        final = stream.get_final_response()

    assert [event.type.removeprefix("response.") for event in events] == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert [item.type for item in final.output] == ["reasoning", "message"]
    assert final.output_text == "We all do."


def test_a_function_is_called_and_its_output_is_read(serve, openai_client):
    call = ToolCall(id="call_1", name="depth", arguments='{"well": "north"}')
    backend = ScriptedBackend("m", [Outcome(finish="tool_calls", tool_calls=(call,))])
    client = openai_client(serve(backend))

    first = client.responses.create(model="m", input="How deep?", tools=[DEPTH])
    history = [
        {"role": "user", "content": "How deep?"},
        *[item.model_dump(exclude_none=True) for item in first.output],
        {"type": "function_call_output", "call_id": "call_1", "output": "12 m"},
    ]
    streamed = list(client.responses.create(model="m", input=history, tools=[DEPTH], stream=True))

    assert (first.output[0].type, first.output[0].name, first.output[0].call_id) == ("function_call", "depth", "call_1")
    assert "12 m" in backend.asked[1].messages[-1].content
    assert [event.type.removeprefix("response.") for event in streamed][2:] == [
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "completed",
    ]


def test_an_answer_cut_at_the_limit_is_incomplete(serve, openai_client):
    client = openai_client(serve(ScriptedBackend("m", ["We", Outcome(finish="length")])))

    response = client.responses.create(model="m", input="Who?", max_output_tokens=1)

    assert response.status == "incomplete"
    assert response.incomplete_details.reason == "max_output_tokens"


@pytest.mark.parametrize(
    "change", [{"store": True}, {"previous_response_id": "resp_1"}, {"tools": [{"type": "web_search"}]}, {"background": True}]
)
def test_what_is_not_supported_is_refused(serve, openai_client, change):
    client = openai_client(serve(ScriptedBackend("m")))

    with pytest.raises(openai.BadRequestError, match=next(iter(change))):
        client.responses.create(model="m", input="Who?", **change)
