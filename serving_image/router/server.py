"""Serving: uvicorn on uvloop and httptools, and the order of starting and stopping."""

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Iterator

import uvicorn

from router.background import SWITCH_SECONDS
from router.late import Late
from router.log import Log
from router.settings import Settings
from router.wire import Connection
from router.wiring import Router

_BACKLOG = 2048
_KEEP_ALIVE_SECONDS = 630  # longer than the load balancer's 620, so that it, and not we, closes idle connections


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling: what SIGTERM means is decided here."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


class _Logged(logging.Handler):
    """uvicorn's few words as lines of ours."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else None
        self._log.write(record.levelname, record.getMessage()[:500], logger=record.name, error=error)


async def serve(settings: Settings, late: Late, log: Log) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is under way, at most `drain_seconds`."""
    logging.getLogger("uvicorn").handlers = logging.getLogger("asyncio").handlers = [_Logged(log)]
    sys.setswitchinterval(SWITCH_SECONDS)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with Router(settings, late, log) as router:
        server = _Server(
            uvicorn.Config(
                router.app,
                http=Connection,
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=1,
            )
        )
        serving = asyncio.create_task(server.serve(sockets=[_listener(settings)]))
        stopped = asyncio.create_task(stop.wait())
        log.info("listening", host=settings.listen_host, port=settings.listen_port, router_id=settings.router_id)
        await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            await _drain(router, settings.drain_seconds, log)
            server.should_exit = True
        stopped.cancel()
        await serving
    log.info("stopped")


def _listener(settings: Settings) -> socket.socket:
    """A socket that a successor on the same address may share while we drain (so it is on the laptop)."""
    return socket.create_server((settings.listen_host, settings.listen_port), backlog=_BACKLOG, reuse_port=True)


async def _drain(router: Router, seconds: float, log: Log) -> None:
    log.info("draining", seconds=seconds)
    try:
        async with asyncio.timeout(seconds):
            await router.app.drained()
    except TimeoutError:
        log.warning("requests were still under way at the end of the drain")
