"""A proxy is used only where a user names one and lets words leave the house; what it dials counts as outside."""

import asyncio

import pytest
from asking import said
from pydantic import SecretStr
from stand_in import StandIn, stream

from mallku.catalog.guarded_client import GuardedClient
from mallku.errors import ConfigurationError, EndpointUnreachable, RemoteAddressRefused
from mallku.firecircle import FireCircle
from mallku.firecircle.adapters.local_adapter import LocalAdapterConfig, LocalAIAdapter

FAR = "http://203.0.113.7:8000"


class Proxy:
    """Forwards every request to a server here, whatever it was for, and keeps the request lines."""

    def __init__(self, server=None, refusal=b""):
        self.server, self.refusal, self.lines = server, refusal, []

    async def __aenter__(self):
        self._listening = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._listening.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *exc):
        self._listening.close()

    async def _serve(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        first, _, rest = head.partition(b"\r\n")
        self.lines.append(first.decode())
        if self.refusal:
            writer.write(self.refusal)
        else:
            method, target, version = first.split(b" ")
            path = b"/" + target.split(b"/", 3)[3]
            length = next((int(line.split(b":")[1]) for line in rest.lower().split(b"\r\n") if line.startswith(b"content-length")), 0)
            answers, asks = await asyncio.open_connection("127.0.0.1", self.server.port)
            asks.write(b" ".join((method, path, version)) + b"\r\n" + rest + await reader.readexactly(length))
            writer.write(await answers.read())
            asks.close()
        await writer.drain()
        writer.close()


async def test_an_outside_server_is_reached_through_the_proxy_and_told_as_outside():
    async with StandIn(stream("yes")) as server, Proxy(server) as proxy:
        adapter = LocalAIAdapter(LocalAdapterConfig(base_url=FAR, proxy=proxy.url, allow_remote=True, api_key="k"))
        text = await said(adapter)
        await adapter.close()

    assert text == "yes"
    assert proxy.lines == ["GET http://203.0.113.7:8000/v1/models HTTP/1.1", "POST http://203.0.113.7:8000/v1/chat/completions HTTP/1.1"]
    assert adapter.facts.location == "public"
    assert adapter.facts.address == f"203.0.113.7:8000 through the proxy {proxy.url.removeprefix('http://')} (loopback)"
    assert server.asked[-1].headers["authorization"] == "Bearer k"


async def test_the_minutes_say_that_statements_left_though_the_proxy_stands_here():
    def chat(asked):
        return stream('{"choice": "A", "reason": "fair"}' if asked.json.get("response_format") else "We share it.")

    async with StandIn(chat) as server, Proxy(server) as proxy, FireCircle(journal=":memory:", allow_remote=True) as circle:
        circle.add_participant(LocalAIAdapter(LocalAdapterConfig(base_url=FAR, proxy=proxy.url, allow_remote=True)), name="Ada")
        minutes = str(await circle.deliberate("Should we?"))

    assert "Statements left the local network" in minutes
    assert "through the proxy" in minutes


async def test_a_name_that_only_the_proxy_knows_is_left_to_it():
    async with StandIn(stream("yes")) as server, Proxy(server) as proxy, GuardedClient(allow_remote=True, proxy=proxy.url) as client:
        answer = await client.get("http://models.invalid/v1/models", timeout_s=5)

    assert (answer.status, proxy.lines) == (200, ["GET http://models.invalid/v1/models HTTP/1.1"])


async def test_local_servers_are_dialled_directly_whatever_proxy_is_given():
    async with StandIn(stream("yes")) as server, Proxy(server) as proxy, GuardedClient(allow_remote=True, proxy=proxy.url) as client:
        await client.get(f"{server.url}/models", timeout_s=5)

        assert (proxy.lines, client.location(server.url)[0]) == ([], "loopback")


async def test_an_https_address_is_tunnelled_and_the_key_stays_inside():
    refusal = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n"
    async with Proxy(refusal=refusal) as proxy, GuardedClient(allow_remote=True, proxy=proxy.url, key=SecretStr("k")) as client:
        with pytest.raises(EndpointUnreachable, match="proxy would not connect"):
            await client.get("https://203.0.113.7/v1/models", timeout_s=5)

    assert proxy.lines == ["CONNECT 203.0.113.7:443 HTTP/1.1"]


async def test_a_proxy_that_is_not_there_is_an_error_that_names_it():
    async with GuardedClient(allow_remote=True, proxy="http://127.0.0.1:9") as client:
        with pytest.raises(EndpointUnreachable, match=r"203\.0\.113\.7"):
            await client.get(f"{FAR}/v1/models", timeout_s=5)


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
async def test_a_proxy_of_the_environment_is_not_used_for_outside_addresses_either(variable, monkeypatch):
    async with StandIn(stream("yes")) as server, Proxy(server) as proxy:
        monkeypatch.setenv(variable, proxy.url)
        async with GuardedClient() as client:
            with pytest.raises(RemoteAddressRefused):
                await client.get(f"{FAR}/v1/models", timeout_s=5)

    assert proxy.lines == []


@pytest.mark.parametrize(
    ("proxy", "told"),
    [
        ("http://127.0.0.1:3128", "allow_remote=True"),
        ("socks5://127.0.0.1:1080", "no HTTP proxy"),
        ("http://me:secret@proxy:1", "name or password"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_refused_before_anything_is_dialled(proxy, told):
    with pytest.raises(ConfigurationError, match=told) as caught:
        LocalAIAdapter(LocalAdapterConfig(base_url=FAR, proxy=proxy, allow_remote="3128" not in proxy))

    assert "secret" not in str(caught.value)
