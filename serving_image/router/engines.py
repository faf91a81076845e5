"""Answering from our own engines: pick, send, retry until the first byte, pass the bytes through."""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import orjson

from contracts.inference import ENDPOINTS, LOAD_HEADER, Question
from router.choosing.asked import Asked, none_answers, unserved
from router.choosing.bench import Fault
from router.choosing.picker import Picker
from router.choosing.seats import Seat
from router.engine_connection import Answer
from router.errors import ApiError
from router.exchange import Exchange
from router.metrics import Metrics
from router.numbers import whole_number
from router.routes import Prepared, Target
from router.statuses import BAD_REQUEST, GATEWAY_TIMEOUT, OK, REDIRECTION, SERVER_ERROR, TOO_MANY_REQUESTS, UNAVAILABLE
from router.upstream import PASSED_BACK, PASSED_ON, TargetUnreachable

_FAILURES: Final = 3
_ATTEMPTS: Final = 10
_MAX_REFUSAL_BYTES: Final = 1_000_000
_UNTOUCHED: Final = frozenset({TOO_MANY_REQUESTS, UNAVAILABLE})
"""Of an engine that has done nothing with the request, so that any number of others may be asked."""
_FAULTS: Final = {TOO_MANY_REQUESTS: Fault.BUSY, UNAVAILABLE: Fault.BUSY, 502: Fault.UNREACHABLE, GATEWAY_TIMEOUT: Fault.UNREACHABLE}
DEADLINE_HEADER: Final = "x-slipway-timeout"
_OUR_FAULT: Final = frozenset({401, 403, 404, 405})  # of what we sent, not of what the caller asked
_PASSED_BACK: Final = frozenset(name.encode() for name in PASSED_BACK)
_PASSED_ON: Final = tuple((name.encode(), name) for name in PASSED_ON if name != "x-request-id")


