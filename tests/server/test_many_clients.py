"""Fifty clients at once, a client that does not read, and a server that is stopped in the middle."""

import asyncio
import json
import socket
import time

import httpx2
from support.scripted_backend import ScriptedBackend
from support.server_thread import running

from mallku.server.app import create_app
from mallku.server.roster import Roster
from mallku.server.settings import ServerSettings
from mallku.tiny import rehearsal_model_path

CHAT = {"model": "m", "messages": [{"role": "user", "content": "Should we share the well?"}]}


def test_fifty_clients_are_all_answered(tmp_path):
    settings = ServerSettings(port=0, grace_s=1, threads=1, models=(f"m={rehearsal_model_path()}",), journal=str(tmp_path / "j.db"))

    async def ask_all(address):
        async with httpx2.AsyncClient(timeout=100, trust_env=False, limits=httpx2.Limits(max_connections=50)) as client:

            async def ask(number):
                body = {**CHAT, "max_tokens": 6, "temperature": 0, "stream": number % 2 == 0, "seed": number}
                return await client.post(f"{address}/v1/chat/completions", json=body)

            return await asyncio.gather(*(ask(number) for number in range(50)))

    with running(create_app(settings), settings) as address:
        answers = asyncio.run(ask_all(address))

    assert [answer.status_code for answer in answers] == [200] * 50
    assert all(answer.text.endswith("data: [DONE]\n\n") for answer in answers[::2])
    assert len({answer.json()["choices"][0]["message"]["content"] for answer in answers[1::2]}) == 1


def test_a_client_that_does_not_read_holds_nothing(serve, http):
    address = serve(ScriptedBackend("m", ["x" * 10_000] * 20_000), client_timeout_s=0.5)
    host, port = address.removeprefix("http://").split(":")
    body = json.dumps({**CHAT, "stream": True}).encode()

    with socket.create_connection((host, int(port)), timeout=10) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n")
        line.sendall(f"content-length: {len(body)}\r\n\r\n".encode() + body)
        for _ in range(400):
            if 'mallku_cancelled_total{model="m"} 1.0' in http.get(f"{address}/metrics").text:
                break
            time.sleep(0.025)
        else:
            raise AssertionError("the answer was not ended")


def test_a_stopped_server_ends_what_runs_and_records_it(tmp_path):
    from mallku.journal import open_journal

    (tmp_path / "slow.toml").write_text(
        'model = "python:support.seats_for_server:slow"\n[[seats]]\nname = "Ada"\n[[seats]]\nname = "Ben"\n'
    )
    journal = str(tmp_path / "journal.db")
    settings = ServerSettings(port=0, grace_s=1, circles=(tmp_path / "slow.toml",), journal=journal)
    with running(create_app(settings, roster=Roster()), settings) as address:
        made = httpx2.post(f"{address}/v1/deliberations", json={"question": "Which well?", "circle": "slow"}, trust_env=False)
        assert made.json()["running"]

    async def statuses():
        async with await open_journal(journal) as kept:
            return [summary.status for summary in await kept.deliberations()]

    assert asyncio.run(statuses()) == ["interrupted"]
