"""Which addresses a third party's `api_base` may lead to: public ones, or hosts that this environment lists by name."""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from typing import Final

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Resolves a host and port to addresses."""

_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_SIX_TO_FOUR: Final = ipaddress.ip_network("2002::/16")
_TEREDO: Final = ipaddress.ip_network("2001::/32")
_UNICAST: Final = ipaddress.ip_network("2000::/3")  # all that IANA has given out; site-local fec0::/10 is outside of it
_SPECIAL: Final = tuple(map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "3fff::/20")))
"""IANA's special ranges that some releases of Python take for public: protocol assignments, 6to4 relays, documentation."""
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class AddressRefused(OSError):
    """The host leads to an address that providers may not be at."""


def is_public(text: str) -> bool:
    """Whether an address is on the public Internet, IPv4 addresses inside IPv6 ones unwrapped."""
    try:
        address: Address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return _is_ordinary(_meaning(address))


def _is_ordinary(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and (address not in _UNICAST or address in _TEREDO):
        return False
    special = any(address in network for network in _SPECIAL)
    return address.is_global and not (address.is_multicast or address.is_reserved or special)


def _meaning(address: Address) -> Address:
    """The address, or the IPv4 address that a translator would make of it; Python calls NAT64's and 6to4's own ranges global."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    if address in _SIX_TO_FOUR:
        return ipaddress.IPv4Address((int(address) >> 80) & 0xFFFF_FFFF)
    return address


async def system_resolve(host: str, port: int) -> list[str]:
    """The addresses that the system's resolver gives."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def system_resolve_now(host: str, port: int) -> list[str]:
    """The same for those who run in a thread of their own."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Guard:
    """Checks where a connection would go, at the moment it is made, so that a name cannot change its mind in between."""

    def __init__(
        self,
        allowed_hosts: frozenset[str],
        resolve: Resolve = system_resolve,
        resolve_now: Callable[[str, int], list[str]] = system_resolve_now,
    ) -> None:
        self._allowed, self._resolve, self._resolve_now = allowed_hosts, resolve, resolve_now

    async def addresses(self, host: str, port: int) -> list[str]:
        """The addresses to connect to; AddressRefused unless every one is public or the host is on the list (`host` or `host:port`)."""
        name = _plain(host)
        try:
            found = await self._resolve(name, port)
        except (OSError, UnicodeError) as error:
            raise AddressRefused(f"{name} cannot be resolved") from error
        return self._checked(name, port, found)

    def addresses_now(self, host: str, port: int) -> list[str]:
        """The same, blocking."""
        name = _plain(host)
        try:
            found = self._resolve_now(name, port)
        except (OSError, UnicodeError) as error:
            raise AddressRefused(f"{name} cannot be resolved") from error
        return self._checked(name, port, found)

    def vouches(self, host: str, port: int) -> bool:
        """Whether the environment lists the host by name: then it may be inside, and go without TLS."""
        name = _plain(host)
        return name in self._allowed or f"{name}:{port}" in self._allowed

    def _checked(self, name: str, port: int, found: list[str]) -> list[str]:
        if not found:
            raise AddressRefused(f"{name} has no address")
        if not self.vouches(name, port) and not all(is_public(address) for address in found):
            raise AddressRefused(f"{name} leads to an address that is not public")
        return found


def _plain(host: str) -> str:
    return host.lower().rstrip(".").strip("[]")
