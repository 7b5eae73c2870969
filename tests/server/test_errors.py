"""Every error has OpenAI's shape, and no bad request takes the server down."""

import json
import socket

import httpx2
import openai
import pytest

from mallku import errors
from mallku.server.errors import refusal_of

CHAT = {"model": "scripted", "messages": [{"role": "user", "content": "Hi"}]}


def shape(answer):
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"]
    assert error["type"]
    return answer.status_code, error["code"]


@pytest.mark.parametrize(
    ("method", "path", "sent", "expected"),
    [
        ("GET", "/nowhere", {}, (404, "not_found")),
        ("GET", "/v1/../../etc/passwd", {}, (404, "not_found")),
        ("DELETE", "/v1/chat/completions", {}, (405, "method_not_allowed")),
        ("GET", "/v1/models/", {}, (404, "not_found")),
        ("POST", "/v1/chat/completions/", {"json": CHAT}, (404, "not_found")),
        ("POST", "/v1/chat/completions", {"json": CHAT, "headers": {"content-encoding": "gzip"}}, (415, "unsupported_content_encoding")),
        ("POST", "/v1/chat/completions", {"json": {**CHAT, "model": "none"}}, (404, "model_not_found")),
        ("POST", "/v1/chat/completions", {"content": b"{", "headers": {"content-type": "application/json"}}, (400, "invalid_json")),
        ("POST", "/v1/chat/completions", {"content": b"\xff", "headers": {"content-type": "application/json"}}, (400, None)),
        ("POST", "/v1/chat/completions", {"content": b"[]", "headers": {"content-type": "application/json"}}, (400, "invalid_value")),
        ("POST", "/v1/chat/completions", {"content": b"", "headers": {"content-type": "application/json"}}, (400, None)),
        ("POST", "/v1/chat/completions", {"content": b"a=1", "headers": {"content-type": "text/plain"}}, (415, "unsupported_media_type")),
        ("POST", "/v1/chat/completions", {"json": {}}, (400, "missing_required_parameter")),
        ("POST", "/v1/chat/completions", {"json": {**CHAT, "messages": []}}, (400, "invalid_value")),
        ("POST", "/v1/chat/completions", {"json": {**CHAT, "temperature": "hot"}}, (400, "invalid_value")),
        ("POST", "/v1/chat/completions", {"json": {**CHAT, "temperature": 3}}, (400, "invalid_value")),
        ("POST", "/v1/chat/completions", {"json": {**CHAT, "n": 0}}, (400, "invalid_value")),
        ("POST", "/v1/chat/completions", {"json": {**CHAT, "stream_options": {}}}, (400, "invalid_value")),
        ("POST", "/v1/chat/completions", {"json": {**CHAT, "max_tokens": 5, "max_completion_tokens": 6}}, (400, "invalid_value")),
        ("POST", "/v1/chat/completions", {"json": {**CHAT, "wings": 2}}, (400, "unknown_parameter")),
        ("POST", "/v1/chat/completions", {"json": {**CHAT, "messages": [{"role": "king", "content": "Hi"}]}}, (400, "invalid_value")),
        (
            "POST",
            "/v1/chat/completions",
            {
                "json": {
                    **CHAT,
                    "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}]}],
                }
            },
            (400, None),
        ),
        ("POST", "/v1/chat/completions", {"json": {**CHAT, "response_format": {"type": "json_schema"}}}, (400, "invalid_value")),
        ("POST", "/v1/chat/completions", {"json": {**CHAT, "tool_choice": "required"}}, (400, "invalid_value")),
    ],
)
def test_a_bad_request_is_told_so(  # noqa: PLR0917 - fixtures and parameters
    lasting_server, http, method, path, sent, expected
):
    address = lasting_server

    status, code = shape(http.request(method, address + path, **sent))

    assert status == expected[0]
    assert expected[1] is None or code == expected[1]
    assert http.get(f"{address}/health").status_code == 200


@pytest.mark.parametrize(
    ("path", "sent", "param"),
    [
        ("chat/completions", {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages.0.content.0.type"),
        ("chat/completions", {"messages": [{"role": "user", "content": 3}]}, "messages.0.content"),
        (
            "chat/completions",
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "a", "b": 1}]}]},
            "messages.0.content.0.b",
        ),
        ("chat/completions", {**CHAT, "stop": ""}, "stop"),
        ("chat/completions", {**CHAT, "tool_choice": {"type": "function"}}, "tool_choice.function"),
        ("embeddings", {"input": [1, 2]}, "input.0"),
        (
            "messages",
            {"model": "scripted", "max_tokens": 5, "messages": [{"role": "user", "content": [{"type": "text"}]}]},
            "messages.0.content.0.text.text",
        ),
    ],
)
def test_what_is_wrong_is_named_where_it_is(lasting_server, http, path, sent, param):
    answer = http.post(f"{lasting_server}/v1/{path}", json=sent)

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


