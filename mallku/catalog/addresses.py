"""Where an address lies: on this machine, on the local network, or outside.

Ranges: IANA IPv4 and IPv6 special-purpose address registries (RFC 6890 and its updates). Only what cannot be routed out of the house counts
as private. Shared carrier space (100.64.0.0/10, RFC 6598), which some overlay networks use, lies outside.
"""

import asyncio
import ipaddress
import socket
from typing import Final

from mallku.dialogue.participant import Location
from mallku.errors import EndpointUnreachable, RemoteAddressRefused

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_LOOPBACK: Final = tuple(ipaddress.ip_network(text) for text in ("127.0.0.0/8", "::1/128", "0.0.0.0/32", "::/128"))
_PRIVATE: Final = tuple(
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10", "fec0::/10")
)
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")


def classify(address: str) -> Location:
    """Return where an IP address lies; an IPv4 address carried inside an IPv6 one is looked at itself."""
    ip = _unwrapped(ipaddress.ip_address(address.partition("%")[0]))
    if any(ip in network for network in _LOOPBACK if network.version == ip.version):
        return "loopback"
    if any(ip in network for network in _PRIVATE if network.version == ip.version):
        return "private"
    return "public"


def is_ip(host: str) -> bool:
    """Say whether a URL's host is an IP address and not a name."""
    try:
        ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return False
    return True


async def resolve(host: str, port: int) -> tuple[str, ...]:
    """Return the IP addresses of a host, IPv4 first: several local servers listen on 127.0.0.1 but not on ::1."""
    # a dot at the end only says that the name is complete (RFC 1034, 3.1)
    bare = host.strip("[]").removesuffix(".")
    if is_ip(bare):
        return (bare,)
    if bare == "localhost" or bare.endswith(".localhost"):
        # RFC 6761, 6.3: these names mean this machine whatever a resolver says
        return ("127.0.0.1", "::1")
    try:
        found = await asyncio.get_running_loop().getaddrinfo(bare, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise EndpointUnreachable(
            f"The host {host!r} has no address.", hint="Check the spelling, or write the IP address instead of the name."
        ) from error
    addresses = dict.fromkeys(str(entry[4][0]) for entry in sorted(found, key=lambda entry: entry[0] != socket.AF_INET))
    return tuple(addresses)


def demand_local(host: str, addresses: tuple[str, ...]) -> None:
    """Refuse a host if any of its addresses lies outside this machine and the local network."""
    for address in addresses:
        if classify(address) == "public":
            named = f"{host!r}" if host.strip("[]") == address else f"{host!r} ({address})"
            raise RemoteAddressRefused(
                f"The address {named} is outside this machine and the local network.",
                hint="Nothing was sent. If statements may leave the house, say so: `allow_remote=True`, at the terminal `--allow-remote`.",
            )


def _unwrapped(ip: IpAddress) -> IpAddress:
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped:
            return ip.ipv4_mapped
        if ip.sixtofour:
            return ip.sixtofour if ip.sixtofour.is_global else ipaddress.IPv4Address("192.88.99.1")
        if ip in _NAT64:
            return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip
