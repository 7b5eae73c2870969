"""Messages over Anthropic's protocol, with Anthropic's own client."""

import anthropic
import pytest
from support.scripted_backend import ScriptedBackend

from mallku.dialogue.response import Usage
from mallku.server.backend import Outcome, Piece, ToolCall

ASK = {"model": "m", "max_tokens": 50, "messages": [{"role": "user", "content": "Who owns the well?"}]}
THOUGHT = [
    Piece(text="Hmm. ", channel="reasoning"),
    "We all ",
    "do.",
    Outcome(usage=Usage(prompt_tokens=9, cached_tokens=4, completion_tokens=5)),
]


def test_a_message_is_answered(serve, anthropic_client):
    message = anthropic_client(serve(ScriptedBackend("m", THOUGHT))).messages.create(**ASK)

    assert [(block.type, block.text) for block in message.content] == [("text", "We all do.")]
    assert (message.stop_reason, message.role, message.model) == ("end_turn", "assistant", "m")
    assert (message.usage.input_tokens, message.usage.cache_read_input_tokens, message.usage.output_tokens) == (5, 4, 5)


def test_a_message_is_streamed_in_the_order_the_client_expects(serve, anthropic_client):
    client = anthropic_client(serve(ScriptedBackend("m", THOUGHT)))

    with client.messages.stream(**ASK) as stream:
        text = "".join(stream.text_stream)
        message = stream.get_final_message()
    kinds = [event.type for event in client.messages.create(**ASK, stream=True)]

    assert text == "We all do."
    assert message.stop_reason == "end_turn"
    assert message.usage.output_tokens == 5
    assert message.usage.input_tokens == 5
    assert kinds == [
        "message_start",
        "content_block_start",
        *["content_block_delta"] * 2,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


def test_reasoning_is_shown_only_where_it_is_asked_for(serve, anthropic_client):
    client = anthropic_client(serve(ScriptedBackend("m", THOUGHT)))
    asked = {**ASK, "thinking": {"type": "enabled", "budget_tokens": 1024}}

    shown = client.messages.create(**asked)
    with client.messages.stream(**asked) as stream:
        streamed = stream.get_final_message()

    assert [block.type for block in shown.content] == ["thinking", "text"]
    assert [block.type for block in streamed.content] == ["thinking", "text"]
    assert streamed.content[0].thinking == "Hmm. "


def test_a_tool_is_called_and_its_result_is_read(serve, anthropic_client):
    call = ToolCall(id="call_1", name="depth", arguments='{"well": "north"}')
    backend = ScriptedBackend("m", ["Let me see.", Outcome(finish="tool_calls", tool_calls=(call,))])
    client = anthropic_client(serve(backend))
    tools = [
        {"name": "depth", "description": "Measure a well.", "input_schema": {"type": "object", "properties": {"well": {"type": "string"}}}}
    ]

    first = client.messages.create(**ASK, tools=tools)
    history = [
        *ASK["messages"],
        {"role": "assistant", "content": first.content},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": "12 m"}]},
    ]
    with client.messages.stream(**{**ASK, "messages": history}, tools=tools) as stream:
        streamed = stream.get_final_message()

    assert first.stop_reason == "tool_use"
    assert first.content[1].input == {"well": "north"}
    assert streamed.content[1].input == {"well": "north"}
    assert backend.asked[0].tools[0].name == "depth"
    assert '<tool_call>\n{"name": "depth", "arguments": {"well": "north"}}' in backend.asked[1].messages[1].content
    assert "12 m" in backend.asked[1].messages[2].content


def test_system_text_and_options_arrive(serve, anthropic_client):
    backend = ScriptedBackend("m")
    client = anthropic_client(serve(backend))

    sampling = {"temperature": 0.2, "top_k": 5}
    client.messages.create(**ASK, system=[{"type": "text", "text": "Be brief."}], stop_sequences=["END"], extra_body=sampling)

    asked = backend.asked[0]
    assert [(message.role, message.content) for message in asked.messages] == [("system", "Be brief."), ("user", "Who owns the well?")]
    assert (asked.max_tokens, asked.temperature, asked.top_k, asked.stop) == (50, 0.2, 5, ("END",))


def test_tokens_are_counted(serve, anthropic_client):
    counted = anthropic_client(serve(ScriptedBackend("m"))).messages.count_tokens(model="m", messages=ASK["messages"], system="Be brief.")

    assert counted.input_tokens == 6


@pytest.mark.parametrize(
    "change",
    [
        {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": "http://x"}}]}]},
        {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": ""}]},
        {"messages": [{"role": "system", "content": "a"}]},
        {"messages": []},
        {"max_tokens": 0},
        {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
        {"tool_choice": {"type": "any"}},
        {"container": "c"},
    ],
)
def test_what_cannot_be_done_is_refused_in_anthropics_shape(serve, anthropic_client, change):
    client = anthropic_client(serve(ScriptedBackend("m")))

    with pytest.raises(anthropic.BadRequestError) as refused:
        client.messages.create(**{**ASK, **change})

    assert refused.value.body["type"] == "error"
    assert refused.value.body["error"]["type"] == "invalid_request_error"


def test_a_model_that_cannot_continue_a_message_says_so(serve, anthropic_client, scripted):
    begun = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]

    with pytest.raises(anthropic.BadRequestError, match="does not continue"):
        anthropic_client(serve(scripted())).messages.create(model="scripted", max_tokens=5, messages=begun)


def test_errors_have_the_classes_of_the_client(serve, anthropic_client):
    from mallku.errors import EngineCrashed, Overloaded

    address = serve(ScriptedBackend("busy", [Overloaded("Busy.")]), ScriptedBackend("broken", ["So ", EngineCrashed("It died.")]))
    client = anthropic_client(address)

    with pytest.raises(anthropic.NotFoundError):
        client.messages.create(**{**ASK, "model": "none"})
    with pytest.raises(anthropic.APIStatusError) as busy:
        client.messages.create(**{**ASK, "model": "busy"})
    with pytest.raises(anthropic.APIStatusError, match="It died"), client.messages.stream(**{**ASK, "model": "broken"}) as stream:
        list(stream)

    assert busy.value.status_code == 503
