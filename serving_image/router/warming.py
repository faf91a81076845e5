"""A new process is warm before it takes traffic: its tables and keys are there, and so are connections to engines and the spend table."""

import asyncio
import contextlib
import gc
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from router.log import Log
from router.routes import RouteTable
from router.upstream import EngineClient

_LOOK_SECONDS: Final = 0.02
_CONNECT_SECONDS: Final = 1.0
_MOST: Final = 256
Found = TypeVar("Found")


def settle_garbage() -> None:
    """What is there before the first request stays for good: modules, LiteLLM's, tables. Take it out of the collector's sight, and collect
    less often: with 10,000 tokens the collector would look at it for 0.3 s at a time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


async def warmed(
    has_everything: Callable[[], bool], engines: EngineClient, routes: RouteTable, lease: Callable[[], Awaitable[bool]], log: Log
) -> None:
    """Wait for what answers need, then for a connection to each ready engine, and for the spend table to be read once (`lease`: whether it
    could be). What takes longer than a second is not waited for."""
    while not has_everything():  # noqa: ASYNC110 - four things that end each at its time, once in the life of a process
        await asyncio.sleep(_LOOK_SECONDS)
    origins = sorted({target.origin for held in routes.routes.values() for target in held.ready if target.origin})
    connected, leases = await asyncio.gather(_in_time(engines.warm(origins[:_MOST]), 0), _in_time(lease(), False))
    log.info("ready", engines=len(origins), connected=connected, leases=leases)


async def _in_time(work: Awaitable[Found], otherwise: Found) -> Found:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_CONNECT_SECONDS):
            return await work
    return otherwise
