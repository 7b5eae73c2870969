"""Who is let in: names, origins, keys, rates, sizes and times."""

import json
import socket
import threading
import time

import openai
import pytest

from mallku.errors import ConfigurationError
from mallku.server.errors import Refusal
from mallku.server.keys import load_keys, new_key
from mallku.server.limits import RateLimit
from mallku.server.settings import ServerSettings, load_settings

CHAT = {"model": "scripted", "messages": [{"role": "user", "content": "Hi"}]}


def test_another_address_than_loopback_demands_a_key():
    with pytest.raises(ConfigurationError, match="no key is set"):
        load_settings({"host": "0.0.0.0"}, environment={})

    assert load_settings({"host": "0.0.0.0", "api_key": "k"}, environment={}).host == "0.0.0.0"
    assert load_settings({"host": "::1"}, environment={}).is_loopback


def test_keys_are_asked_for_where_there_are_any(serve, scripted, http, tmp_path, openai_client):
    keys = tmp_path / "keys"
    ada, ben = new_key("ada", keys), new_key("ben", keys)
    address = serve(scripted("Hello."), keys_file=keys)

    assert http.get(f"{address}/v1/models").status_code == 401
    assert http.get(f"{address}/v1/models", headers={"authorization": "Bearer wrong"}).json()["error"]["code"] == "invalid_api_key"
    assert http.get(f"{address}/v1/models", headers={"x-api-key": ben}).status_code == 200
    assert http.get(f"{address}/health").status_code == 200
    assert http.get(f"{address}/metrics").status_code == 401
    assert openai_client(address, ada).chat.completions.create(**CHAT).choices[0].message.content == "Hello."
    with pytest.raises(openai.AuthenticationError):
        openai_client(address, "sk-wrong").models.list()


def test_keys_are_kept_only_as_hashes(tmp_path):
    keys = tmp_path / "keys"
    key = new_key("ada", keys)

    assert key not in keys.read_text()
    assert keys.stat().st_mode & 0o077 == 0
    assert load_keys(ServerSettings(keys_file=keys)).name_of(key) == "ada"
    assert load_keys(ServerSettings(keys_file=keys)).name_of(key[:-1]) is None
    with pytest.raises(ConfigurationError, match="already"):
        new_key("ada", keys)
    with pytest.raises(ConfigurationError, match="cannot be called"):
        new_key("a b", keys)


@pytest.mark.parametrize("content", ["", "# nothing\n", "ada sha256:123\n", "ada plain-text-key\n"])
def test_a_keys_file_without_valid_keys_is_refused(tmp_path, content):
    (tmp_path / "keys").write_text(content)

    with pytest.raises(ConfigurationError):
        load_keys(ServerSettings(keys_file=tmp_path / "keys"))


@pytest.mark.parametrize(
    ("host", "status"), [("evil.example", 403), ("127.0.0.1.evil.example", 403), ("LOCALHOST:80", 200), ("[::1]:9", 200)]
)
def test_names_that_are_not_ours_are_refused(lasting_server, http, host, status):
    assert http.get(f"{lasting_server}/v1/models", headers={"host": host}).status_code == status


def test_pages_of_another_origin_are_refused(lasting_server, http):
    evil = {"origin": "https://evil.example"}

    simple = http.post(f"{lasting_server}/v1/chat/completions", content=json.dumps(CHAT), headers={**evil, "content-type": "text/plain"})
    preflight = http.options(f"{lasting_server}/v1/models", headers={**evil, "access-control-request-method": "GET"})
    image = http.get(f"{lasting_server}/v1/models", headers={"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"})
    null = http.get(f"{lasting_server}/v1/models", headers={"origin": "null"})

    assert [answer.status_code for answer in (simple, preflight, image, null)] == [403] * 4
    assert "access-control-allow-origin" not in preflight.headers


