"""A battery of bad requests, to both readers of HTTP: each is answered in our shape, and the server goes on."""

import json
import re
import socket
import time
from contextlib import ExitStack

import httpx2
import pytest
from support.scripted_backend import ScriptedBackend
from support.server_thread import running

from mallku.server.anthropic_request import MessagesRequest
from mallku.server.app import create_app
from mallku.server.chat_request import ChatRequest
from mallku.server.completion_routes import CompletionRequest
from mallku.server.responses_request import ResponsesRequest
from mallku.server.roster import Roster
from mallku.server.settings import ServerSettings

CHAT = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
GOOD = json.dumps(CHAT).encode()
HOST = b"host: 127.0.0.1\r\n"
JSON = b"content-type: application/json\r\n"
POST = b"POST /v1/chat/completions HTTP/1.1\r\n" + HOST + JSON


@pytest.fixture(scope="module")
def addresses(tmp_path_factory):
    limits = {"max_header_bytes": 4000, "client_timeout_s": 1, "max_body_bytes": 100_000}
    settings = ServerSettings(port=0, grace_s=1, journal=str(tmp_path_factory.mktemp("journal") / "journal.db"), **limits)
    with ExitStack() as stack:
        app = [create_app(settings, roster=Roster([ScriptedBackend("m", ["Let us share."])])) for _ in range(2)]
        yield {
            "llhttp": stack.enter_context(running(app[0], settings)),
            "h11": stack.enter_context(running(app[1], settings, plain=True)),
        }


@pytest.fixture(params=["llhttp", "h11"])
def address(request, addresses):
    return addresses[request.param]


def complete(got):
    """Count the whole answers in some bytes."""
    count = 0
    while (found := re.search(rb"content-length: (\d+).*?\r\n\r\n", got, re.DOTALL)) and len(got) >= found.end() + int(found[1]):
        count, got = count + 1, got[found.end() + int(found[1]) :]
    return count