def test_deeply_nested_json_is_refused(serve, scripted, http):
    address = serve(scripted())
    bomb = b'{"model":"scripted","messages":' + b"[" * 50_000 + b"]" * 50_000 + b"}"

    answer = http.post(f"{address}/v1/chat/completions", content=bomb, headers={"content-type": "application/json"})

    assert shape(answer)[0] == 400


def test_a_body_that_is_too_large_is_refused_whether_declared_or_not(serve, scripted, http):
    address = serve(scripted(), max_body_bytes=2000)
    big = json.dumps({**CHAT, "user": "x" * 5000}).encode()

    declared = http.post(f"{address}/v1/chat/completions", content=big, headers={"content-type": "application/json"})
    chunked = http.post(
        f"{address}/v1/chat/completions", content=iter([big[:3000], big[3000:]]), headers={"content-type": "application/json"}
    )

    assert shape(declared) == (413, "request_too_large")
    assert shape(chunked) == (413, "request_too_large")


def test_a_failing_participant_is_an_ordinary_error(serve, openai_client):
    from mallku.server.participant_backend import ParticipantBackend
    from mallku.testing import ScriptedParticipant

    failures = [
        errors.Overloaded("Still loading.", retry_after=7),
        errors.ContextOverflow("Too long.", needed=9, window=4),
        ValueError("a bug"),
    ]
    address = serve(*(ParticipantBackend(f"m{place}", ScriptedParticipant([failure])) for place, failure in enumerate(failures)))
    client = openai_client(address)

    with pytest.raises(openai.InternalServerError) as busy:
        client.chat.completions.create(**{**CHAT, "model": "m0"})
    with pytest.raises(openai.BadRequestError) as long:
        client.chat.completions.create(**{**CHAT, "model": "m1"}, stream=True)
    with pytest.raises(openai.InternalServerError) as bug:
        client.chat.completions.create(**{**CHAT, "model": "m2"})

    assert (busy.value.status_code, busy.value.response.headers["retry-after"]) == (503, "7")
    assert long.value.code == "context_length_exceeded"
    assert "a bug" not in str(bug.value)
    assert bug.value.code == "internal_error"


def test_an_error_after_the_first_words_is_an_event_of_the_stream(serve, openai_client):
    from mallku.server.backend import ModelCard, Piece
    from mallku.server.participant_backend import ParticipantBackend
    from mallku.testing import ScriptedParticipant

    class Breaking(ParticipantBackend):
        async def generate(self, generation):
            yield Piece(text="So far")
            raise errors.EngineCrashed("The engine died.", hint="Ask again.")

    assert ModelCard(id="x").id == "x"
    client = openai_client(serve(Breaking("broken", ScriptedParticipant())))
    heard = []

    with pytest.raises(openai.APIError, match="The engine died"):
        heard.extend(chunk.choices[0].delta.content for chunk in client.chat.completions.create(**{**CHAT, "model": "broken"}, stream=True))

    assert "So far" in heard


def test_every_error_of_ours_has_a_status():
    todo, seen = [errors.MallkuError], 0
    while todo:
        kind = todo.pop()
        todo += kind.__subclasses__()
        refusal = refusal_of(kind("what", hint="do"))
        assert 400 <= refusal.status < 600
        assert refusal.message == "what do"
        seen += 1

    assert seen > 20


def test_broken_http_is_answered_and_the_server_goes_on(serve, scripted):
    address = serve(scripted(), max_header_bytes=4000)
    host, port = address.removeprefix("http://").split(":")

    for garbage in (
        b"\x16\x03\x01\x00\xff",
        b"GET / HTTP/one\r\n\r\n",
        b"GET /health HTTP/1.1\r\nhost: x\r\nbig: " + b"a" * 9000 + b"\r\n\r\n",
    ):
        with socket.create_connection((host, int(port)), timeout=10) as line:
            line.sendall(garbage)
            assert line.recv(100).startswith((b"HTTP/1.1 400", b"HTTP/1.1 431"))

    assert httpx2.get(f"{address}/health", trust_env=False).status_code == 200
