"""Tools and reasoning over the chat protocol."""

import json

import pytest
from support.scripted_backend import ScriptedBackend

from mallku.dialogue.message import Message
from mallku.engine import EngineResult, TextPiece
from mallku.server.backend import Generation, Outcome, Piece, Tool, ToolCall
from mallku.server.engine_backend import TemplateTraits, _Reader, level_of
from mallku.server.tool_speech import forced_call_schema

DEPTH = {"type": "function", "function": {"name": "depth", "parameters": {"type": "object", "properties": {"well": {"type": "string"}}}}}
ASK = {"model": "m", "messages": [{"role": "user", "content": "How deep?"}]}


def test_tool_calls_reach_the_client_whole_and_streamed(serve, openai_client):
    call = ToolCall(id="call_1", name="depth", arguments='{"well": "north"}')
    client = openai_client(serve(ScriptedBackend("m", [Outcome(finish="tool_calls", tool_calls=(call,))])))

    whole = client.chat.completions.create(**ASK, tools=[DEPTH]).choices[0]
    with client.chat.completions.stream(**ASK, tools=[DEPTH]) as stream:
        streamed = stream.get_final_completion().choices[0]

    for choice in (whole, streamed):
        assert choice.finish_reason == "tool_calls"
        assert choice.message.tool_calls[0].function.name == "depth"
        assert json.loads(choice.message.tool_calls[0].function.arguments) == {"well": "north"}
    assert whole.message.content is None


def test_reasoning_stands_in_its_own_field_and_only_if_asked_for(serve, openai_client):
    client = openai_client(serve(ScriptedBackend("m", [Piece(text="Hmm.", channel="reasoning"), "12 m."])))

    plain = client.chat.completions.create(**ASK)
    asked = client.chat.completions.create(**ASK, extra_body={"include_reasoning": True})
    chunks = list(client.chat.completions.create(**ASK, stream=True))

    assert plain.choices[0].message.content == "12 m."
    assert "Hmm" not in plain.model_dump_json()
    assert asked.choices[0].message.reasoning_content == "Hmm."
    assert all("Hmm" not in chunk.model_dump_json() for chunk in chunks)


def read(text, *, tools=(), place="outside", size=4):
    generation = Generation(messages=(Message(role="user", content="x"),), tools=tools)
    reader = _Reader(generation, place)
    pieces = [piece for at in range(0, len(text), size) for piece in reader.read(TextPiece(text=text[at : at + size]))]
    figures = {"prompt_tokens": 1, "shared_tokens": 0, "completion_tokens": 1, "first_token_s": 0, "total_s": 0, "compute_s": 0}
    *more, outcome = reader.read(EngineResult(text=text, tokens=(), end_reason="stop", **figures))
    pieces += more
    said = {channel: "".join(piece.text for piece in pieces if piece.channel == channel) for channel in ("text", "reasoning")}
    return (
        said["text"].strip(),
        said["reasoning"].strip(),
        [(call.name, json.loads(call.arguments)) for call in outcome.tool_calls],
        outcome.finish,
    )


def test_a_models_writing_is_sorted_into_reasoning_speech_and_calls():
    tool = (Tool(name="depth"),)
    call = '<tool_call>{"name": "depth", "arguments": {"well": "north"}}</tool_call>'

    assert read("<think>Hmm.</think>12 m.") == ("12 m.", "Hmm.", [], "stop")
    assert read("Hmm.</think>12 m.", place="inside") == ("12 m.", "Hmm.", [], "stop")
    assert read(f"<think>Hmm.</think>{call}", tools=tool) == ("", "Hmm.", [("depth", {"well": "north"})], "tool_calls")
    assert read(call) == (call, "", [], "stop")
    assert read("<|channel|>analysis<|message|>Hmm.<|end|><|start|>assistant<|channel|>final<|message|>12 m.") == (
        "12 m.",
        "Hmm.",
        [],
        "stop",
    )


HARMONY = {
    "<|channel|>analysis<|message|>Hmm.<|end|><|start|>assistant<|channel|>final<|message|>12 m.<|return|>": ("12 m.", "Hmm."),
    "<|channel|>final<|message|>12 m.": ("12 m.", ""),
    "<|start|>assistant<|channel|>final<|message|>12 m.<|end|>": ("12 m.", ""),
    "<|channel|>analysis<|message|>Hmm.": ("", "Hmm."),
    "<|channel|>analysis<|message|>a<|end|><|channel|>analysis<|message|>b<|end|><|channel|>final<|message|>c": ("c", "ab"),
    "<|channel|>commentary<|message|>I will look.<|end|><|start|>assistant<|channel|>final<|message|>c": ("c", "I will look."),
    "<|channel|>final <|constrain|>json<|message|>{}<|return|>": ("{}", ""),
    "<|channel|>final<|message|>a < b and <tag> and <|not a mark": ("a < b and <tag> and <|not a mark", ""),
    "<|channel|>final<|message|>naïve … ☂": ("naïve … ☂", ""),
    "analysisHmm.assistantfinal12 m.": ("12 m.", "Hmm."),
    "analysisHmm.assistantcommentaryI look.assistantfinal12 m.": ("12 m.", "Hmm.I look."),
    "analysis of the well shows water": ("analysis of the well shows water", ""),
    "finally": ("finally", ""),
    "<thinking>Hmm.</thinking>12 m.": ("12 m.", "Hmm."),
    "[THINK]Hmm.[/THINK]12 m.": ("12 m.", "Hmm."),
    "◁think▷Hmm.◁/think▷12 m.": ("12 m.", "Hmm."),
    "<think>Hmm": ("", "Hmm"),
    "<think></think>12 m.": ("12 m.", ""),
    "12 m. <b>": ("12 m. <b>", ""),
    "<th": ("<th", ""),
}


@pytest.mark.parametrize("size", [1, 5, 1000])
@pytest.mark.parametrize("written", list(HARMONY))
def test_channels_and_tags_are_sorted_however_the_pieces_are_cut(written, size):
    assert read(written, size=size)[:2] == HARMONY[written]


def test_harmonys_tool_calls_are_calls_and_no_content():
    answer = '<|channel|>commentary to=functions.depth <|constrain|>json<|message|>{"well": "north"}<|call|>'

    text, _, calls, finish = read(answer, tools=(Tool(name="depth"),))

    assert (text, calls, finish) == ("", [("depth", {"well": "north"})], "tool_calls")


def test_a_template_tells_what_a_model_can_do():
    thinking = "{% if tools %}{% endif %}{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}{{ reasoning_effort }}"
    closed = "{% if add_generation_prompt %}{% if enable_thinking is false %}<think>\n\n</think>{% endif %}{% endif %}"

    assert TemplateTraits.of(thinking) == TemplateTraits(has_tools=True, has_effort=True)
    assert TemplateTraits.of(closed) == TemplateTraits(has_thinking_switch=True, source=closed)


def test_the_reasoning_level_follows_the_temperature():
    assert [level_of(temperature) for temperature in (None, 0, 0.3, 0.31, 0.7, 0.71, 2)] == [
        "medium",
        "low",
        "low",
        "medium",
        "medium",
        "high",
        "high",
    ]


def test_a_forced_call_has_a_schema_of_one_of_the_tools():
    one, two = Tool(name="a", parameters={"type": "object"}), Tool(name="b")

    assert forced_call_schema([one])["properties"]["name"] == {"const": "a"}
    assert len(forced_call_schema([one, two])["anyOf"]) == 2
