"""Resolves the addresses of third parties and refuses those inside."""

import socket
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from serving.domain.addresses import is_public, numeric

Resolve = Callable[[str, int], Sequence[str]]


class ResolvingGuard:
    """`ports.AddressGuard`. Hosts on the allow-list pass unseen: somebody has vouched for them in the environment's parameters.

    Names can change their addresses later, so the routers check again when they connect; this is the early, explaining refusal.
    """

    def __init__(self, allowed_hosts: Sequence[str], resolve: Resolve | None = None) -> None:
        self._allowed = {host.lower().rstrip(".") for host in allowed_hosts}
        self._resolve = resolve or _resolve

    def refusal(self, address: str) -> str | None:
        """See `ports.AddressGuard`."""
        parts = urlsplit(address)
        host = (parts.hostname or "").lower().rstrip(".")
        try:
            port = parts.port
        except ValueError:
            return "the port is no number between 0 and 65535"
        if host in self._allowed or f"{host}:{port}" in self._allowed:
            return None
        if parts.scheme != "https":
            return "must be https"
        spelled = numeric(host)
        if spelled is not None and (not is_public(spelled) or spelled != host):
            return "is a number in disguise, or an address inside a network"
        try:
            found = [spelled] if spelled else list(self._resolve(host, port or 443))
        except (OSError, UnicodeError):  # a label that is too long or empty fails in the codec, not in the resolver
            return "the host cannot be resolved"
        if not found or not all(is_public(one) for one in found):
            return "resolves to an address that is not public; internal endpoints need to be on the environment's allow-list"
        return None


def _resolve(host: str, port: int) -> Sequence[str]:
    return [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
