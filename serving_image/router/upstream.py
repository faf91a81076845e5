"""The way to our own engines: bytes in, bytes out, over connections that are kept open."""

from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

import aiohttp

from router.routes import Target

PASSED_ON: Final = ("x-request-id", "traceparent", "tracestate", "x-amzn-trace-id")
"""Request headers that go through to the engine; nothing else of the caller's does, its credential least of all."""

PASSED_BACK: Final = frozenset({"content-type", "content-length", "retry-after", "cache-control"})
"""Answer headers that go through to the caller; hop-by-hop ones never do."""

_CONNECT_SECONDS: Final = 2.0
_KEEP_ALIVE_SECONDS: Final = 15.0  # below the engines' own, so that we never send into a connection they are closing


class TargetUnreachable(Exception):
    """The target gave no answer. `reused` = the connection had been open and broke; the same target may be fine on a fresh one."""

    def __init__(self, reason: str, *, reused: bool = False, timed_out: bool = False) -> None:
        super().__init__(reason)
        self.reused, self.timed_out = reused, timed_out


class EngineClient:
    """HTTP to engines, with the engine key of this environment. An engine may be silent for `silence_seconds`, also in mid-answer."""

    def __init__(self, api_key: str, silence_seconds: float) -> None:
        self._authorization = f"Bearer {api_key}"
        self._silence_seconds = silence_seconds
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE_SECONDS, ttl_dns_cache=10)
        self._session = aiohttp.ClientSession(
            connector=connector,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS, sock_read=self._silence_seconds),
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
            read_bufsize=2**18,
        )
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._session is not None:
            await self._session.close()

    async def send(self, target: Target, path: str, body: bytes, headers: Mapping[str, str]) -> aiohttp.ClientResponse:
        """POST `body` to the target and wait for the answer's head; TargetUnreachable when there is none. The caller closes the answer."""
        if self._session is None:
            raise RuntimeError("the client is not open")
        sent = {"Content-Type": "application/json", "Authorization": self._authorization, "Accept-Encoding": "identity", **headers}
        try:
            return await self._session.post(target.origin + path, data=body, headers=sent, allow_redirects=False)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise TargetUnreachable(type(error).__name__) from error
        except (TimeoutError, aiohttp.ServerTimeoutError) as error:
            raise TargetUnreachable(type(error).__name__, timed_out=True) from error
        except (aiohttp.ClientError, OSError) as error:
            raise TargetUnreachable(type(error).__name__, reused=True) from error
