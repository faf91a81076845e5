"""Requests for a model that does not answer yet: waking it, saying when to come back, and holding those who asked to wait."""

import asyncio
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from contracts.routing import ModelWakeRequested, Route
from router.errors import ApiError, bad_request, model_not_found
from router.exchange import Exchange
from router.identity import Caller
from router.idents import iso
from router.metrics import Metrics
from router.numbers import whole_number
from router.routes import Prepared, RouteTable

HINT: Final = "Send `Prefer: wait=<seconds>` to hold the connection instead."
_EXPECTED_SECONDS: Final = 60.0  # what a start takes where nothing is known of this model's own
_SOONEST: Final = 2
_LATEST: Final = 3600
_CLOSED_SECONDS: Final = 30


@dataclass(frozen=True)
class HoldLimits:
    """How long a request may be held, how many may be at a time, and how large their bodies together. Seconds, bytes.

    `silent_seconds` is for those who hear nothing meanwhile: with their answer's own time, it stays below what a load balancer lets pass.
    """

    seconds: int = 900
    silent_seconds: int = 540
    per_router: int = 500
    per_model: int = 100
    body_bytes: int = 64_000_000


class _Room:
    """Where the requests for one model wait. `changed` is set, and replaced, at every piece of news; `beat` counts what is worth a word."""

    __slots__ = ("beat", "changed", "stage", "task", "waiting")

    def __init__(self, stage: str) -> None:
        self.waiting = self.beat = 0
        self.stage = stage
        self.changed = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    def announce(self) -> None:
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()


@dataclass
class _Sleep:
    """One sleep of a model: since when it is being woken (monotonic), and when that was last asked for."""

    generation: int
    since: float
    asked_at: float


