"""Live streams of what happens to a model and of how an operation fares, as server-sent events.

This is a door of serving that stands in the one process that can hold a connection open. One loop follows each thing that somebody listens
to, however many listen; where nobody listens nothing is read. A listener that comes back says what it has heard (`Last-Event-ID`).
"""

import asyncio
import contextlib
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any, Final

from router.errors import ApiError, bad_request, unauthorized
from router.exchange import EVENT_STREAM, Exchange
from router.feed import SourceUnavailable
from router.identity import Authenticator, Caller
from router.log import Log
from router.metrics import Metrics
from router.timeline_source import Audience, Look, Source

_PATHS: Final = (
    ("models", re.compile(r"/live/models/([a-z][a-z0-9-]{1,62})/events")),
    ("operations", re.compile(r"/live/operations/([0-9A-HJKMNP-TV-Z]{26})")),
)
_NUMBER: Final = re.compile(r"[0-9]{1,12}")
_RETRY: Final = b"retry: 2000\n\n"
_WAITING_LOOKS: Final = 50
_MAX_BACK_OFF: Final = 15.0


@dataclass(frozen=True)
class LiveLimits:
    """How many may listen at a time, in all and of one caller; seconds between looks, between signs of life, and of a stream's life."""

    listeners: int = 200
    of_one_caller: int = 20
    look_seconds: float = 1.0
    heartbeat_seconds: float = 15.0
    longest_seconds: float = 3600.0


@dataclass(eq=False)
class _Listener:
    """One connection: what has been found for it and not yet been sent. None ends it."""

    caller: Caller
    exchange: Exchange
    looks: "asyncio.Queue[Look | None]" = field(default_factory=lambda: asyncio.Queue(_WAITING_LOOKS))

    def offer(self, look: Look | None) -> None:
        """One that does not keep up is let go; it comes back and says how far it got."""
        while True:
            try:
                return self.looks.put_nowait(look)
            except asyncio.QueueFull:
                self.looks.get_nowait()
                look = None


@dataclass(eq=False)
class _Watch:
    """One thing that is followed: the number up to which it has been told to its listeners."""

    kind: str
    name: str
    source: Source
    number: int
    listeners: set[_Listener] = field(default_factory=set)
    task: "asyncio.Task[None] | None" = None


