"""Which addresses a third party's `api_base` may lead to: public ones, or hosts that this environment lists by name."""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Resolves a host and port to addresses."""

_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_NAT64_LOCAL: Final = ipaddress.ip_network("64:ff9b:1::/48")
_COMPATIBLE: Final = ipaddress.ip_network("::/96")  # ::a.b.c.d, long deprecated, still routed by some
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class AddressRefused(OSError):
    """The host leads to an address that providers may not be at."""


def is_public(text: str) -> bool:
    """Whether an address is on the public Internet, IPv4 addresses inside IPv6 ones unwrapped."""
    try:
        address: Address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return all(each.is_global and not each.is_multicast and not each.is_reserved for each in _meanings(address))


def _meanings(address: Address) -> Iterable[Address]:
    """The address, or the IPv4 address that it stands for beside it."""
    if isinstance(address, ipaddress.IPv4Address):
        return (address,)
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    if address in _NAT64_LOCAL:
        return (ipaddress.IPv4Address("127.0.0.1"),)  # translates to an operator's own network: refused whatever it holds
    if address in _NAT64 or address in _COMPATIBLE:
        return (ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF),)
    inner: list[Address] = [each for each in (address.sixtofour, *(address.teredo or ())) if each is not None]
    return (address, *inner)


async def system_resolve(host: str, port: int) -> list[str]:
    """The addresses that the system's resolver gives."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Guard:
    """Checks where a connection would go, at the moment it is made, so that a name cannot change its mind in between."""

    def __init__(self, allowed_hosts: frozenset[str], resolve: Resolve = system_resolve) -> None:
        self._allowed, self._resolve = allowed_hosts, resolve

    async def addresses(self, host: str, port: int) -> list[str]:
        """The addresses to connect to; AddressRefused unless every one is public or the host is on the list (`host` or `host:port`)."""
        name = host.lower().rstrip(".").strip("[]")
        try:
            found = await self._resolve(name, port)
        except OSError as error:
            raise AddressRefused(f"{name} cannot be resolved") from error
        if not found:
            raise AddressRefused(f"{name} has no address")
        if name not in self._allowed and f"{name}:{port}" not in self._allowed and not all(is_public(address) for address in found):
            raise AddressRefused(f"{name} leads to an address that is not public")
        return found
