"""A stream says the same wherever networks cut it, and whatever it says, reading it ends in an answer or in one error of ours."""

import itertools
import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stand_in import DONE, chunk, usage

from mallku.errors import ProtocolViolation
from mallku.wire.chat_answer import ChatAnswer
from mallku.wire.sse import MAX_EVENT_BYTES, SseReader

STREAMS = {
    "plain": [chunk(role="assistant"), chunk("Wässer "), chunk("für alle 🌊"), chunk(finish="stop"), usage(9, 3), DONE],
    "reasoning field": [chunk(reasoning_content="hm — "), chunk(reasoning_content="so"), chunk("Ja."), chunk(finish="stop"), DONE],
    "think tags": [chunk("<th"), chunk("ink>se"), chunk("cret</thi"), chunk("nk>Ja"), chunk(" doch."), chunk(finish="stop"), DONE],
    "a lone closing tag": [chunk("secret"), chunk("</think>"), chunk("Ja."), chunk(finish="stop"), DONE],
    "harmony": [chunk("<|channel|>analysis<|mess"), chunk("age|>secret<|end|><|start|>assistant<|channel|>final<|message|>Ja."), DONE],
    "pings and events": [b": ping\r\n\r\n", b"event: message\r\nid: 4\r\n", chunk("Ja.").replace(b"\n", b"\r\n"), DONE],
    "harmony after other words": [
        chunk("Well. <|chan"),
        chunk("nel|>analysis<|message|>secret<|end|><|start|>assistant<|channel|>fin"),
        chunk("al<|message|>Ja."),
        DONE,
    ],
    "null parts": [b'data: {"choices":[{"delta":null}]}\n\n', b'data: {"choices":null}\n\n', chunk("Ja."), b"data: \n\n"],
    "lone returns": [piece.replace(b"\n", b"\r") for piece in (chunk("Ja "), chunk("doch."), chunk(finish="stop"), DONE)],
    "a byte order mark and no blank lines": [b"\xef\xbb\xbf", *(piece[:-1] for piece in (chunk("Ja "), chunk(finish="stop"), DONE))],
    "one event on several lines": [b'data: {"choices":\ndata: [{"delta":\r\ndata: {"content":"Ja"}\n', b"data: }]}\n\n", DONE],
    "an empty reason": [chunk("Ja.", finish=""), chunk(finish=""), DONE],
    "an error at the end": [chunk("Ja"), b'data: {"error": {"message": "crashed"}}\n\n'],
    "a whole body": [json.dumps({"choices": [{"message": {"content": "Ja <think>x</think>doch."}, "finish_reason": "stop"}]}).encode()],
}


def read(pieces):
    answer = ChatAnswer()
    deltas = [delta for piece in pieces for delta in answer.feed(piece)]
    deltas += answer.end()
    for channel, whole in (("text", answer.text), ("reasoning", answer.reasoning)):
        told = "".join(delta.text for delta in deltas if delta.channel == channel)
        assert answer.opened_in_prompt or told.strip() == whole
    return answer.text, answer.reasoning, answer.finish, answer.usage, bool(answer.error), answer.pieces


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_cut_at_any_byte_says_the_same(name):
    raw = b"".join(STREAMS[name])
    whole = read([raw])

    assert all(read([raw[:cut], raw[cut:]]) == whole for cut in range(len(raw) + 1))
    assert read([raw[at : at + 1] for at in range(len(raw))]) == whole


@given(name=st.sampled_from(sorted(STREAMS)), cuts=st.lists(st.integers(0, 900), max_size=12))
def test_a_stream_cut_in_many_places_says_the_same(name, cuts):
    raw = b"".join(STREAMS[name])
    at = [0, *sorted(min(cut, len(raw)) for cut in cuts), len(raw)]

    assert read([raw[begin:end] for begin, end in itertools.pairwise(at)]) == read([raw])


@given(
    name=st.sampled_from(sorted(STREAMS)),
    damage=st.lists(st.tuples(st.integers(0, 900), st.integers(0, 30), st.binary(max_size=12)), max_size=5),
    size=st.integers(1, 64),
)
@settings(max_examples=300)
def test_a_damaged_stream_ends_in_an_answer_or_in_one_error(name, damage, size):
    raw = b"".join(STREAMS[name])
    for at, gone, noise in damage:
        raw = raw[:at] + noise + raw[at + gone :]
    with suppress(ProtocolViolation):
        text, *_ = read([raw[at : at + size] for at in range(0, len(raw), size)])
        text.encode()  # no half surrogates, which no record could hold


NAMES = ("choices", "delta", "content", "message", "usage", "error", "finish_reason", "model", "text", "reasoning", "prompt_tokens", "type")


def anything(lot, depth=4):
    """Any JSON at all, made of the names that mean something here."""
    kind = lot.randrange(8 if depth else 5)
    if kind < 5:
        return lot.choice([None, True, -1, 1e308, float("inf"), "", "Ja", "<think>", "\ud83d", "stop"])
    if kind == 5:
        return [anything(lot, depth - 1) for _ in range(lot.randrange(4))]
    return {lot.choice(NAMES): anything(lot, depth - 1) for _ in range(lot.randrange(5))}


@given(st.randoms(use_true_random=False))
def test_any_json_at_all_in_an_event_breaks_nothing(lot):
    text, *_ = read([b"data: " + json.dumps(anything(lot)).encode() + b"\n\n" for _ in range(3)] + [DONE])

    text.encode()


def test_a_character_cut_in_half_between_two_events_is_put_together():
    halves = [
        b'data: {"choices":[{"delta":{"content":"%s"}}]}\n\n' % half for half in (rb"a \ud83c", rb"\udf0a b \ud83d", b"c", rb"\ud83d")
    ]

    assert read(halves)[0] == "a \U0001f30a b \ufffdc\ufffd"


@pytest.mark.parametrize("line", [b"data: x\n", b"data: x"])
def test_an_event_without_end_is_ended(line):
    reader, piece = SseReader(), line * 100_000
    with pytest.raises(ProtocolViolation, match="event of more than"):
        fed(reader, piece, times=2 * MAX_EVENT_BYTES // len(piece) + 2)


def test_a_body_without_end_that_is_no_stream_is_ended():
    with pytest.raises(ProtocolViolation, match="larger than any answer"):
        fed(ChatAnswer(), b"<html>\n" * 200_000, times=20)


def fed(reader, piece, *, times):
    for _ in range(times):
        reader.feed(piece)
