"""Requests over plain HTTP go straight to the address that was classified, and behave as through the SDK."""

import asyncio
import gc
import gzip
import sys

import pytest
from asking import answer
from stand_in import Reply, StandIn, as_json, models, stream

from mallku.dialogue.prompt import Deadlines
from mallku.errors import EndpointUnreachable, MallkuError, RequestRefused
from mallku.firecircle.adapters import server_line
from mallku.firecircle.adapters.direct_connection import can_go_directly
from mallku.firecircle.adapters.openai_compatible import OpenAICompatible


@pytest.fixture
def no_sdk(monkeypatch):
    """Fail where a request would go through the SDK."""

    def refuse(*_, **__):
        raise AssertionError

    monkeypatch.setattr(server_line, "SdkConnection", refuse)


async def answers(participant, count=1):
    return [(await answer(participant))[1].text for _ in range(count)]


@pytest.mark.usefixtures("no_sdk")
async def test_a_local_server_is_asked_without_the_sdk():
    async with StandIn(stream("We share it.")) as server:
        participant = OpenAICompatible(server.url, api_key="k")
        assert await answers(participant, 3) == ["We share it."] * 3
        await participant.close()
    asked = [one for one in server.asked if one.method == "POST"]

    assert {one.headers["authorization"] for one in asked} == {"Bearer k"}
    assert {one.headers["host"] for one in asked} == {server.url.split("/")[2]}
    assert {one.headers["user-agent"] for one in asked} == {"mallku"}


def test_only_plain_http_goes_directly(monkeypatch):
    assert can_go_directly("http://127.0.0.1:8080/v1")
    assert not can_go_directly("https://127.0.0.1:8080/v1")
    monkeypatch.setitem(sys.modules, "aiohttp", None)

    assert not can_go_directly("http://127.0.0.1:8080/v1")


async def test_without_the_optional_library_the_sdk_is_used(monkeypatch):
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    async with StandIn(stream("We share it.")) as server:
        participant = OpenAICompatible(server.url)
        assert await answers(participant) == ["We share it."]
        await participant.close()


async def test_a_server_that_moved_to_another_address_of_its_name_is_looked_up_again(monkeypatch):
    async with StandIn(stream("We share it.")) as server:
        participant = OpenAICompatible(server.url)
        await participant.connect()
        await answers(participant)
        direct = participant._line.connections._direct
        monkeypatch.setattr(direct, "_target", "http://127.0.0.1:9/v1/chat/completions")
        with pytest.raises(EndpointUnreachable, match="Nothing answers"):
            await answers(participant)

        assert await answers(participant, 2) == ["We share it."] * 2
        assert participant._line.connections._direct is not direct
        await participant.close()


@pytest.mark.usefixtures("no_sdk")
async def test_a_redirect_is_told_and_not_followed():
    moved = Reply(status=307, headers={"location": "http://127.0.0.1:9/elsewhere"})
    async with StandIn(moved) as server:
        participant = OpenAICompatible(server.url)
        with pytest.raises(MallkuError, match=r"redirects to .*/elsewhere', and redirects are not followed"):
            await answers(participant)
        await participant.close()


@pytest.mark.usefixtures("no_sdk")
async def test_compression_that_was_not_asked_for_is_understood_and_a_false_claim_of_it_is_an_error():
    whole = b"".join(stream("We share it.").body)
    compressed = Reply(body=gzip.compress(whole), kind="text/event-stream", headers={"content-encoding": "gzip"})
    async with StandIn(compressed) as server:
        participant = OpenAICompatible(server.url)
        assert await answers(participant) == ["We share it."]
        server.chat = Reply(body=whole, kind="text/event-stream", headers={"content-encoding": "gzip"})
        with pytest.raises(MallkuError, match="compressed"):
            await answers(participant)
        await participant.close()


@pytest.mark.usefixtures("no_sdk")
async def test_an_error_answer_without_end_is_read_only_so_far():
    async with StandIn(as_json({"error": {"message": "x" * 3_000_000}}, 400)) as server:
        participant = OpenAICompatible(server.url)
        with pytest.raises(MallkuError) as caught:
            await answers(participant)
        await participant.close()

    assert len(str(caught.value)) < 2000


@pytest.mark.usefixtures("no_sdk")
async def test_an_error_answer_that_never_ends_is_not_waited_for():
    async with StandIn(Reply(status=400, body=b"x" * 2_000_000, hang=True)) as server:
        participant = OpenAICompatible(server.url)
        with pytest.raises(RequestRefused):
            await answer(participant, deadlines=Deadlines(first_token=3))
        await participant.close()


@pytest.mark.usefixtures("no_sdk")
async def test_who_is_not_closed_makes_no_noise(capfd, recwarn):
    async with StandIn(stream("We share it.")) as server:
        participant = OpenAICompatible(server.url)
        await answers(participant)
        del participant
        gc.collect()
        await asyncio.sleep(0)

    assert [str(warning.message) for warning in recwarn] == []
    assert capfd.readouterr().err == ""


@pytest.mark.usefixtures("no_sdk")
async def test_more_than_six_requests_run_at_once():
    """Some clients keep a hidden limit of connections; only the endpoint's own limit may count."""
    running, all_in = 0, asyncio.Event()

    async def chat(_):
        nonlocal running
        running += 1
        if running == 40:
            all_in.set()
        await all_in.wait()
        return stream("We share it.")

    async with StandIn(chat, listed=models("m", owned_by="vllm")) as server, asyncio.timeout(60):
        participant = OpenAICompatible(server.url, parallel=40)
        await asyncio.gather(*(answer(participant) for _ in range(40)))
        await participant.close()
