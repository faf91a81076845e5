"""The least that a gateway in Python can do: raw ASGI and aiohttp, bytes through, nothing asked. `UPSTREAM` says where to.

Run by uvicorn on uvloop and httptools: what our router would cost if it had no policy at all.
"""

import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

import aiohttp

_UPSTREAM: Final = os.environ["UPSTREAM"]
_KEPT: Final = (b"content-type", b"content-length")
_HEADERS: Final = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
_sessions: list[aiohttp.ClientSession] = []


def _session() -> aiohttp.ClientSession:
    if not _sessions:
        _sessions.append(
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                skip_auto_headers=("User-Agent", "Accept"),
                read_bufsize=2**18,
            )
        )
    return _sessions[0]


async def app(
    scope: MutableMapping[str, Any],
    receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
    send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
) -> None:
    """ASGI's entry."""
    parts = []
    more = True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    async with _session().post(_UPSTREAM + scope["path"], data=b"".join(parts), headers=_HEADERS) as answer:
        kept = [(name.lower(), value) for name, value in answer.raw_headers if name.lower() in _KEPT]
        await send({"type": "http.response.start", "status": answer.status, "headers": kept})
        more = True
        while more:
            chunk = await answer.content.readany()
            more = not answer.content.at_eof()
            await send({"type": "http.response.body", "body": chunk, "more_body": more})