class Waiting:
    """Knows which models sleep, asks for their waking and holds requests until they answer.

    `stage` says how far a model's start is; `tell` sends an event; `hurry` makes the route table be read soon.
    """

    def __init__(
        self,
        routes: RouteTable,
        *,
        stage: Callable[[str], str],
        tell: Callable[[ModelWakeRequested], None],
        hurry: Callable[[], None],
        router_id: str,
        metrics: Metrics,
        limits: HoldLimits,
        wake_seconds: float = 30.0,
        tick_seconds: float = 0.5,
        beat_seconds: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._routes, self._stage, self._tell, self._hurry = routes, stage, tell, hurry
        self._router_id, self._metrics, self._limits, self._clock = router_id, metrics, limits, clock
        self._wake_seconds, self._tick, self._beat_seconds = wake_seconds, tick_seconds, beat_seconds
        self._rooms: dict[str, _Room] = {}
        self._sleeps: dict[str, _Sleep] = {}
        self._asleep: set[str] = set()
        self._turned = asyncio.Event()
        self._held = self._held_bytes = 0
        self._closing = False

    @property
    def anybody(self) -> bool:
        """Whether some request is held."""
        return self._held > 0

    def queued(self, model_id: str) -> int:
        """How many requests for the model are held."""
        room = self._rooms.get(model_id)
        return 0 if room is None else room.waiting

    def consider(self, exchange: Exchange, prepared: Prepared) -> int:
        """How many seconds this request is to be held, as it asked; ApiError 503 if it did not ask, or there is nothing to wait for.

        A request for a sleeping model wakes it, whether it waits or not.
        """
        route = prepared.route
        if route.state == "closed":
            raise _closed("The model is not being served at the moment.")
        if route.state == "asleep":
            self._wake(route)
        most = self._limits.seconds if exchange.stream else min(self._limits.seconds, self._limits.silent_seconds)
        seconds = min(asked_seconds(exchange), most)
        if seconds == 0:
            raise self._refusal(route)
        if b"x-slipway-wait" not in exchange.headers:
            exchange.extra_headers.append((b"preference-applied", f"wait={seconds}".encode()))
        return seconds

    async def open(self, exchange: Exchange, caller: Caller, model_id: str, seconds: float) -> Prepared:
        """The model's route, once it is open; ApiError if it does not come to that within `seconds`. Streams hear how far it is."""
        said = -1
        try:
            with self._held_in_room(exchange, model_id) as room:
                async with asyncio.timeout(seconds):
                    while True:
                        changed = room.changed
                        opened = self._outcome(model_id, caller)
                        if opened is not None:
                            return opened
                        if exchange.stream and said != room.beat:
                            said = room.beat
                            await exchange.comment(f"waking {room.stage}")
                        await changed.wait()
        except TimeoutError:
            held = self._routes.routes.get(model_id)
            raise self._refusal(held.route, waited=seconds) if held else model_not_found(model_id) from None

    async def newer(self, prepared: Prepared, caller: Caller, seconds: float = 1.0) -> Prepared | None:
        """The model's route if it turns out, within `seconds`, that the one given is out of date; None if it is not."""
        self._hurry()
        model_id = prepared.route.model_id
        try:
            async with asyncio.timeout(seconds):
                while self._routes.routes.get(model_id) is prepared:
                    await self._turned.wait()
        except TimeoutError:
            return None
        return self._routes.find(model_id, caller)

    def synchronise(self, routes: Mapping[str, Prepared]) -> None:
        """Follow the route table: whoever waits looks again."""
        turned, self._turned = self._turned, asyncio.Event()
        turned.set()
        asleep = {model_id for model_id, held in routes.items() if held.route.state == "asleep"}
        for model_id in self._asleep - asleep:  # woken, perhaps at another router's word
            if model_id in routes:
                self._sleeps.setdefault(model_id, self._sleep_of(routes[model_id].route))
        self._asleep = asleep
        for model_id in [name for name in self._sleeps if name not in routes or routes[name].route.state not in {"asleep", "probing"}]:
            del self._sleeps[model_id]
        for room in self._rooms.values():
            room.announce()

    def close(self) -> None:
        """The router stops: whoever waits here is told to try another."""
        self._closing = True
        for room in self._rooms.values():
            room.announce()

    def _outcome(self, model_id: str, caller: Caller) -> Prepared | None:
        held = self._routes.find(model_id, caller)
        if held is None:
            raise model_not_found(model_id)
        if held.is_open:
            return held
        if self._closing:
            raise ApiError(503, "router_draining", "This router is stopping; try again.", retry_after=1)
        if held.route.state == "closed":
            raise _closed("The model failed to start, or was stopped, while the request waited.")
        return None

    def _refusal(self, route: Route, waited: float | None = None) -> ApiError:
        known = route.model_id in self._sleeps or route.expected_start_seconds is not None
        after = self._remaining(route) if known or route.state == "asleep" else _SOONEST
        if waited is not None:
            message = f"The model did not answer within the {waited:.0f} s that the request asked to wait; it goes on starting."
            return ApiError(503, "model_not_ready", message, param="model", retry_after=after)
        if route.state == "asleep":
            message = f"The model was asleep and is being woken; try again in about {after} s. {HINT}"
            return ApiError(503, "model_asleep", message, param="model", retry_after=after)
        return ApiError(503, "model_not_ready", f"The model is starting; try again shortly. {HINT}", param="model", retry_after=after)

    def _remaining(self, route: Route) -> int:
        """Whole seconds until the model is likely to answer, by what its own starts took and how long this one has been going on."""
        expected = _EXPECTED_SECONDS if route.expected_start_seconds is None else route.expected_start_seconds
        sleep = self._sleeps.get(route.model_id)
        spent = self._clock() - sleep.since if sleep else 0.0
        return min(_LATEST, max(_SOONEST, math.ceil(expected - spent)))

    def _sleep_of(self, route: Route) -> _Sleep:
        now = self._clock()
        return _Sleep(route.generation, now, now)

    def _wake(self, route: Route) -> None:
        """Ask for the model to be woken: once per sleep, and again when that seems to have been lost."""
        sleep = self._sleeps.get(route.model_id)
        if sleep is None or sleep.generation != route.generation:
            self._sleeps[route.model_id] = self._sleep_of(route)
        elif self._clock() - sleep.asked_at < self._wake_seconds:
            return
        else:
            sleep.asked_at = self._clock()
        self._metrics.wakes.labels(route.model_id).inc()
        self._tell(ModelWakeRequested(model_id=route.model_id, generation=route.generation, router_id=self._router_id, requested_at=iso()))
        self._hurry()

    @contextmanager
    def _held_in_room(self, exchange: Exchange, model_id: str) -> Iterator[_Room]:
        """Count the request in, and out again however it ends; ApiError 503 when too many wait."""
        room = self._rooms.get(model_id)
        waiting = 0 if room is None else room.waiting
        limits = self._limits
        full = self._held >= limits.per_router or self._held_bytes + exchange.bytes_in > limits.body_bytes
        if full or waiting >= limits.per_model:
            held = self._routes.routes.get(model_id)
            after = self._remaining(held.route) if held else _SOONEST
            raise ApiError(503, "too_many_waiting", "Too many requests wait already; try again later.", param="model", retry_after=after)
        if room is None:
            room = self._rooms[model_id] = _Room(self._stage(model_id))
            room.task = asyncio.get_running_loop().create_task(self._attend(model_id, room))
        self._count(room, model_id, 1, exchange.bytes_in)
        try:
            yield room
        finally:
            self._count(room, model_id, -1, -exchange.bytes_in)
            if room.waiting == 0:
                del self._rooms[model_id]
                if room.task is not None:
                    room.task.cancel()

    def _count(self, room: _Room, model_id: str, more: int, more_bytes: int) -> None:
        room.waiting += more
        self._held += more
        self._held_bytes += more_bytes
        self._metrics.held.labels(model_id).set(room.waiting)

    async def _attend(self, model_id: str, room: _Room) -> None:
        """While requests wait: ask again for the waking, and pass on how far it is, or now and then that nothing has changed."""
        said_at = self._clock()
        while True:
            await asyncio.sleep(self._tick)
            held = self._routes.routes.get(model_id)
            if held is not None and held.route.state == "asleep":
                self._wake(held.route)
            stage, now = self._stage(model_id), self._clock()
            if stage != room.stage or now - said_at >= self._beat_seconds:
                room.stage, said_at = stage, now
                room.beat += 1
                room.announce()


def asked_seconds(exchange: Exchange) -> int:
    """For how long the caller is ready to wait: `X-Slipway-Wait: 120`, or `Prefer: wait=120` (RFC 7240); 0 if it does not say."""
    own = exchange.header(b"x-slipway-wait")
    if own is not None:
        seconds = whole_number(own.strip())
        if seconds is None:
            raise bad_request("invalid_wait", "`X-Slipway-Wait` must be a whole number of seconds.")
        return seconds
    for preference in (exchange.header(b"prefer") or "").split(","):
        name, _, value = preference.partition(";")[0].partition("=")
        seconds = whole_number(value.strip().strip('"'))
        if name.strip().lower() == "wait" and seconds is not None:
            return seconds
    return 0


def _closed(message: str) -> ApiError:
    return ApiError(503, "model_closed", message, param="model", retry_after=_CLOSED_SECONDS)
