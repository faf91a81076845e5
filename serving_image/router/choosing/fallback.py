"""What happens when a model cannot answer: the models named for that, one after another, before anything was said to the caller."""

import asyncio
import contextlib
import math
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, Final

import orjson

from contracts.inference import ENDPOINTS
from router import policy
from router.choosing.asked import none_answers, unserved
from router.choosing.bench import Fault
from router.choosing.picker import Picker
from router.errors import ApiError, bad_request
from router.exchange import Exchange
from router.identity import Caller
from router.metrics import Metrics
from router.routes import Prepared, RouteTable
from router.statuses import SERVER_ERROR, TOO_MANY_REQUESTS

_UNABLE: Final = frozenset({429, 502, 503})
_NOT_THE_MODEL: Final = frozenset({"router_draining", "deadline_exceeded"})
_TIMEOUT_HEADER: Final = b"x-slipway-timeout"
_DEADLINE_HEADER: Final = b"x-slipway-deadline"
_LONGEST: Final = 86_400.0

Attempt = Callable[[Prepared, dict[str, Any], bytes], Awaitable[None]]
"""Answers from one model, with this request."""


class Fallbacks:
    """One level deep: what a fallback itself would fall back on is not asked, so that nothing goes in circles."""

    def __init__(self, routes: RouteTable, picker: Picker, metrics: Metrics) -> None:
        self._routes, self._picker, self._metrics = routes, picker, metrics

    async def answer(
        self, exchange: Exchange, caller: Caller, prepared: Prepared, document: dict[str, Any], body: bytes, attempt: Attempt
    ) -> None:
        """Answer from the model, else from the first of its fallbacks that can; the model's own failure if none can."""
        if not can_fall_back(exchange, prepared):
            await attempt(prepared, document, body)
            return
        as_it_came = dict(document)  # an attempt fills in the defaults of its own model
        try:
            self._refuse_if_out(prepared)
            await attempt(prepared, document, body)
        except ApiError as error:
            if not may_fall_back(error, exchange) or not await self._others(exchange, caller, prepared, as_it_came, attempt):
                raise

    def _refuse_if_out(self, prepared: Prepared) -> None:
        if self._picker.is_out(prepared):
            raise none_answers()

    async def _others(self, exchange: Exchange, caller: Caller, prepared: Prepared, document: dict[str, Any], attempt: Attempt) -> bool:
        """Whether one of them has answered."""
        asked_for = exchange.model
        for name in prepared.route.fallbacks:
            other = self._routes.find(name, caller)
            if other is None or not other.is_open or exchange.path not in other.endpoints or self._picker.is_out(other):
                continue
            changed = document | {"model": name}
            exchange.model, exchange.version, exchange.asked_at = name, other.route.version, None
            try:
                policy.check(changed, other, exchange.path)
                await attempt(other, changed, orjson.dumps(changed))
            except ApiError as error:
                if exchange.first_byte_at is not None or error.code in _NOT_THE_MODEL:
                    raise
                continue
            self._metrics.fallbacks.labels(asked_for, name).inc()
            return True
        exchange.model, exchange.version = asked_for, prepared.route.version
        return False


def can_fall_back(exchange: Exchange, prepared: Prepared) -> bool:
    """Whether there is anything to fall back on. A pinned request wants that version or none; a form's fields are not ours to change."""
    return bool(prepared.route.fallbacks) and exchange.asked.pin is None and not ENDPOINTS[exchange.path].form


def may_fall_back(error: ApiError, exchange: Exchange) -> bool:
    """Whether the failure is the model's, and the caller has heard nothing of an answer yet."""
    return error.status in _UNABLE and error.code not in _NOT_THE_MODEL and exchange.first_byte_at is None


def deadline_of(headers: Mapping[bytes, bytes], prepared: Prepared, now: Callable[[], float] = time.time) -> float | None:
    """Seconds that the whole answer may take, None for any number of them; ApiError 400.

    The least of `X-Slipway-Timeout` (seconds), what is left until `X-Slipway-Deadline` (seconds since 1970), and the model's own limit.
    """
    limits = [] if prepared.route.limits.request_seconds is None else [prepared.route.limits.request_seconds]
    if (said := headers.get(_TIMEOUT_HEADER)) is not None:
        limits.append(_seconds("X-Slipway-Timeout", said, 0.0))
    if (said := headers.get(_DEADLINE_HEADER)) is not None:
        limits.append(_seconds("X-Slipway-Deadline", said, now()))
    return min(limits, default=None)


def _seconds(name: str, said: bytes, since: float) -> float:
    try:
        seconds = float(said) - since
    except ValueError:
        seconds = math.nan
    if since and seconds <= 0.0:
        raise _late()
    if not 0.0 < seconds <= _LONGEST:
        unit = "seconds since 1970, at most a day ahead" if since else f"seconds, up to {_LONGEST:.0f}"
        raise bad_request("invalid_timeout", f"`{name}` takes {unit}.")
    return seconds


def _late() -> ApiError:
    return ApiError(504, "deadline_exceeded", "The request was not answered within the time that it was given.")


async def within(seconds: float, work: Awaitable[None]) -> None:
    """Do the work; ApiError 504 if it takes longer."""
    limit = asyncio.timeout(max(seconds, 0.0))
    try:
        async with limit:
            await work
    except TimeoutError as error:
        if limit.expired():
            raise _late() from error
        raise


@contextlib.contextmanager
def provider_turn(picker: Picker, exchange: Exchange, prepared: Prepared) -> Iterator[None]:
    """A request goes to the model's third party: which target that is, and how it went, so that one that fails sits out.

    Only models with fallbacks make use of that: where there is nobody else, a third party is asked all the same.
    """
    seat = picker.pick(prepared, exchange.asked)
    if seat is None and exchange.asked.pin is not None:
        raise unserved(prepared, exchange.asked.pin)
    if seat is None:
        raise none_answers()
    exchange.version, exchange.target = seat.target.row.version, seat.target.row.target_id
    exchange.extra_headers.extend(seat.names)
    done = False
    try:
        yield
        done = True
        picker.succeeded(seat, exchange.asked)
    except ApiError as error:
        if error.status == TOO_MANY_REQUESTS:
            picker.failed(seat, exchange.asked, Fault.BUSY, error.retry_after)
        elif error.status >= SERVER_ERROR:
            picker.failed(seat, exchange.asked, Fault.FAILED)
        else:
            done = True
            picker.succeeded(seat, exchange.asked)
        raise
    finally:
        if not done:
            exchange.extra_headers[:] = [pair for pair in exchange.extra_headers if pair not in seat.names]
        picker.done(seat, exchange.asked)
