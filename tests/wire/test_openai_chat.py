"""Requests say only what was asked for; answers are read whatever is missing in them."""

import json

import pytest

from mallku.dialogue.prompt import GenerationSettings, Prompt
from mallku.errors import ProtocolViolation
from mallku.wire.chat_answer import ChatAnswer
from mallku.wire.dialect import LADDER, Dialect, dialect_of
from mallku.wire.json_answers import last_object, misfit
from mallku.wire.openai_chat import read_chunk, write_request
from mallku.wire.repetition import loop_length
from mallku.wire.sse import SseReader

PROMPT = Prompt(system="Be brief.", user="What now?")
SCHEMA = {"type": "object", "properties": {"choice": {"enum": ["A", "B"]}}, "required": ["choice"]}


def test_a_request_holds_one_system_and_one_user_message_of_plain_text_and_a_token_cap():
    body = write_request(PROMPT, GenerationSettings(max_tokens=9), Dialect(), model="m")

    assert body == {
        "model": "m",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What now?"}],
        "max_tokens": 9,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_the_charter_moves_into_the_user_message_where_the_template_has_no_system_role():
    body = write_request(PROMPT, GenerationSettings(max_tokens=9), Dialect(folds_system=True), model="m")

    assert body["messages"] == [{"role": "user", "content": "Be brief.\n\nWhat now?"}]


def test_stream_options_are_not_sent_without_streaming():
    assert "stream_options" not in write_request(PROMPT, GenerationSettings(), Dialect(streams=False), model="m")


@pytest.mark.parametrize(("server", "sent"), [("llama-server", True), ("ollama", False), ("transformers", False), ("", False)])
def test_sampling_fields_beyond_the_protocol_go_only_to_servers_that_take_them(server, sent):
    body = write_request(PROMPT, GenerationSettings(top_k=4, min_p=0.1, temperature=0.0), dialect_of(server), model="m")

    assert (("top_k" in body), body["temperature"]) == (sent, 0.0)


def test_each_rung_of_the_ladder_asks_for_json_in_its_own_way():
    formats = [
        write_request(PROMPT, GenerationSettings(schema=SCHEMA), Dialect(rung=rung), model="m").get("response_format", {}).get("type")
        for rung in LADDER
    ]

    assert formats == ["json_schema", "json_object", "json_object", None]


def test_the_schema_stands_in_the_prompt_where_the_server_does_not_enforce_it():
    body = write_request(PROMPT, GenerationSettings(schema=SCHEMA), Dialect(rung="prompt"), model="m")

    assert json.dumps(SCHEMA) in body["messages"][1]["content"]


def test_refused_fields_are_left_out():
    body = write_request(PROMPT, GenerationSettings(seed=1, temperature=1.0), Dialect().without("seed"), model="m")

    assert "seed" not in body
    assert body["temperature"] == 1.0


@pytest.mark.parametrize(
    ("delta", "text", "reasoning"),
    [
        ({"content": "a"}, "a", ""),
        ({"content": None, "reasoning_content": "r"}, "", "r"),
        ({"content": "", "reasoning": "r"}, "", "r"),
        (None, "", ""),
        ({"content": [{"type": "text", "text": "a"}, {"type": "thinking", "thinking": [{"type": "text", "text": "r"}]}]}, "a", "r"),
    ],
)
def test_deltas_of_all_makers_are_read(delta, text, reasoning):
    chunk = read_chunk({"choices": [{"delta": delta}]})

    assert (chunk.text, chunk.reasoning) == (text, reasoning)


@pytest.mark.parametrize("data", [None, [], "x", {}, {"choices": None}, {"choices": []}, {"choices": [None]}, {"usage": "many"}])
def test_nothing_in_a_chunk_is_taken_for_granted(data):
    assert read_chunk(data).text == ""


def test_usage_is_taken_from_any_chunk_and_parts_may_be_missing():
    answer = ChatAnswer()
    answer.feed(b'data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":null}}\n\n')

    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (5, None)


def test_events_are_cut_right_at_every_boundary_and_comments_are_nothing():
    raw = b': ping\r\n\r\ndata: {"a":1}\r\n\r\nevent: x\ndata: two\ndata: lines\n\ndata:last'
    for size in (1, 2, 5, 100):
        reader = SseReader()
        events = [event for start in range(0, len(raw), size) for event in reader.feed(raw[start : start + size])] + reader.finish()

        assert events == [b'{"a":1}', b"two\nlines", b"last"]


def test_a_whole_answer_from_a_server_that_does_not_stream_is_an_answer():
    answer = ChatAnswer()
    answer.feed(json.dumps({"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]}).encode())
    answer.end()

    assert (answer.text, answer.finish) == ("hi", "stop")


def test_half_json_in_a_stream_is_a_violation_of_the_protocol():
    with pytest.raises(ProtocolViolation, match="half or broken JSON"):
        ChatAnswer().feed(b'data: {"choices": [{"del\n\n')


def test_bytes_that_are_no_utf8_become_replacement_characters():
    answer = ChatAnswer()
    answer.feed(b'data: {"choices":[{"delta":{"content":"a\xffb"}}]}\n\n')
    answer.end()

    assert answer.text == "a\ufffdb"


def test_the_last_json_object_is_found_in_prose():
    assert last_object('I weigh {"a": 1}. So:\n```json\n{"choice": "B", "more": {"x": "}"}}\n```') == {"choice": "B", "more": {"x": "}"}}
    assert last_object("no { json } here") is None
    assert last_object("{" * 5000) is None


@pytest.mark.parametrize(
    ("value", "problem"),
    [({"choice": "A"}, ""), ({"choice": "C"}, "one of"), ({}, "missing"), ([], "of type"), ({"choice": True}, "one of")],
)
def test_departures_from_a_schema_are_named(value, problem):
    assert (problem in misfit(value, {**SCHEMA, "type": "object"})) if problem else not misfit(value, SCHEMA)


def test_a_loop_is_noticed_and_lively_text_is_not():
    assert loop_length("I agree. " + "Yes, indeed. " * 200) > 2000
    assert loop_length(" ".join(str(number) for number in range(2000))) == 0
    assert loop_length("Yes, indeed. " * 20) == 0


@pytest.mark.parametrize("piece", ["se", "old ", "ha", "1. ", "¿no? "])
def test_a_syllable_without_end_is_a_loop_long_before_a_page_is_full(piece):
    said = "We should start small with the de"
    assert len(said) <= len(said + piece * 220) - loop_length(said + piece * 220) <= len(said) + 2 * len(piece)
    assert loop_length(said + piece * 30) == 0


@pytest.mark.parametrize("rule", ["-", "=", ". ", "|---", "\n"])
def test_a_long_rule_or_row_of_dots_is_no_loop(rule):
    assert loop_length("Costs " + rule * (900 // len(rule))) == 0
