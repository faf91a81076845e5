"""The life of an engine container, from the first second to the exit status."""

import asyncio
import contextlib
import gc
import os
import secrets
import signal
import threading
from collections.abc import Callable, Mapping
from typing import Final

import aiohttp

from contracts.engine import Phase, Variable
from engine.adapters import create_adapter
from engine.adapters.base import Adapter, Launch
from engine.child import Child
from engine.errors import CancelledWorkError, EngineError
from engine.heartbeat import Heartbeat, Rhythm
from engine.logs import JsonFormatter, configure, log
from engine.proxy import Proxy
from engine.server import Server
from engine.settings import Settings, read_linger, read_listen, read_settings
from engine.state import State
from engine.upstream import ProbeMissedError, Upstream
from engine.weights.cache import Cache
from engine.weights.download import FILE_THREADS, PART_THREADS
from engine.weights.source import Weights, WeightsSource
from engine.weights.store import S3Store

STOP_GRACE_SECONDS: Final = 2.0
"""After SIGTERM new requests are still served for so long: routers need a moment to learn that this target is going."""

_CHILD_STOP_SECONDS: Final = 5.0
_FAILED_CHILD_STOP_SECONDS: Final = 2.0


class Supervisor:
    """One container's supervisor; `run` is called once."""

    def __init__(self, environment: Mapping[str, str], rhythm: Rhythm | None = None) -> None:
        self._environment = environment
        self._rhythm = rhythm or Rhythm()
        self._state = State(
            model_id=environment.get(Variable.MODEL_ID, ""),
            version=environment.get(Variable.MODEL_VERSION, ""),
            engine_kind=environment.get(Variable.ENGINE_KIND, ""),
            on_phase=lambda phase, spent: log.info("phase", extra={"next": str(phase), "seconds": round(spent, 3)}),
        )
        self._formatter: JsonFormatter = configure(self._state)
        self._proxy = Proxy(self._state)
        self._server = Server(self._state, self._proxy)
        self._stop = asyncio.Event()
        self._cancelled = threading.Event()
        self._drain_seconds = 1.0
        self._child: Child | None = None
        self._session: aiohttp.ClientSession | None = None
        self._weights: Weights | None = None
        self._address: asyncio.Future[str] | None = None

    async def run(self) -> int:
        """Live until the engine fails or SIGTERM comes. Returns the container's exit status: 0, or one of `contracts.engine.FAILURES`."""
        try:
            listen, linger = read_listen(self._environment), read_linger(self._environment)
            await self._server.start(listen)
        except EngineError as error:
            self._state.fail(error)
            log.error("failed", extra={"code": error.code, "cause": error.message, "hint": error.hint})
            await self._server.close()
            return error.exit_status
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        log.info("listening", extra={"host": listen.host, "port": listen.port})
        life, stop = asyncio.create_task(self._live()), asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({life, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not life.done():
                await self._drain(life)
                return 0
            return await self._fail(life, linger)
        finally:
            await self._close(life, stop)

    async def _live(self) -> None:
        settings = read_settings(self._environment)
        self._drain_seconds = settings.drain_seconds
        self._formatter.hide(settings.api_key)
        self._proxy.require_key(settings.api_key)
        key = secrets.token_urlsafe(32)
        self._formatter.hide(key)
        adapter = create_adapter(settings.kind, _launch(settings, self._environment, key))
        self._server.metrics = adapter.metrics
        weights = self._weights = await self._resolve(settings)
        directory, manifest = (weights.directory, weights.manifest) if weights else (None, None)
        await asyncio.to_thread(adapter.check, directory, manifest)
        self._state.enter(Phase.STARTING)
        self._address = asyncio.get_running_loop().create_future()
        if adapter.known_address is not None:
            self._address.set_result(adapter.known_address)
        child = self._child = Child(adapter.command(directory, manifest), lambda line: self._read(adapter, line), self._formatter.clean)
        await child.start()
        serving = asyncio.create_task(self._serve(adapter, settings, key))
        ended = asyncio.create_task(child.wait())
        try:
            await asyncio.wait({serving, ended}, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                raise adapter.explain(ended.result())
            await serving
        finally:
            serving.cancel()
            ended.cancel()

    async def _resolve(self, settings: Settings) -> Weights | None:
        if settings.artifact_uri is None or settings.manifest_sha256 is None:
            return None
        uri, owner = settings.artifact_uri, settings.artifact_owner
        source = WeightsSource(
            settings.manifest_sha256,
            baked_dir=settings.baked_dir,
            open_cache=lambda: Cache(settings.cache_dir, settings.cache_limit_bytes),
            open_store=lambda: S3Store(uri, owner, PART_THREADS + FILE_THREADS),
            cancelled=self._cancelled,
        )
        progress = _ThreadProgress(asyncio.get_running_loop(), self._state)
        weights = await _in_thread(lambda: source.resolve(progress))
        log.info("weights verified", extra={"origin": weights.origin, "bytes": weights.manifest.total_bytes})
        return weights

    async def _serve(self, adapter: Adapter, settings: Settings, key: str) -> None:
        try:
            async with asyncio.timeout(settings.start_timeout_seconds):
                upstream = await self._until_ready(adapter, settings, key)
        except TimeoutError:
            message = f"The engine was still {self._state.phase} after {settings.start_timeout_seconds:g} seconds."
            raise EngineError("engine-start-timeout", message) from None
        self._state.beat()
        self._proxy.upstream = upstream
        self._state.enter(Phase.READY)
        # Nothing made so far will ever be garbage: never look at it again.
        gc.collect()
        gc.freeze()
        await Heartbeat(self._state, upstream, adapter.metrics, self._rhythm).watch()

    async def _until_ready(self, adapter: Adapter, settings: Settings, key: str) -> Upstream:
        if self._address is None:
            raise RuntimeError("the engine was never started")
        address = await self._address
        # No limit on connections: the engine has its own queue, and knows better.
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=adapter.idle_connection_seconds)
        self._session = aiohttp.ClientSession(connector=connector, auto_decompress=False, read_bufsize=256 * 1024)
        upstream = Upstream(self._session, address, key, settings.model_id, settings.task)
        pause = 0.02
        while not await upstream.is_listening():
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 0.5)
        self._state.enter(Phase.WARMING)
        while True:
            try:
                await upstream.complete_once(settings.start_timeout_seconds)
                return upstream
            except ProbeMissedError as error:
                log.info("not ready yet", extra={"cause": str(error)})
                await asyncio.sleep(0.5)

    def _read(self, adapter: Adapter, line: str) -> None:
        reading = adapter.read_line(line)
        if reading.version is not None:
            self._state.engine_version = reading.version
        if reading.phase is not None and self._state.phase not in {Phase.READY, Phase.DRAINING, Phase.FAILED}:
            self._state.enter(reading.phase, reading.progress)
        if reading.address is not None and self._address is not None and not self._address.done():
            self._address.set_result(reading.address)
        if not adapter.is_noise(line):
            log.info(line, extra={"stream": "engine"})

    async def _drain(self, life: asyncio.Task[None]) -> None:
        self._cancelled.set()
        was_ready = self._state.phase is Phase.READY
        self._state.enter(Phase.DRAINING)
        if was_ready:
            clock = asyncio.get_running_loop().time
            deadline = clock() + self._drain_seconds - self._child_stop_seconds
            await asyncio.wait({life}, timeout=min(STOP_GRACE_SECONDS, self._drain_seconds / 4))
            self._proxy.accepting = False
            idle = asyncio.create_task(self._state.idle.wait())
            await asyncio.wait({life, idle}, timeout=max(deadline - clock(), 0.0), return_when=asyncio.FIRST_COMPLETED)
            idle.cancel()
            log.info("drained", extra={"cut": self._state.in_flight})
        life.cancel()
        if self._child is not None:
            await self._child.stop(self._child_stop_seconds)

    @property
    def _child_stop_seconds(self) -> float:
        return min(_CHILD_STOP_SECONDS, self._drain_seconds / 4)

    async def _fail(self, life: asyncio.Task[None], linger: float) -> int:
        cause = _cause(life)
        # `/status` answers anybody who reaches the port, and from there the cause travels to events and tables.
        error = EngineError(cause.code, self._formatter.clean(cause.message), self._formatter.clean(cause.hint))
        self._state.fail(error)
        log.error("failed", extra={"code": error.code, "cause": error.message, "hint": error.hint})
        if self._child is not None:
            await self._child.stop(_FAILED_CHILD_STOP_SECONDS)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), linger)
        return error.exit_status

    async def _close(self, *tasks: asyncio.Task[object]) -> None:
        self._cancelled.set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._child is not None:
            await self._child.stop(0)
        await self._server.close()
        if self._session is not None:
            await self._session.close()
        if self._weights is not None and self._weights.lock is not None:
            self._weights.lock.release()


