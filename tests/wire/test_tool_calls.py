"""Tool calls are told apart from speech, however the pieces are cut."""

import json

import pytest

from mallku.wire.tool_calls import ToolCallSplitter, harmony_calls

ANSWERS = [
    ('<tool_call>\n{"name": "depth", "arguments": {"well": "north"}}\n</tool_call>', "", [("depth", {"well": "north"})]),
    ('Let me see. <tool_call>{"name": "a", "arguments": {}}</tool_call>', "Let me see. ", [("a", {})]),
    (
        '<tool_call>{"name": "a", "arguments": {"n": 1}}</tool_call>\n<tool_call>{"name": "b", "arguments": {}}</tool_call>',
        "",
        [("a", {"n": 1}), ("b", {})],
    ),
    ('[TOOL_CALLS][{"name": "a", "arguments": {"t": "]"}}, {"name": "b", "arguments": {}}]', "", [("a", {"t": "]"}), ("b", {})]),
    ('{"name": "a", "parameters": {"x": [1, 2]}}', "", [("a", {"x": [1, 2]})]),
    ('{"name": "a", "arguments": "{\\"x\\": 1}"}', "", [("a", {"x": 1})]),
    ('<tool_call>{"name": "a", "arguments": {}', '<tool_call>{"name": "a", "arguments": {}', []),
    ("<tool_call>not json</tool_call> so", "<tool_call>not json</tool_call> so", []),
    ('{"vote": "A"}', '{"vote": "A"}', []),
    ("a < b and [x] <tool", "a < b and [x] <tool", []),
    ('Say {"name": "a", "arguments": {}}', 'Say {"name": "a", "arguments": {}}', []),
    ("", "", []),
]


@pytest.mark.parametrize(("answer", "speech", "calls"), ANSWERS)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_speech_and_calls_are_the_same_however_the_pieces_are_cut(answer, speech, calls, size):
    splitter = ToolCallSplitter()
    said = "".join(splitter.feed(answer[at : at + size]) for at in range(0, len(answer), size)) + splitter.finish()

    assert said == speech
    assert [(call.name, json.loads(call.arguments)) for call in splitter.calls] == calls


@pytest.mark.parametrize(
    ("answer", "calls"),
    [
        (
            "<|channel|>analysis<|message|>Hmm.<|end|>"
            "<|start|>assistant<|channel|>commentary to=functions.depth <|constrain|>json<|message|>" + '{"well": "north"}<|call|>',
            [("depth", {"well": "north"})],
        ),
        ('<|start|>assistant to=functions.depth<|channel|>commentary json<|message|>{"well": 1}', [("depth", {"well": 1})]),
        (
            '<|channel|>commentary to=functions.a<|message|>{}<|call|><|channel|>commentary to=functions.b<|message|>{"x": [1]}<|call|>',
            [("a", {}), ("b", {"x": [1]})],
        ),
        ("<|channel|>commentary to=functions.a<|message|>not json<|call|>", []),
        ("<|channel|>final<|message|>Write to=functions.a yourself.<|return|>", []),
        ("", []),
    ],
)
def test_harmonys_calls_are_read_from_its_commentary(answer, calls):
    assert [(call.name, json.loads(call.arguments)) for call in harmony_calls(answer)] == calls
