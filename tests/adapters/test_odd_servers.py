"""Servers of makers nobody has heard of: whatever is odd about them, an answer is an answer, and what is none is one error of ours."""

import gzip
import json
import zlib
from contextlib import suppress

import httpx2
import pytest
from asking import said
from hypothesis import given
from hypothesis import strategies as st
from stand_in import DONE, Reply, StandIn, as_json, chunk, models, stream

from mallku.catalog.endpoint_probe import probe
from mallku.catalog.guarded_client import Answer
from mallku.errors import AnswerCutShort, MallkuError, ParticipantError, ProtocolViolation
from mallku.firecircle import FireCircle
from mallku.firecircle.adapters.openai_compatible import OpenAICompatible

EVENTS = "text/event-stream"
TEXT = "Wasser für alle 💧."
END = [chunk(finish="stop"), DONE]
USUAL = [chunk("Wasser "), chunk("für alle 💧."), *END]
PLAIN = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"


def events(*pieces, **reply):
    return Reply(body=[piece if isinstance(piece, bytes) else event(piece) for piece in pieces], kind=EVENTS, **reply)


def event(data):
    return b"data: " + json.dumps(data, ensure_ascii=False).encode() + b"\n\n"


def choice(text=None, finish=None, **more):
    return {"choices": [{"delta": {} if text is None else {"content": text}, "finish_reason": finish, **more}]}


def whole(**more):
    return {"choices": [{"message": {"content": TEXT}, "finish_reason": "stop"}], **more}


ANSWERS = {
    "CRLF": events(*(piece.replace(b"\n", b"\r\n") for piece in USUAL)),
    "lone returns": events(*(piece.replace(b"\n", b"\r") for piece in USUAL)),
    "no blank lines": events(*(piece[:-1] for piece in USUAL)),
    "comments, ids and names": events(b": hi\nretry: 10\nid: 1\nevent: message\n", USUAL[0], b":\n\n", *USUAL[1:]),
    "an event on several lines": events(b"data: {\ndata: " + event(choice(TEXT))[7:-3] + b"\ndata: }\n\n", *END),
    "a byte order mark": events(b"\xef\xbb\xbf", *USUAL),
    "a byte order mark before a whole answer": Reply(body=b"\xef\xbb\xbf" + json.dumps(whole()).encode()),
    "characters cut in half": events(*(event(choice(TEXT))[at : at + 1] for at in range(len(event(choice(TEXT))))), *END),
    "no DONE, usage with null choices": events(*USUAL[:3], {"choices": None, "usage": {"prompt_tokens": "9", "completion_tokens": "3"}}),
    "counts without end": events(*USUAL[:3], b'data: {"choices": [], "usage": {"prompt_tokens": 1e999}}\n\n', DONE),
    "null errors": events({"error": None, **choice(TEXT)}, {"error": {"code": 0, "message": ""}, **choice(finish="stop")}, DONE),
    "content as parts": events(choice([{"type": "text", "text": "Wasser "}, {"type": "text", "text": "für alle 💧."}]), *END),
    "the role last": events(choice(TEXT), {"choices": [{"delta": {"role": "assistant"}, "finish_reason": "stop"}]}),
    "an empty reason for the end": events(choice(TEXT, ""), choice(finish=""), DONE),
    "the whole again at the end": events(choice(TEXT), choice(finish="stop", message={"content": TEXT}), DONE),
    "a whole answer as an event": events(whole(), DONE),
    "messages for deltas": events({"choices": [{"message": {"content": TEXT}}]}, *END),
    "a whole answer, reason empty": as_json({"choices": [{"delta": {}, "message": {"content": TEXT}, "finish_reason": ""}]}),
    "blank lines before a whole answer": Reply(body=b"\n\n\n" + json.dumps(whole()).encode()),
    "a small done": events(*USUAL[:3], b"data: [done]\n\n"),
    "gzip": Reply(body=gzip.compress(b"".join(USUAL)), headers={"content-encoding": "gzip"}),
    "deflate": Reply(body=[zlib.compress(b"".join(USUAL))], headers={"content-encoding": "deflate"}),
    "no content type": events(*USUAL, head=b"HTTP/1.1 200 OK\r\n\r\n"),
    "HTTP/1.0": events(*USUAL, head=b"HTTP/1.0 200 OK\r\n\r\n"),
    "HTTP/1.0, whole": Reply(body=json.dumps(whole()).encode(), head=b"HTTP/1.0 200 OK\r\n\r\n"),
    "no word for the status": events(*USUAL, head=b"HTTP/1.1 200\r\n\r\n"),
    "more length than body": events(*USUAL, head=b"HTTP/1.1 200 OK\r\ncontent-length: 90000\r\n\r\n"),
}  # fmt: skip


@pytest.mark.usefixtures("way")
async def test_an_odd_answer_is_an_answer():
    """All of them in one row through one participant, so that nothing of one is left to the next."""
    async with StandIn(list(ANSWERS.values())) as server:
        participant = OpenAICompatible(server.url)
        texts = {name: await said(participant) for name in ANSWERS}
        await participant.close()

    assert texts == dict.fromkeys(ANSWERS, TEXT)


async def test_a_deliberation_among_odd_answers_is_complete():
    ballot = '{"choice": "A", "reason": "fair"}'
    odd = iter(list(ANSWERS.values()) * 2)

    def chat(asked):
        return stream(ballot) if asked.json.get("response_format") else next(odd)

    server = StandIn(chat, listed=as_json(["m"]))
    async with server, FireCircle(journal=":memory:", seed=1) as circle:
        for name in ("Ada", "Ben", "Cho"):
            circle.add_participant(OpenAICompatible(server.url), name=name)
        result = await circle.deliberate("Should we?")

    assert result.status == "complete"
    assert {statement.text for statement in result.statements} == {TEXT}