class _ThreadProgress:
    """Carries progress from a worker thread into the event loop, a hundred steps at most."""

    def __init__(self, loop: asyncio.AbstractEventLoop, state: State) -> None:
        self._loop = loop
        self._state = state
        self._told: tuple[Phase, int] | None = None

    def fetching(self, part: float) -> None:
        self._tell(Phase.FETCHING, part)

    def verifying(self, part: float) -> None:
        self._tell(Phase.VERIFYING, part)

    def _tell(self, phase: Phase, part: float) -> None:
        step = (phase, int(part * 100))
        if step != self._told:
            self._told = step
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._state.enter, phase, part)


async def _in_thread(work: Callable[[], Weights]) -> Weights:
    """Run work in a thread that nobody waits for at the end: a blocked read must not hold up the container's stop."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Weights] = loop.create_future()

    def settle(result: Weights | None, error: BaseException | None) -> None:
        if done.cancelled():
            return
        if error is not None:
            done.set_exception(error)
        elif result is not None:
            done.set_result(result)

    def body() -> None:
        result, error = None, None
        try:
            result = work()
        except BaseException as caught:  # noqa: BLE001 - whatever it is, it belongs to the one who waits
            error = caught
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=body, name="weights", daemon=True).start()
    return await done


def _launch(settings: Settings, environment: Mapping[str, str], key: str) -> Launch:
    return Launch(
        model_id=settings.model_id,
        task=settings.task,
        arguments=settings.arguments,
        features=settings.features,
        cache_dir=settings.cache_dir,
        start_timeout_seconds=settings.start_timeout_seconds,
        key=key,
        environment=environment,
    )


def _cause(life: asyncio.Task[None]) -> EngineError:
    error = life.exception()
    if isinstance(error, EngineError):
        return error
    if isinstance(error, CancelledWorkError) or error is None:
        return EngineError("engine-crashed", "The engine's work ended before it was told to.")
    log.error("the supervisor broke", exc_info=error)
    return EngineError("engine-crashed", f"The supervisor broke: {type(error).__name__}.")


def main() -> None:
    """Run the supervisor in this process's environment, and end the process with the status that names the cause."""
    status = asyncio.run(Supervisor(os.environ).run())
    # Threads that still wait for a network answer are not waited for.
    os._exit(status)
