"""Where an address lies, and that nothing outside is dialled."""

import asyncio

import httpx2
import pytest

from mallku.catalog import addresses
from mallku.catalog.addresses import classify, demand_local, resolve
from mallku.catalog.guarded_client import GuardedClient, GuardedTransport
from mallku.errors import EndpointUnreachable, RemoteAddressRefused

WHERE = {
    "127.0.0.1": "loopback",
    "127.9.9.9": "loopback",
    "::1": "loopback",
    "0.0.0.0": "loopback",
    "::ffff:127.0.0.1": "loopback",
    "10.1.2.3": "private",
    "172.16.0.1": "private",
    "172.31.255.255": "private",
    "192.168.1.7": "private",
    "169.254.10.10": "private",
    "fe80::1": "private",
    "fe80::1%eth0": "private",
    "fd00::5": "private",
    "::ffff:192.168.0.1": "private",
    "172.32.0.1": "public",
    "100.64.0.1": "public",
    "8.8.8.8": "public",
    "203.0.113.5": "public",
    "2001:4860:4860::8888": "public",
    "::ffff:8.8.8.8": "public",
    "64:ff9b::808:808": "public",
    "64:ff9b::a00:1": "private",
    "2002:808:808::1": "public",
    "2002:a00:1::1": "public",
    "224.0.0.1": "public",
    "255.255.255.255": "public",
}


@pytest.mark.parametrize("address", WHERE)
def test_every_kind_of_address_is_put_where_it_lies(address):
    assert classify(address) == WHERE[address]


def test_one_public_address_among_private_ones_is_enough_to_refuse_a_name():
    with pytest.raises(RemoteAddressRefused, match=r"relay.*8\.8\.8\.8"):
        demand_local("relay", ("10.0.0.1", "8.8.8.8"))


WRITTEN = {
    "http://2130706433/": "loopback",
    "http://0x7f000001/": "loopback",
    "http://0177.0.0.1/": "no URL",
    "http://127.1/": "loopback",
    "http://localhost./": "loopback",
    "http://LOCALHOST/": "loopback",
    "http://models.localhost/": "loopback",
    "http://127.0.0.1./": "loopback",
    "http://[::ffff:7f00:1]/": "loopback",
    "http://[0:0:0:0:0:0:0:1]/": "loopback",
    "http://0/": "loopback",
    "http://167772161/": "private",
    "http://[fe80::1%25lo]/": "private",
    "http://134744072/": "public",
    "http://0x8080808/": "public",
    "http://010.8.8.8/": "no URL",
    "http://8.8.8.8./": "public",
    "http://[::ffff:808:808]/": "public",
    "http://[64:ff9b::8.8.8.8]/": "public",
    "http://[64:ff9b:1::808:808]/": "public",
    "http://[2001:0:808:808::1]/": "public",
    "http://[::8.8.8.8]/": "public",
    "http://100.100.100.100/": "public",
}


@pytest.mark.parametrize("url", WRITTEN)
async def test_an_address_is_judged_as_the_system_dials_it_however_it_is_written(url, monkeypatch):
    """Decimal, octal and hexadecimal numbers, trailing dots, zones, and IPv4 inside IPv6: nothing is sent to what lies outside."""
    dialled = []

    async def send(self, request, host, address):
        dialled.append(address)
        raise httpx2.ConnectError("not dialled in this test", request=request)

    monkeypatch.setattr(GuardedTransport, "_send", send)
    async with GuardedClient() as client:
        with pytest.raises(RemoteAddressRefused if WRITTEN[url] == "public" else EndpointUnreachable):
            await client.get(url, timeout_s=5)

    assert {classify(address) for address in dialled} == {WRITTEN[url]} - {"public", "no URL"}


async def test_localhost_means_this_machine_whatever_a_resolver_says():
    assert await resolve("localhost", 1) == ("127.0.0.1", "::1")


async def test_a_name_without_an_address_is_an_error_that_says_so():
    with pytest.raises(EndpointUnreachable, match=r"no-such-host\.invalid"):
        await resolve("no-such-host.invalid", 80)


async def test_a_public_address_is_refused_before_anything_is_sent():
    async with GuardedClient() as client:
        with pytest.raises(RemoteAddressRefused, match="allow_remote"):
            await client.get("http://203.0.113.7/v1/models", timeout_s=2)


async def test_a_name_is_judged_by_the_address_it_resolves_to(monkeypatch):
    async def public(host, port):
        return ("203.0.113.7",)

    monkeypatch.setattr("mallku.catalog.guarded_client.resolve", public)
    async with GuardedClient() as client:
        with pytest.raises(RemoteAddressRefused, match="innocent"):
            await client.get("http://innocent.example/v1/models", timeout_s=2)


async def serve(answer):
    async def reply(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    return await asyncio.start_server(reply, "127.0.0.1", 0)


async def test_a_name_that_changes_its_address_later_stays_where_it_was_judged(monkeypatch):
    looked_up = []

    async def changing(host, port):
        looked_up.append(host)
        return ("127.0.0.1",) if len(looked_up) == 1 else ("203.0.113.7",)

    monkeypatch.setattr("mallku.catalog.guarded_client.resolve", changing)
    server = await serve(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi")
    port = server.sockets[0].getsockname()[1]
    async with GuardedClient() as client:
        texts = [(await client.get(f"http://house.example:{port}/", timeout_s=2)).text for _ in range(3)]
        where = client.location(f"http://house.example:{port}/")
    server.close()

    assert (texts, looked_up, where) == (["hi"] * 3, ["house.example"], ("loopback", f"127.0.0.1:{port}"))


async def test_a_name_that_moved_outside_is_refused_when_it_is_looked_up_again(monkeypatch):
    answers = [("127.0.0.1",), ("203.0.113.7",)]

    async def changing(host, port):
        return answers.pop(0)

    monkeypatch.setattr("mallku.catalog.guarded_client.resolve", changing)
    server = await serve(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi")
    url = f"http://house.example:{server.sockets[0].getsockname()[1]}/"
    async with GuardedClient() as client:
        await client.get(url, timeout_s=2)
        server.close()
        await server.wait_closed()
        with pytest.raises(RemoteAddressRefused):
            await client.get(url, timeout_s=2)


async def test_a_redirect_is_not_followed():
    server = await serve(b"HTTP/1.1 302 Found\r\nlocation: http://203.0.113.7/\r\ncontent-length: 0\r\n\r\n")
    async with GuardedClient() as client:
        answer = await client.get(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", timeout_s=2)
    server.close()

    assert answer.status == 302


async def test_the_next_address_is_tried_where_the_first_does_not_answer(monkeypatch):
    async def two(host, port):
        return ("::1", "127.0.0.1")

    monkeypatch.setattr("mallku.catalog.guarded_client.resolve", two)
    server = await serve(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi")
    async with GuardedClient() as client:
        answer = await client.get(f"http://house.example:{server.sockets[0].getsockname()[1]}/", timeout_s=2)
    server.close()

    assert answer.text == "hi"


async def test_an_endless_answer_to_a_probe_is_not_read_to_its_end():
    async def flood(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while True:
                writer.write(b"x" * 65536)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(flood, "127.0.0.1", 0)
    async with GuardedClient() as client:
        answer = await client.get(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", timeout_s=10)
    server.close()

    assert len(answer.content) == answer.LARGEST


def test_the_ranges_do_not_depend_on_what_python_calls_private():
    assert not any(
        network.overlaps(addresses.ipaddress.ip_network("203.0.113.0/24")) for network in addresses._PRIVATE if network.version == 4
    )
