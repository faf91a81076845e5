"""Answering from our own engines: pick, send, retry until the first byte, pass the bytes through."""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import aiohttp
import orjson

from router.errors import ApiError
from router.exchange import Exchange
from router.metrics import Metrics
from router.picker import Picker
from router.routes import Prepared, Target
from router.upstream import PASSED_BACK, PASSED_ON, TargetUnreachable

_FAILURES: Final = 3
_ATTEMPTS: Final = 10
_MAX_REFUSAL_BYTES: Final = 1_000_000
_UNAVAILABLE: Final = frozenset({502, 503, 504})
_OUR_FAULT: Final = frozenset({401, 403, 404, 405})  # of what we sent, not of what the caller asked
_PASSED_ON: Final = tuple((name.encode(), name) for name in PASSED_ON if name != "x-request-id")


class Sender(Protocol):
    """The way to an engine."""

    async def send(self, target: Target, path: str, body: bytes, headers: Mapping[str, str]) -> aiohttp.ClientResponse:
        """The answer, once its head is here; TargetUnreachable if there is none."""
        ...


@dataclass(frozen=True)
class Begun:
    """An answer whose head and first bytes are here. `finished` = there is nothing behind `first`."""

    response: aiohttp.ClientResponse
    target: Target
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
        begun = await self._begin(exchange, prepared, body)
        exchange.version, exchange.target = begun.target.row.version, begun.target.row.target_id
        done = False
        try:
            if begun.response.status < 400:  # noqa: PLR2004
                await self._pass(exchange, begun)
            else:
                await self._refuse(exchange, begun)
            done = True
        finally:
            begun.response.release() if done else begun.response.close()  # closing makes the engine stop generating

    async def _begin(self, exchange: Exchange, prepared: Prepared, body: bytes) -> Begun:
        headers = {name: exchange.headers[raw].decode("latin-1") for raw, name in _PASSED_ON if raw in exchange.headers}
        headers["x-request-id"] = exchange.request_id
        tried: set[str] = set()
        again: set[str] = set()
        failure: ApiError | None = None
        failures = 0
        for attempt in range(_ATTEMPTS):
            if attempt:
                prepared = self._current(prepared.route.model_id) or prepared
            target = self._picker.pick(prepared, tried)
            if target is None:
                break
            if attempt:
                self._metrics.retries.labels(exchange.model).inc()
            outcome = await self._try(exchange, target, body, headers)
            if isinstance(outcome, Begun):
                return outcome
            failure = outcome.error
            if outcome.reused and target.key not in again:
                again.add(target.key)  # a kept connection that had just been closed: once more, on a fresh one
                continue
            tried.add(target.key)
            failures += failure.status != 503  # noqa: PLR2004
            if failure.status == 504 or failures >= _FAILURES:  # noqa: PLR2004 - 504: the caller's time is spent; starting over doubles it
                break
        raise failure or ApiError(503, "model_not_ready", "No target of the model answers; try again shortly.", param="model")

    async def _try(self, exchange: Exchange, target: Target, body: bytes, headers: Mapping[str, str]) -> "Begun | _Failed":
        response: aiohttp.ClientResponse | None = None
        try:
            response = await self._sender.send(target, exchange.path, body, headers)
            refusal = _refusal_of(response)
            if refusal is None:
                first = await response.content.readany()
                self._picker.succeeded(target)
                return Begun(response, target, first, response.content.at_eof())
            response.close()
            self._picker.failed(target, at_once=response.status in _UNAVAILABLE)
            return _Failed(refusal)
        except TargetUnreachable as error:
            self._picker.failed(target, at_once=not error.reused and not error.timed_out)
            return _Failed(_unreachable(error), reused=error.reused)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self._picker.failed(target, at_once=False)
            return _Failed(_unreachable(TargetUnreachable(type(error).__name__, timed_out=isinstance(error, TimeoutError))))
        except BaseException:
            if response is not None:
                response.close()
            raise

    async def _pass(self, exchange: Exchange, begun: Begun) -> None:
        if exchange.status == 0:  # a stream that was held has begun already
            await exchange.start(begun.response.status, _headers(begun.response))
        await exchange.write(begun.first, more=not begun.finished)
        content = begun.response.content
        finished = begun.finished
        while not finished:
            try:
                chunk = await content.readany()
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                self._picker.failed(begun.target, at_once=False)
                raise ApiError(502, "engine_failed", "The engine stopped in the middle of its answer.") from error
            finished = content.at_eof()
            await exchange.write(chunk, more=not finished)

    async def _refuse(self, exchange: Exchange, begun: Begun) -> None:
        body = begun.first
        while len(body) < _MAX_REFUSAL_BYTES and not begun.response.content.at_eof():
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                body += await begun.response.content.readany()
                continue
            break
        kept = [(name, value) for name, value in _headers(begun.response) if name == b"retry-after"]
        await exchange.conclude(begun.response.status, normalised(begun.response.status, body), *kept)


@dataclass(frozen=True)
class _Failed:
    error: ApiError
    reused: bool = False


def normalised(status: int, body: bytes) -> bytes:
    """An engine's refusal in OpenAI's shape with a textual code, whichever engine it came from."""
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
    return ApiError(status, str(code), message, param=param).body()


def _code_of(status: int, words: str) -> str:
    lowered = words.lower()
    if "context length" in lowered or "context size" in lowered or "exceed_context" in lowered:
        return "context_length_exceeded"
    return "rate_limit_exceeded" if status == 429 else "invalid_request"  # noqa: PLR2004


def _refusal_of(response: aiohttp.ClientResponse) -> ApiError | None:
    """The failure that an answer's status stands for; None for an answer that is meant for the caller."""
    status = response.status
    if status == 503:  # noqa: PLR2004
        after = response.headers.get("Retry-After", "")
        return ApiError(
            503, "engine_unavailable", "The engine cannot take the request now.", retry_after=int(after) if after.isdigit() else None
        )
    if status >= 500 or 300 <= status < 400:  # noqa: PLR2004
        return ApiError(502, "engine_failed", "The engine failed to answer.")
    if status in _OUR_FAULT:
        return ApiError(502, "engine_refused", "The engine refused the router's request.")
    return None


def _unreachable(error: TargetUnreachable) -> ApiError:
    if error.timed_out:
        return ApiError(504, "engine_timeout", "The engine did not begin to answer in time.")
    return ApiError(503, "engine_unreachable", "The engine cannot be reached; try again shortly.")


def _headers(response: aiohttp.ClientResponse) -> list[tuple[bytes, bytes]]:
    return [(name.lower(), value) for name, value in response.raw_headers if name.lower().decode("latin-1") in PASSED_BACK]


async def probe_completion(sender: Sender, target: Target, path: str, body: Mapping[str, Any]) -> str | None:
    """One real completion through the way that users' requests take: None if the engine answered it, else what it said instead.

    Raises TargetUnreachable. A bad request's words are bounded and hold nothing of ours.
    """
    response = await sender.send(target, path, orjson.dumps(body), {})
    try:
        answer = await response.content.read(_MAX_REFUSAL_BYTES)
        if response.status != 200:  # noqa: PLR2004
            return f"{response.status}: {answer[:200].decode('utf-8', 'replace')}"
        document = orjson.loads(answer)
    except (aiohttp.ClientError, TimeoutError) as error:
        raise TargetUnreachable(type(error).__name__) from error
    except orjson.JSONDecodeError:
        return "the answer is not JSON"
    finally:
        response.close()
    answered = isinstance(document, dict) and (document.get("choices") or document.get("data"))
    return None if answered else "the answer holds neither choices nor data"
