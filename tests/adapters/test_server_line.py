"""Seats that dial a server alike share one line to it: asked once who it is, closed by the last who leaves."""

import asyncio

import pytest
from asking import answer
from stand_in import Reply, StandIn, models, stream

from mallku.errors import EndpointRefused
from mallku.firecircle.adapters.endpoint import Endpoints
from mallku.firecircle.adapters.openai_compatible import OpenAICompatible


def seated(*participants):
    shared = Endpoints()
    for participant in participants:
        participant.share(shared)
    return participants


async def connected(*participants):
    return await asyncio.gather(*(participant.connect() for participant in participants), return_exceptions=True)


def lists(server):
    return [asked for asked in server.asked if asked.path == "/v1/models"]


async def test_seats_of_one_circle_ask_a_server_once_who_it_is_and_share_its_connections():
    async with StandIn(stream("yes"), listed=models("a", "b")) as server:
        seats = seated(*(OpenAICompatible(server.url, model=model) for model in ("a", "b", "a")))
        await connected(*seats)
        said = [(await answer(seat))[1].text for seat in seats]
        await asyncio.gather(*(seat.close() for seat in seats))

        assert said == ["yes"] * 3
        assert len(lists(server)) == 1
        assert [body["model"] for body in server.chats] == ["a", "b", "a"]
        assert len({id(seat.profile) for seat in seats}) == 3


async def test_a_seat_that_leaves_leaves_the_line_to_the_others_and_the_last_one_closes_it():
    async with StandIn(stream("yes")) as server:
        first, second = seated(OpenAICompatible(server.url), OpenAICompatible(server.url))
        await connected(first, second)
        line = first._line
        await first.close()
        await first.close()

        assert (await answer(second))[1].text == "yes"
        assert not line.closed
        await second.close()
        assert line.closed


@pytest.mark.parametrize("other", [{"api_key": "another"}, {"allow_remote": True}, {"server": "vllm"}])
async def test_who_dials_otherwise_has_a_line_of_its_own(other):
    async with StandIn(stream("yes")) as server:
        seats = seated(OpenAICompatible(server.url, api_key="one"), OpenAICompatible(server.url, **{"api_key": "one", **other}))
        await connected(*seats)
        await asyncio.gather(*(seat.close() for seat in seats))
        keys = [asked.headers["authorization"] for asked in lists(server)]

        assert sorted(keys) == sorted(["Bearer one", f"Bearer {other.get('api_key', 'one')}"])


async def test_a_refusal_is_told_to_all_who_waited_for_it_and_asked_about_anew_by_who_comes_later():
    replies = [Reply(status=401, before_s=0.05), models("m")]
    async with StandIn(stream("yes"), listed=lambda _: replies.pop(0)) as server:
        seats = seated(*(OpenAICompatible(server.url) for _ in range(3)))
        refused = await connected(*seats)

        assert [type(error) for error in refused] == [EndpointRefused] * 3
        assert len(lists(server)) == 1
        assert await connected(*seats) == [None] * 3
        assert len(lists(server)) == 2
        await asyncio.gather(*(seat.close() for seat in seats))


async def test_who_gives_up_waiting_does_not_take_the_answer_from_the_others_and_the_last_one_stops_the_asking():
    async with StandIn(stream("yes"), listed=Reply(body=models("m").body, before_s=0.1)) as server:
        first, second = seated(OpenAICompatible(server.url), OpenAICompatible(server.url))
        waiting = [asyncio.create_task(seat.connect()) for seat in (first, second)]
        await asyncio.sleep(0.03)
        waiting[0].cancel()
        await waiting[1]
        assert second.facts.model == "m"

        third = seated(OpenAICompatible(server.url))[0]
        alone = asyncio.create_task(third.connect())
        await asyncio.sleep(0.03)
        alone.cancel()
        await asyncio.gather(alone, return_exceptions=True)
        await asyncio.sleep(0)
        assert third._line._asking.cancelled()
        await asyncio.gather(*(seat.close() for seat in (first, second, third)))


async def test_what_a_server_said_a_while_ago_is_asked_again(monkeypatch):
    async with StandIn(stream("yes")) as server:
        first, second = seated(OpenAICompatible(server.url), OpenAICompatible(server.url))
        await first.connect()
        monkeypatch.setattr("mallku.firecircle.adapters.server_line._FRESH_S", -1.0)
        await second.connect()
        await asyncio.gather(first.close(), second.close())

    assert len(lists(server)) == 2