class Sender(Protocol):
    """The way to an engine."""

    async def send(self, target: Target, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """The answer, once its head is here; TargetUnreachable if there is none."""
        ...


@dataclass(frozen=True)
class Begun:
    """An answer whose head and first bytes are here. `finished` = there is nothing behind `first`."""

    response: Answer
    seat: Seat
    first: bytes
    finished: bool


class EngineAnswers:
    """Answers requests from engines. `current` is a model's route as of now, which may have changed since the request began."""

    def __init__(
        self, sender: Sender, picker: Picker, metrics: Metrics, current: Callable[[str], Prepared | None] = lambda _model_id: None
    ) -> None:
        self._sender, self._picker, self._metrics, self._current = sender, picker, metrics, current

    async def answer(self, exchange: Exchange, prepared: Prepared, body: bytes) -> None:
        """Send the request to one target after another until one begins to answer, then pass that answer through.

        Targets that cannot be reached or say that they are unavailable (they drain, say) have done nothing with it, so the next is asked;
        one that fails may have worked on it, so that happens three times at most.
        """
        asked = exchange.asked
        begun = await self._begin(exchange, prepared, body, asked)
        done = False
        try:
            if begun.response.status < BAD_REQUEST:
                await self._pass(exchange, begun)
            else:
                await self._refuse(exchange, begun)
            done = True
        finally:
            self._picker.done(begun.seat, asked)
            begun.response.release() if done else begun.response.close()  # closing makes the engine stop generating

    async def _begin(self, exchange: Exchange, prepared: Prepared, body: bytes, asked: Asked) -> Begun:
        headers = _headers_for(exchange)
        tried: set[str] = set()
        again: set[str] = set()
        failure: ApiError | None = None
        failures = 0
        for attempt in range(_ATTEMPTS):
            if attempt:
                prepared = self._current(prepared.route.model_id) or prepared
            seat = self._picker.pick(prepared, asked, tried)
            if seat is None:
                break
            if attempt:
                self._metrics.retries.labels(exchange.model).inc()
            outcome = await self._try(exchange, seat, body, headers, asked)
            if isinstance(outcome, Begun):
                return outcome
            failure = outcome.error
            if outcome.reused and seat.key not in again:
                again.add(seat.key)  # a kept connection that had just been closed: once more, on a fresh one
                continue
            tried.add(seat.key)
            failures += failure.status not in _UNTOUCHED
            if failure.status == GATEWAY_TIMEOUT or failures >= _FAILURES:  # the caller's time is spent; starting over doubles it
                break
        raise failure or (unserved(prepared, asked.pin) if asked.pin is not None and prepared.ready else none_answers())

    async def _try(self, exchange: Exchange, seat: Seat, body: bytes, headers: Mapping[str, str], asked: Asked) -> "Begun | _Failed":
        """The beginning of an answer; the seat stays taken then, and is given back in every other case."""
        response: Answer | None = None
        begun: Begun | None = None
        row = seat.target.row
        exchange.version, exchange.target = row.version, row.target_id
        try:
            response = await self._sender.send(seat.target, exchange.path, body, headers)
            if seat.pool.shared and (load := whole_number(response.headers.get(LOAD_HEADER, ""))) is not None:
                seat.told(load)
            refusal = _refusal_of(response)
            if refusal is None:
                first = await response.readany()
                self._picker.succeeded(seat, asked)
                begun = Begun(response, seat, first, response.at_eof())
                return begun
            self._picker.failed(seat, asked, _FAULTS.get(response.status, Fault.FAILED), refusal.retry_after)
            return _Failed(refusal)
        except TargetUnreachable as error:
            self._picker.failed(seat, asked, Fault.FAILED if error.reused or error.timed_out else Fault.UNREACHABLE)
            return _Failed(_unreachable(error), reused=error.reused)
        except OSError as error:
            self._picker.failed(seat, asked, Fault.FAILED)
            return _Failed(_unreachable(TargetUnreachable(type(error).__name__, timed_out=isinstance(error, TimeoutError))))
        finally:
            if begun is None:
                self._picker.done(seat, asked)
                if response is not None:
                    response.close()

    async def _pass(self, exchange: Exchange, begun: Begun) -> None:
        if exchange.status == 0:  # a stream that was held has begun already
            await exchange.start(begun.response.status, [*_headers(begun.response), *begun.seat.names])
        await exchange.write(begun.first, more=not begun.finished)
        response, finished = begun.response, begun.finished
        while not finished:
            try:
                chunk = await response.readany()
            except OSError as error:
                self._picker.failed(begun.seat, exchange.asked, Fault.FAILED)
                raise ApiError(502, "engine_failed", "The engine stopped in the middle of its answer.") from error
            finished = response.at_eof()
            await exchange.write(chunk, more=not finished)

    async def _refuse(self, exchange: Exchange, begun: Begun) -> None:
        body = begun.first
        with contextlib.suppress(OSError):
            while len(body) < _MAX_REFUSAL_BYTES and not begun.response.at_eof():
                body += await begun.response.readany()
        await exchange.fail(normalised(begun.response.status, body, begun.response.headers.get("Retry-After", "")))


@dataclass(frozen=True)
class _Failed:
    error: ApiError
    reused: bool = False


def normalised(status: int, body: bytes, retry_after: str = "") -> ApiError:
    """An engine's refusal as one of ours with a textual code, whichever engine it came from."""
    try:
        document: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        document = None
    error = document.get("error", document) if isinstance(document, dict) else None
    error = error if isinstance(error, dict) else {"message": error} if isinstance(error, str) else {}
    message = error.get("message")
    message = message[:2000] if isinstance(message, str) and message else "The engine refused the request."
    code = error.get("code") if isinstance(error.get("code"), str) else _code_of(status, f"{error.get('type', '')} {message}")
    param = error.get("param") if isinstance(error.get("param"), str) else None
    return ApiError(status, str(code), message, param=param, retry_after=whole_number(retry_after))


def _code_of(status: int, words: str) -> str:
    lowered = words.lower()
    if "context length" in lowered or "context size" in lowered or "exceed_context" in lowered:
        return "context_length_exceeded"
    return "rate_limit_exceeded" if status == TOO_MANY_REQUESTS else "invalid_request"


def _refusal_of(response: Answer) -> ApiError | None:
    """The failure that an answer's status stands for; None for an answer that is meant for the caller."""
    status = response.status
    if status == UNAVAILABLE:
        after = whole_number(response.headers.get("Retry-After", ""))
        return ApiError(503, "engine_unavailable", "The engine cannot take the request now.", retry_after=after)
    if status == TOO_MANY_REQUESTS:
        after = whole_number(response.headers.get("Retry-After", ""))
        return ApiError(429, "rate_limit_exceeded", "The engine has too much to do; try again shortly.", retry_after=after)
    if status >= SERVER_ERROR or REDIRECTION <= status < BAD_REQUEST:
        return ApiError(502, "engine_failed", "The engine failed to answer.")
    if status in _OUR_FAULT:
        return ApiError(502, "engine_refused", "The engine refused the router's request.")
    return None


def _unreachable(error: TargetUnreachable) -> ApiError:
    if error.timed_out:
        return ApiError(504, "engine_timeout", "The engine did not begin to answer in time.")
    return ApiError(503, "engine_unreachable", "The engine cannot be reached; try again shortly.")


def _headers_for(exchange: Exchange) -> dict[str, str]:
    headers = {name: exchange.headers[raw].decode("latin-1") for raw, name in _PASSED_ON if raw in exchange.headers}
    headers["x-request-id"] = exchange.request_id
    if exchange.deadline is not None:
        headers[DEADLINE_HEADER] = f"{max(exchange.deadline - exchange.elapsed(), 0.001):.3f}"
    if ENDPOINTS[exchange.path].form:  # the boundary is in it
        headers["Content-Type"] = exchange.headers[b"content-type"].decode("latin-1")
    return headers


def _headers(response: Answer) -> list[tuple[bytes, bytes]]:
    return [header for header in response.raw_headers if header[0] in _PASSED_BACK]


async def probe_completion(sender: Sender, target: Target, question: Question, model_id: str) -> str | None:
    """One real completion through the way that users' requests take: None if the engine answered it, else what it said instead.

    Raises TargetUnreachable. A bad request's words are bounded and hold nothing of ours.
    """
    kind, body = question.encoded(model_id)
    response = await sender.send(target, question.path, body, {"Content-Type": kind})
    try:
        answer = await response.read(_MAX_REFUSAL_BYTES)
        if response.status != OK:
            return f"{response.status}: {answer[:200].decode('utf-8', 'replace')}"
        answered = question.is_answered_by(answer)
    except OSError as error:
        raise TargetUnreachable(type(error).__name__) from error
    except ValueError:
        return "the answer is not JSON"
    finally:
        response.close()
    return None if answered else "the answer holds nothing of what was asked for"