def told(address, sent, *, parts=1, answers=1):
    """Send bytes as they are and return what comes back: so many answers, or all until the connection ends."""
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as line:
        got = b""
        try:
            for at in range(0, len(sent), step := -(-len(sent) // parts)):
                line.sendall(sent[at : at + step])
                time.sleep(0.02 * (parts > 1))
            while complete(got) < answers and (data := line.recv(100_000)):
                got += data
                line.settimeout(0.5 if sent.startswith(b"HEAD") else 10)
        except OSError:
            pass
    return got


HEALTH = b"GET /health HTTP/1.1\r\n" + HOST + b"\r\n"


def sized(body):
    return b"content-length: %d\r\n\r\n%s" % (len(body), body)


CHUNKED = POST + b"transfer-encoding: chunked\r\n\r\n"
RAW = {
    "no host": (b"GET /health HTTP/1.1\r\n\r\n", 400),
    "no host in 1.0": (b"GET /health HTTP/1.0\r\n\r\n", 200),
    "two hosts": (b"GET /health HTTP/1.1\r\n" + HOST + b"host: evil.example\r\n\r\n", 400),
    "another's name": (b"GET /health HTTP/1.1\r\nhost: evil.example\r\n\r\n", 403),
    "a whole address as target": (b"GET http://evil.example/health HTTP/1.1\r\nhost: evil.example\r\n\r\n", 403),
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01", 400),
    "unknown version": (b"GET / HTTP/9.9\r\n" + HOST + b"\r\n", (400, 404, 505)),
    "unknown method": (b"BREW /health HTTP/1.1\r\n" + HOST + b"\r\n", (400, 405)),
    "TRACE": (b"TRACE /health HTTP/1.1\r\n" + HOST + b"\r\n", 405),
    "OPTIONS": (b"OPTIONS /v1/models HTTP/1.1\r\n" + HOST + b"\r\n", 405),
    "HEAD": (b"HEAD /v1/models HTTP/1.1\r\n" + HOST + b"\r\n", 200),
    "one huge header": (b"GET /health HTTP/1.1\r\n" + HOST + b"x: " + b"a" * 50_000 + b"\r\n\r\n", (400, 431)),
    "many headers": (b"GET /health HTTP/1.1\r\n" + HOST + b"x: a\r\n" * 2000 + b"\r\n", (400, 431)),
    "a long target": (b"GET /" + b"a" * 50_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", (400, 431)),
    "a negative length": (POST + b"content-length: -1\r\n\r\n", 400),
    "a length that is none": (POST + b"content-length: ten\r\n\r\n", 400),
    "an endless length": (POST + b"content-length: " + b"9" * 40 + b"\r\n\r\n{", (400, 413)),
    "length and chunks": (POST + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", (200, 400)),
    "chunks": (CHUNKED + b"%x\r\n%s\r\n0\r\n\r\n" % (len(GOOD), GOOD), 200),
    "broken chunks": (CHUNKED + b"zz\r\n{}\r\n", 400),
    "endless chunks": (CHUNKED + b"2000\r\n" + b" " * 0x2000 + b"\r\n" + b"1fffff\r\n" + b" " * 300_000, 413),
    "a body that stays away": (POST + b"content-length: 20\r\n\r\n{", 408),
    "an upgrade": (POST + b"connection: upgrade\r\nupgrade: h2c\r\n" + sized(GOOD), 200),
    "zeros in the target": (b"GET /v1/models/%00 HTTP/1.1\r\n" + HOST + b"\r\n", 404),
    "a path out": (b"GET /v1/models/../../../etc/passwd HTTP/1.1\r\n" + HOST + b"\r\n", 404),
    "a hidden path out": (b"GET /v1/models/%2e%2e%2f%2e%2e%2fetc%2fpasswd HTTP/1.1\r\n" + HOST + b"\r\n", 404),
    "a deliberation of SQL": (b"GET /v1/deliberations/'%20OR%201=1%20-- HTTP/1.1\r\n" + HOST + b"\r\n", 404),
    "no JSON": (POST + sized(b"not json"), 400),
    "no number": (POST + sized(GOOD[:-1] + b', "temperature": NaN}'), 400),
    "no finite number": (POST + sized(GOOD[:-1] + b', "temperature": 1e999}'), 400),
    "no UTF-8": (POST + sized(GOOD.replace(b"Hi", b"\xff\xfe")), 400),
    "half a surrogate": (POST + sized(GOOD.replace(b"Hi", b"\\ud800")), (200, 400)),
    "a zero byte": (POST + sized(GOOD.replace(b"Hi", b"\\u0000")), 200),
    "deep": (POST + sized(b'{"model":' + b"[" * 20_000 + b"]" * 20_000 + b"}"), 400),
    "deep arguments": (POST + sized(GOOD[:-1] + b', "metadata":' + b'{"a":' * 9000 + b"1" + b"}" * 9000 + b"}"), 400),
    "packed": (POST + b"content-encoding: gzip\r\n" + sized(b"\x1f\x8b\x08\x00\x00\x00"), 415),
    "another type": (POST.replace(b"application/json", b"text/html") + sized(GOOD), 415),
    "too large": (POST + sized(b" " * 10_000_000), 413),
    "doubled keys": (POST + sized(GOOD[:-1] + b', "model": "none"}'), 404),
}  # fmt: skip


@pytest.mark.parametrize("name", list(RAW))
def test_bytes_are_answered_and_the_server_goes_on(address, name):
    sent, expected = RAW[name]
    answer = told(address, sent)

    head, _, body = answer.partition(b"\r\n\r\n")
    status = int(head.split()[1])
    assert status in (expected if isinstance(expected, tuple) else (expected,)), answer[:300]
    if status >= 400 and not sent.startswith(b"HEAD") and b"chunked" not in head:
        assert {"message", "type", "param", "code"} == set(json.loads(body)["error"])
    assert told(address, HEALTH).startswith(b"HTTP/1.1 200")


def test_a_head_that_comes_in_drops_is_limited_too(address):
    answer = told(address, b"GET /health HTTP/1.1\r\n" + HOST + b"x: " + b"a" * 4050, parts=6)

    assert answer.startswith((b"HTTP/1.1 431", b"HTTP/1.1 400"))


def test_requests_in_one_breath_are_answered_in_order(address):
    answer = told(address, HEALTH + POST + sized(GOOD) + b"GET /nowhere HTTP/1.1\r\n" + HOST + b"\r\n" + HEALTH, answers=4)

    assert [int(part.split()[0]) for part in answer.split(b"HTTP/1.1 ")[1:]] == [200, 200, 404, 200]


VALUES = [None, True, -1, 0, 2**70, 1.5, "", "x", "\u0000", [], [[]], [None], {}, {"a": {"b": []}}, [{"type": "x"}], "../../etc/passwd"]
BODIES = {
    "/v1/chat/completions": (ChatRequest, CHAT),
    "/v1/completions": (CompletionRequest, {"model": "m", "prompt": "a"}),
    "/v1/responses": (ResponsesRequest, {"model": "m", "input": "a"}),
    "/v1/messages": (MessagesRequest, {**CHAT, "max_tokens": 5}),
}


@pytest.mark.parametrize("path", list(BODIES))
def test_every_field_with_every_kind_of_value_is_answered_or_refused(addresses, path):
    kind, good = BODIES[path]
    with httpx2.Client(base_url=addresses["llhttp"], trust_env=False, timeout=20) as client:
        for name, field in kind.model_fields.items():
            for value in VALUES:
                answer = client.post(path, json={**good, (field.alias or name): value})
                assert answer.status_code == 200 or 400 <= answer.status_code < 500, (name, value, answer.text)
                if answer.status_code != 200:
                    assert answer.json()["error"]["message"]


BAD_CHATS = [
    {"messages": []},
    {"messages": [{"role": "wizard", "content": "Hi"}]},
    {"messages": [{"content": "Hi"}]},
    {"messages": "Hi"},
    {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}]}]},
    {"n": 1000},
    {"max_tokens": -5},
    {"max_tokens": 10**30},
    {"tools": [{"type": "function"}]},
    {"tools": [{"type": "function", "function": {"name": "a b"}}]},
    {"tools": [{"type": "function", "function": {"name": "a"}}] * 200},
    {"tool_choice": {"type": "function", "function": {"name": "none"}}},
    {"response_format": {"type": "json_schema"}},
    {"stop": ["x"] * 40},
    {"stop": ""},
    {"seed": 2**70},
    {"logit_bias": {"a": 1}},
    {"top_logprobs": 3},
    {"stream_options": {"include_usage": True}},
    {"wings": 2},
]


def test_what_no_chat_may_ask_is_refused_with_its_name(addresses):
    with httpx2.Client(base_url=addresses["llhttp"], trust_env=False, timeout=20) as client:
        for change in BAD_CHATS:
            answer = client.post("/v1/chat/completions", json={**CHAT, **change})

            assert answer.status_code == 400, change
            assert answer.json()["error"]["param"], change
