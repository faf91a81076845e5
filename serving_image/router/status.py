"""Reading `GET /status` of an engine container, each time over a fresh connection, so that a dead address is seen at once."""

from types import TracebackType
from typing import Self

import aiohttp
from pydantic import ValidationError

from contracts.engine_status import EngineStatus
from router.routes import Target
from router.statuses import OK

_MAX_BYTES = 64_000


class StatusReader:
    """Reads what engine containers say of themselves."""

    def __init__(self, timeout_seconds: float = 2.0) -> None:
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds, sock_connect=1.0)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, force_close=True),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            timeout=self._timeout,
        )
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._session is not None:
            await self._session.close()

    async def read(self, target: Target) -> EngineStatus | None:
        """What the container says; None while it cannot be reached or says nothing that we understand."""
        if self._session is None:
            raise RuntimeError("the reader is not open")
        try:
            async with self._session.get(f"{target.origin}/status", allow_redirects=False) as response:
                body = await response.content.read(_MAX_BYTES)
            return EngineStatus.model_validate_json(body) if response.status == OK else None
        except (aiohttp.ClientError, TimeoutError, OSError, ValidationError):
            return None
