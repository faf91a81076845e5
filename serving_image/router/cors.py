"""Cross-origin requests: off unless origins are listed, and then for those exact origins."""

from router.exchange import Exchange

_PREFLIGHT = (
    (b"access-control-allow-methods", b"GET, POST, DELETE"),
    # The clients of OpenAI and Anthropic send a dozen of their own, which change. `*` stands for all but the credential itself.
    (b"access-control-allow-headers", b"authorization, *"),
    (b"access-control-max-age", b"600"),
)


class Cors:
    """Adds what browsers ask for. Credentials are never allowed: tokens travel in a header."""

    def __init__(self, origins: frozenset[str]) -> None:
        self._origins = frozenset(origin.encode() for origin in origins)

    def admit(self, exchange: Exchange) -> bool:
        """Add headers for a listed origin; whether there was one."""
        if not self._origins:
            return False
        exchange.extra_headers.append((b"vary", b"Origin"))
        origin = exchange.headers.get(b"origin")
        if origin is None or origin not in self._origins:
            return False
        exchange.extra_headers += [
            (b"access-control-allow-origin", origin),
            (b"access-control-expose-headers", b"*"),
        ]
        return True

    async def preflight(self, exchange: Exchange) -> None:
        """Answer an admitted OPTIONS request."""
        await exchange.start(204, _PREFLIGHT)
        await exchange.write(b"", more=False)