NO_ANSWERS = {
    "not HTTP": Reply(head=b"\x00\x01SSH-2.0\r\n\r\n"),
    "a header without end": events(*USUAL, head=b"HTTP/1.1 200 OK\r\nx: " + b"a" * 200_000 + b"\r\n\r\n"),
    "compressed, but not as it says": Reply(body=[b"x" * 50], headers={"content-encoding": "gzip"}),
    "compressed in a way nobody asked for": Reply(body=[b"\x01junk"], headers={"content-encoding": "br"}),
    "a number too long to be one": as_json({"error": "maximum context length is " + "9" * 5000}, 400),
    "choices that are no list": as_json({"choices": {"0": {"message": {"content": "x"}}}}),
    "an error event": events(b'event: error\ndata: {"message": "out of memory"}\n\n'),
    "an error in a list": as_json({"error": ["out of memory"]}),
    "lines of JSON": Reply(body=b'{"message": {"content": "x"}, "done": false}\n{"done": true}\n'),
}


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("name", NO_ANSWERS)
async def test_what_is_no_answer_is_an_error_of_ours_with_a_remedy(name):
    async with StandIn(NO_ANSWERS[name]) as server:
        participant = OpenAICompatible(server.url)
        with pytest.raises(ParticipantError) as caught:
            await said(participant)
        await participant.close()

    assert caught.value.hint
    assert len(str(caught.value)) < 1000


async def test_an_error_event_in_the_middle_says_what_it_says():
    async with StandIn(events(USUAL[0], b'event: error\ndata: {"message": "out of memory"}\n\n')) as server:
        participant = OpenAICompatible(server.url)
        with pytest.raises(ParticipantError, match="out of memory") as caught:
            await said(participant)
        await participant.close()

    assert caught.value.partial_text == "Wasser"


async def test_an_end_without_any_reason_is_no_end():
    """A server that breaks an answer off may still send its end mark; only one that gives an empty reason has come to its end."""
    async with StandIn(events(choice(TEXT), choice(), DONE)) as server:
        participant = OpenAICompatible(server.url)
        with pytest.raises(AnswerCutShort):
            await said(participant)
        await participant.close()


LISTS = {
    "a bare array": [{"id": "m"}],
    "bare names": ["m"],
    "names as data": {"data": ["m"]},
    "under another name": {"models": [{"name": "m"}, {"name": "m"}]},
    "called model": {"data": [{"model": "m", "object": "model"}]},
    "a null error": {"error": None, "data": [{"id": "m", "owned_by": None, "created": None}, None, {"id": None}]},
    "wrong types everywhere": {"data": [{"id": "m", "type": ["llm"], "labels": {}, "meta": [1], "status": "ok", "owned_by": {}, "dmr": 1}]},
    "a window without end": {"data": [{"id": "m", "max_model_len": 1e999, "context_length": True}]},
}


@pytest.mark.parametrize("name", LISTS)
async def test_an_odd_list_of_models_is_a_list(name):
    async with StandIn(events(*USUAL), listed=as_json(LISTS[name])) as server:
        participant = OpenAICompatible(server.url)
        text = await said(participant)
        await participant.close()

    assert (text, server.chats[0]["model"], participant.facts.context_window) == (TEXT, "m", None)


async def test_a_window_written_as_text_is_a_window():
    async with StandIn(stream("yes"), listed=models("m", owned_by="vllm", max_model_len="4096")) as server:
        participant = OpenAICompatible(server.url)
        await participant.connect()
        await participant.close()

    assert participant.facts.context_window == 4096


async def test_a_list_that_is_not_compressed_as_it_says_is_told():
    async with StandIn(stream("yes"), listed=Reply(body=b'{"data": []}', headers={"content-encoding": "gzip"})) as server:
        participant = OpenAICompatible(server.url)
        with pytest.raises(ProtocolViolation, match="compressed"):
            await participant.connect()
        await participant.close()


NAMES = (
    *("id", "name", "model", "models", "data", "object", "owned_by", "max_model_len", "context_length", "meta", "n_ctx", "status", "value"),
    *("type", "labels", "recipe", "loaded_instances", "config", "parallel", "total_slots", "default_generation_settings", "key", "message"),
)
OWNERS = ("llamacpp", "organization_owner", "library", "koboldcpp", "vllm", "")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["", "m", "4096", "stop", *OWNERS]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)
ROWS = st.dictionaries(st.sampled_from(NAMES), JSON, max_size=4)


class Told:
    """A client in front of a server that answers its list with one thing, and every other question with another."""

    has_key = False

    def __init__(self, listed, rest):
        self.listed, self.rest = listed, rest

    async def get(self, url, *, timeout_s):
        data = self.listed if url.endswith("/v1/models") and "/api/" not in url else self.rest
        return Answer(status=200, headers=httpx2.Headers(), content=json.dumps(data).encode())

    def location(self, url):
        return "loopback", "127.0.0.1:1"


@given(listed=JSON | st.builds(lambda owner, row: [{"id": "m", "owned_by": owner, **row}], st.sampled_from(OWNERS), ROWS), rest=JSON)
async def test_whatever_a_server_says_of_itself_is_read_or_refused(listed, rest):
    with suppress(MallkuError):
        facts = await probe("http://127.0.0.1:1/v1", client=Told(listed, rest))
        assert all(isinstance(model.id, str) and (model.window or 1) > 0 for model in facts.models)
