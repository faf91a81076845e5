"""Secrets by reference, read in a thread, remembered in memory alone, and kept working when Secrets Manager is not."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Protocol

from router.aws import SecretUnavailable

_FRESH_SECONDS = 300.0
_RETRY_SECONDS = 5.0


class SecretReader(Protocol):
    """Reads a secret; blocks."""

    def read(self, arn: str) -> str:
        """The secret's text; SecretUnavailable otherwise."""
        ...


@dataclass
class _Held:
    text: str
    read_at: float


class SecretCache:
    """Secrets by ARN. One read at a time for each; a stale value is better than none."""

    def __init__(self, reader: SecretReader, executor: Executor, clock: Callable[[], float] = time.monotonic) -> None:
        self._reader, self._executor, self._clock = reader, executor, clock
        self._held: dict[str, _Held] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._failed: dict[str, tuple[float, SecretUnavailable]] = {}

    async def get(self, arn: str, max_age_seconds: float = _FRESH_SECONDS) -> str:
        """The secret's text, at most that old unless Secrets Manager cannot be read; SecretUnavailable if it never could."""
        held = self._held.get(arn)
        if held is not None and self._clock() - held.read_at <= max_age_seconds:
            return held.text
        async with self._locks.setdefault(arn, asyncio.Lock()):
            return await self._refreshed(arn, max_age_seconds)

    async def _refreshed(self, arn: str, max_age_seconds: float) -> str:
        held, now = self._held.get(arn), self._clock()
        if held is not None and now - held.read_at <= max_age_seconds:
            return held.text
        failed_at, failure = self._failed.get(arn, (float("-inf"), None))
        if failure is not None and now - failed_at < _RETRY_SECONDS:
            if held is not None:
                return held.text
            raise SecretUnavailable(str(failure), denied=failure.denied)
        try:
            text = await asyncio.get_running_loop().run_in_executor(self._executor, self._reader.read, arn)
        except SecretUnavailable as error:
            self._failed[arn] = (now, error)
            if held is not None:
                return held.text
            raise
        self._failed.pop(arn, None)
        self._held[arn] = _Held(text, self._clock())
        return text