class Timeline:
    """Answers `GET /live/models/{id}/events` and `GET /live/operations/{id}`. `sources` by the path's second word; without, all is 404."""

    def __init__(
        self,
        sources: Mapping[str, Source],
        authenticator: Authenticator,
        executor: Executor,
        metrics: Metrics,
        log: Log,
        limits: LiveLimits,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._sources, self._authenticator, self._executor = sources, authenticator, executor
        self._metrics, self._log, self._limits, self._now = metrics, log, limits, now
        self._watches: dict[tuple[str, str], _Watch] = {}
        self._listeners: set[_Listener] = set()
        self._closed = False

    async def answer(self, exchange: Exchange) -> None:
        """Stream until the listener leaves, its token ends, the thing itself does, or an hour has passed; ApiError before it begins."""
        kind, name = self._what(exchange.path)
        caller = await self._authenticator.authenticate(exchange.header(b"authorization"), reading=True)
        exchange.token_id, exchange.subject = caller.token_id, caller.subject
        heard = _heard(exchange)
        begun = await self._begin(kind, name)
        if begun is None or not _may_listen(caller, begun[0]):
            what = kind.removesuffix("s")
            raise ApiError(404, f"{what}_not_found", f"There is no {what} {name}, or it is not yours to see.")
        self._check_room(caller)
        listener = _Listener(caller, exchange)
        watch = self._join(listener, kind, name, begun[1])
        audience, newest = begun
        number = newest if heard is None else min(heard, newest or heard)
        exchange.task = asyncio.current_task()
        watcher = asyncio.create_task(exchange.watch())
        try:
            async with asyncio.timeout(self._seconds_for(caller)):
                await self._tell(listener, watch, audience, number)
        except TimeoutError:
            pass  # it comes back with what it has heard, and a token that still holds
        finally:
            watcher.cancel()
            self._leave(listener, watch)
        if exchange.status == 0:
            raise unauthorized()  # its token ended at this very moment
        await exchange.write(b"", more=False)

    def cut(self, token_id: str) -> None:
        """End every stream of a token that is worth nothing any more."""
        for listener in tuple(self._listeners):
            if listener.caller.token_id == token_id:
                self._metrics.cut.inc()
                listener.exchange.end()

    def close(self) -> None:
        """End every stream: this router stops, and another one answers those who come back."""
        self._closed = True
        for listener in tuple(self._listeners):
            listener.offer(None)

    def _what(self, path: str) -> tuple[str, str]:
        for kind, form in _PATHS:
            found = form.fullmatch(path)
            if found and kind in self._sources:
                return kind, found[1]
        raise ApiError(404, "not_found", f"There is nothing at {path[:128]}.")

    def _check_room(self, caller: Caller) -> None:
        if self._closed:
            raise ApiError(503, "router_draining", "This router is stopping; try again.", retry_after=1)
        if len(self._listeners) >= self._limits.listeners:
            raise ApiError(503, "router_full", "As many live streams are open as this router holds; try again.", retry_after=5)
        if Counter(listener.caller.subject for listener in self._listeners)[caller.subject] >= self._limits.of_one_caller:
            raise ApiError(429, "too_many_streams", f"You hold {self._limits.of_one_caller} live streams; close one.", retry_after=5)

    def _seconds_for(self, caller: Caller) -> float:
        left = self._limits.longest_seconds if caller.expires_at is None else max(0.0, caller.expires_at - self._now())
        return min(left, self._limits.longest_seconds)

    async def _tell(self, listener: _Listener, watch: _Watch, audience: Audience, number: int) -> None:
        """What has happened since `number`, then what happens, as it is found. Others' looks go on meanwhile: the numbers sort that out."""
        exchange = listener.exchange
        look: Look | None = await self._look(watch, number)
        nothing = look is not None and look.ended and not any(item.number > number for item in look.items)
        await exchange.start(204 if nothing else 200, () if nothing else EVENT_STREAM)  # at a 204 EventSource stops coming back
        if nothing:
            return
        exchange.stream = True
        await exchange.write(_RETRY, more=True)
        while look is not None:
            if look.audience:
                audience = look.audience
            if not _may_listen(listener.caller, audience):
                return
            number = await self._send(listener, look, audience, number)
            if look.ended:
                return
            backlog = await self._look(watch, number) if look.items and watch.number > number else None
            look = backlog or await self._next(listener)

    async def _send(self, listener: _Listener, look: Look, audience: Audience, number: int) -> int:
        for item in look.items:
            if item.number <= number:
                continue
            number = item.number
            if listener.caller.admin or number >= audience.first:
                await listener.exchange.write(b"id: %d\ndata: %b\n\n" % (number, item.data), more=True)
        return number

    async def _next(self, listener: _Listener) -> Look | None:
        """What is found next; signs of life until then."""
        while True:
            try:
                async with asyncio.timeout(self._limits.heartbeat_seconds):
                    return await listener.looks.get()
            except TimeoutError:
                await listener.exchange.comment("still here")

    def _join(self, listener: _Listener, kind: str, name: str, number: int) -> _Watch:
        watch = self._watches.get((kind, name))
        if watch is None:
            watch = self._watches[kind, name] = _Watch(kind, name, self._sources[kind], number)
            watch.task = asyncio.create_task(self._follow(watch))
        watch.listeners.add(listener)
        self._listeners.add(listener)
        self._metrics.live.set(len(self._listeners))
        return watch

    def _leave(self, listener: _Listener, watch: _Watch) -> None:
        watch.listeners.discard(listener)
        self._listeners.discard(listener)
        self._metrics.live.set(len(self._listeners))
        if not watch.listeners and watch.task is not None:
            watch.task.cancel()
            self._forget(watch)

    def _forget(self, watch: _Watch) -> None:
        if self._watches.get((watch.kind, watch.name)) is watch:
            del self._watches[watch.kind, watch.name]

    async def _follow(self, watch: _Watch) -> None:
        """Look as long as somebody listens."""
        errors = 0
        try:
            while True:
                await asyncio.sleep(min(_MAX_BACK_OFF, self._limits.look_seconds * 2.0**errors))
                try:
                    look = await self._read(watch.source.look, watch.name, watch.number)
                except SourceUnavailable as error:
                    errors += 1
                    self._log.warning("live stream cannot be fed", thing=watch.name, error=str(error))
                    continue
                errors = 0
                if look.items or look.ended:
                    watch.number = look.items[-1].number if look.items else watch.number
                    for listener in tuple(watch.listeners):
                        listener.offer(look)
                if look.ended:
                    return
        except Exception as error:  # noqa: BLE001 - a row that cannot be read must not leave its listeners waiting for ever
            self._log.warning("live stream ended", thing=watch.name, error=type(error).__name__)
            for listener in tuple(watch.listeners):
                listener.offer(None)
        finally:
            self._forget(watch)

    async def _begin(self, kind: str, name: str) -> tuple[Audience, int] | None:
        with _unavailable():
            begun: tuple[Audience, int] | None = await self._read(self._sources[kind].begin, name)
        return begun

    async def _look(self, watch: _Watch, number: int) -> Look:
        with _unavailable():
            found: Look = await self._read(watch.source.look, watch.name, number)
        return found

    async def _read(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._executor, function, *arguments)


@contextlib.contextmanager
def _unavailable() -> Iterator[None]:
    """A listener is told that it must come back: nothing that it has not heard may be passed over."""
    try:
        yield
    except SourceUnavailable:
        raise ApiError(503, "timeline_unavailable", "The timeline cannot be read at the moment; try again.", retry_after=5) from None


def _may_listen(caller: Caller, audience: Audience) -> bool:
    if caller.models is not None and audience.model_id not in caller.models:
        return False
    return caller.admin or "*" in audience.groups or not caller.groups.isdisjoint(audience.groups)


def _heard(exchange: Exchange) -> int | None:
    """The number of the last item that the listener has had; None if it has had none."""
    text = exchange.header(b"last-event-id")
    if not text:
        return None
    if not _NUMBER.fullmatch(text):
        raise bad_request("last_event_id_invalid", "Last-Event-ID takes the id of an event of this stream, a whole number.")
    return int(text)