def test_pages_of_an_allowed_origin_are_served(serve, scripted, http):
    page = {"origin": "http://localhost:3000"}
    address = serve(scripted(), allowed_origins=("http://localhost:3000",))

    asked = {**page, "access-control-request-method": "POST", "access-control-request-headers": "content-type"}
    preflight = http.options(f"{address}/v1/chat/completions", headers=asked)
    answer = http.post(f"{address}/v1/chat/completions", json=CHAT, headers=page)
    error = http.post(f"{address}/v1/chat/completions", json={}, headers=page)

    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-headers"] == "content-type"
    assert [response.headers["access-control-allow-origin"] for response in (answer, error)] == ["http://localhost:3000"] * 2
    assert http.get(f"{address}/v1/models", headers={"origin": "http://localhost:4000"}).status_code == 403


def test_one_request_too_many_in_a_minute_is_told_when_to_come_back(serve, scripted, openai_client):
    client = openai_client(serve(scripted(), requests_per_minute=2))
    client.models.list()
    client.models.list()

    with pytest.raises(openai.RateLimitError) as refused:
        client.models.list()

    assert 1 <= int(refused.value.response.headers["retry-after"]) <= 60


def test_a_rate_comes_back_with_time_and_is_each_callers_own():
    now = [0.0]
    rate = RateLimit(2, clock=lambda: now[0])
    refused = []
    for caller in ("ada", "ada", "ada", "ben"):
        try:
            rate.take(caller)
        except Refusal as refusal:
            refused.append((caller, refusal.status))
    now[0] = 30.0
    rate.take("ada")

    assert refused == [("ada", 429)]


def test_a_request_that_never_ends_is_cut_off(serve, scripted, http):
    address = serve(scripted(), client_timeout_s=0.3)
    host, port = address.removeprefix("http://").split(":")

    with (
        socket.create_connection((host, int(port)), timeout=10) as slow_head,
        socket.create_connection((host, int(port)), timeout=10) as slow_body,
    ):
        slow_head.sendall(b"GET /health HTTP/1.1\r\n")
        slow_body.sendall(
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{{".encode()
        )
        assert b"408" in slow_body.recv(100)
        assert slow_head.recv(100) == b""
    assert http.get(f"{address}/health").status_code == 200


def test_more_requests_than_room_wait_and_more_than_may_wait_are_refused(serve, scripted, http):
    address = serve(scripted("Slow.", delay_s=1.0), max_concurrent=1, max_waiting=1)
    statuses = []

    def ask():
        import httpx2

        statuses.append(httpx2.post(f"{address}/v1/chat/completions", json=CHAT, timeout=30, trust_env=False).status_code)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(statuses) == [200, 200, 429, 429]


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_ends_the_work(serve, http, stream):
    from mallku.server.participant_backend import ParticipantBackend
    from mallku.testing import ScriptedParticipant

    ended = threading.Event()

    class Endless(ScriptedParticipant):
        async def respond(self, prompt, settings):
            import asyncio

            from mallku.dialogue.response import Delta

            try:
                while True:
                    yield Delta(text="more ")
                    await asyncio.sleep(0.01)
            finally:
                ended.set()

    address = serve(ParticipantBackend("endless", Endless()))
    host, port = address.removeprefix("http://").split(":")
    body = json.dumps({**CHAT, "model": "endless", "stream": stream}).encode()
    with socket.create_connection((host, int(port)), timeout=10) as line:
        line.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n")
        line.sendall(f"content-length: {len(body)}\r\n\r\n".encode() + body)
        if stream:
            assert line.recv(100)
        else:
            time.sleep(0.2)

    assert ended.wait(10)
    metrics = http.get(f"{address}/metrics").text
    assert 'mallku_cancelled_total{model="endless"} 1.0' in metrics
    assert "mallku_requests_running 0.0" in metrics


def test_an_answer_that_takes_too_long_is_ended(serve, scripted, openai_client):
    client = openai_client(serve(scripted(delay_s=60), request_timeout_s=0.2))

    with pytest.raises(openai.InternalServerError, match="more than 0") as late:
        client.chat.completions.create(**CHAT)

    assert late.value.status_code == 504
