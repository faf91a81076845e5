"""Which addresses of a third party may be called: public ones, however they are spelled."""

import ipaddress
import re

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_SIX_TO_FOUR = ipaddress.ip_network("2002::/16")
_TEREDO = ipaddress.ip_network("2001::/32")
_UNICAST = ipaddress.ip_network("2000::/3")  # all that IANA has given out; site-local fec0::/10 is outside of it
_SPECIAL = tuple(map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "3fff::/20")))
"""IANA's special ranges that some releases of Python take for public: protocol assignments, 6to4 relays, documentation."""
_NUMBER = re.compile(r"^(0[xX][0-9a-fA-F]*|[0-9]+)$")
_PARTS, _LARGEST = 4, 0xFF
_NOWHERE = str(ipaddress.IPv4Address(0))


def is_public(text: str) -> bool:
    """Whether an address is one that anybody on the Internet could reach, and so is every address hidden inside it."""
    try:
        address = ipaddress.ip_address(text.split("%", 1)[0])
    except ValueError:
        return False
    return all(_is_ordinary(one) for one in _unwrapped(address))


def _is_ordinary(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and address not in _UNICAST:
        return False
    special = any(address in network for network in _SPECIAL)
    return address.is_global and not (address.is_multicast or address.is_reserved or special)


def numeric(host: str) -> str | None:
    """The dotted form of an IPv4 address spelled in decimal, octal or hexadecimal, whole or in parts (`0xa9fea9fe`, `127.1`); else None.

    A host whose last label is a number can be nothing else; one that makes no address is told as `0.0.0.0`, which is not public.
    """
    labels = host.rstrip(".").split(".")
    if not _NUMBER.match(labels[-1]):
        return None
    if len(labels) > _PARTS or not all(_NUMBER.match(label) for label in labels):
        return _NOWHERE
    try:
        *first, last = (_value(label) for label in labels)
    except ValueError:
        return _NOWHERE
    room = _PARTS - len(first)
    if any(part > _LARGEST for part in first) or last >= 256**room:
        return _NOWHERE
    number = sum(part << (24 - 8 * place) for place, part in enumerate(first)) + last
    return str(ipaddress.IPv4Address(number))


def _value(label: str) -> int:
    if label.lower().startswith("0x"):
        return int(label[2:] or "0", 16)
    return int(label, 8) if label.startswith("0") and len(label) > 1 else int(label)


def _unwrapped(address: Address) -> list[Address]:
    """The address and those that a translator would make of it; Python calls NAT64's and 6to4's own ranges global."""
    found: list[Address] = []
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return [address.ipv4_mapped]
        if address in _NAT64:
            return [ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)]
        if address in _SIX_TO_FOUR:
            return [ipaddress.IPv4Address((int(address) >> 80) & 0xFFFFFFFF)]
        if address in _TEREDO or int(address) >> 32 == 0:
            return [ipaddress.IPv4Address(0)]  # tunnels and the deprecated compatible form: never needed, so never allowed
    found.append(address)
    return found
