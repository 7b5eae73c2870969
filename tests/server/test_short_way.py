"""The short way and the long one give the same answers, and a fault on the short one is told like any other."""

import json
import logging
import re
import socket
import time

import pytest
from support.scripted_backend import ScriptedBackend
from support.server_thread import running

from mallku.server import short_way
from mallku.server.app import create_app
from mallku.server.roster import Roster
from mallku.server.settings import ServerSettings

CHAT = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
PLAIN = {"content-type": "application/json"}
KEYED = {**PLAIN, "authorization": "Bearer k"}
ASKED = {
    "models": ("GET", "/v1/models", KEYED, b""),
    "health": ("GET", "/health", {}, b""),
    "a chat": ("POST", "/v1/chat/completions", KEYED, json.dumps(CHAT).encode()),
    "a stream": ("POST", "/v1/chat/completions", KEYED, json.dumps({**CHAT, "stream": True}).encode()),
    "a message": ("POST", "/v1/messages", KEYED, json.dumps({**CHAT, "max_tokens": 5}).encode()),
    "no such model": ("POST", "/v1/chat/completions", KEYED, json.dumps({**CHAT, "model": "n"}).encode()),
    "no key": ("POST", "/v1/chat/completions", PLAIN, json.dumps(CHAT).encode()),
    "no JSON": ("POST", "/v1/chat/completions", KEYED, b"{"),
    "no such type": ("POST", "/v1/chat/completions", {**KEYED, "content-type": "text/plain"}, b"a"),
    "another host": ("GET", "/v1/models", {**KEYED, "host": "evil.example"}, b""),
    "another page": ("GET", "/v1/models", {**KEYED, "origin": "http://evil.example"}, b""),
    "an allowed page": ("GET", "/v1/models", {**KEYED, "origin": "http://friend.example"}, b""),
    "an allowed page without a key": ("GET", "/v1/models", {"origin": "http://friend.example"}, b""),
    "a body too large": ("POST", "/v1/chat/completions", KEYED, json.dumps({**CHAT, "user": "x" * 3000}).encode()),
}
OWN = {"date", "x-request-id", "openai-processing-ms"}
HANGS_ON_THE_REST = {"content-length", "connection"}
"""The uptime has more digits or fewer; and the long way refuses before it has read the body, and closes then."""
CHANGES = re.compile(rb"(chatcmpl-|req_|msg_)[0-9a-f]+|\"created\":\d+|\"uptime_seconds\":[\d.]+")


@pytest.fixture(scope="module")
def ways():
    settings = ServerSettings(port=0, grace_s=1, api_key="k", max_body_bytes=2000, allowed_origins=("http://friend.example",))
    apps = [create_app(settings, roster=Roster([ScriptedBackend("m", ["Let us share."])])) for _ in range(2)]
    with running(apps[0], settings) as short, running(apps[1], settings, plain=True) as long:
        yield short, long


@pytest.mark.parametrize("name", ASKED)
def test_both_ways_answer_alike(ways, http, monkeypatch, name):
    method, path, headers, body = ASKED[name]
    taken = []
    answer = short_way.ShortWay._answer
    monkeypatch.setattr(short_way.ShortWay, "_answer", lambda self, *given: taken.append(path) or answer(self, *given))

    short, long = (http.request(method, f"{address}{path}", headers=headers, content=body) for address in ways)

    kept = [{key: value for key, value in one.headers.items() if key not in OWN | HANGS_ON_THE_REST} for one in (short, long)]
    assert taken == [path]
    assert short.status_code == long.status_code
    assert CHANGES.sub(b"", short.content) == CHANGES.sub(b"", long.content)
    assert kept[0] == kept[1]
    assert all(re.fullmatch("req_[0-9a-f]{32}", one.headers["x-request-id"]) for one in (short, long))


def test_a_fault_of_ours_is_answered_and_logged_and_the_server_goes_on(serve, scripted, http, monkeypatch, caplog):
    address = serve(scripted("Hello."))
    with monkeypatch.context() as faulty:
        faulty.setattr("mallku.server.openai_routes.ChatAnswer", None)
        faulty.setattr("mallku.server.openai_routes.ModelList._entry", None)
        chat = http.post(f"{address}/v1/chat/completions", json={**CHAT, "model": "scripted"})
        models = http.get(f"{address}/v1/models")

    for answer in (chat, models):
        assert answer.status_code == 500
        assert answer.json()["error"]["code"] == "internal_error"
        assert any(
            answer.headers["x-request-id"] in record.getMessage() and record.exc_info
            for record in caplog.records
            if record.levelno == logging.ERROR
        )
    assert http.get(f"{address}/v1/models").status_code == 200


def test_a_large_body_goes_the_long_way(serve, scripted, http):
    address = serve(scripted("Hello."))

    answer = http.post(
        f"{address}/v1/chat/completions", json={"model": "scripted", "messages": [{"role": "user", "content": "x" * 300_000}]}
    )

    assert answer.json()["choices"][0]["message"]["content"] == "Hello."


def test_a_body_that_never_comes_is_told_so(serve, scripted):
    host, port = serve(scripted("Hello."), client_timeout_s=0.3).removeprefix("http://").split(":")
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 20\r\n\r\n{"

    with socket.create_connection((host, int(port)), timeout=10) as line:
        line.sendall(head)
        got = b"".join(iter(lambda: line.recv(10_000), b""))

    assert got.startswith(b"HTTP/1.1 408 ")
    assert json.loads(got.partition(b"\r\n\r\n")[2])["error"]["code"] == "request_timeout"


def test_a_connection_is_kept_for_as_long_as_it_is_used_and_no_longer(serve, scripted):
    host, port = serve(scripted("Hello."), client_timeout_s=0.5).removeprefix("http://").split(":")

    with socket.create_connection((host, int(port)), timeout=10) as line:
        for _ in range(4):
            line.sendall(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")
            assert line.recv(10_000).startswith(b"HTTP/1.1 200 ")
            time.sleep(0.3)

        assert line.recv(10_000) == b""
