"""The one client of the management API: addresses, headers, retries, pages, problem documents. It knows no route."""

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx

from slipway_cli import __version__
from slipway_cli.errors import RefusedError, UnreachableError

USER_AGENT = f"slipway-cli/{__version__}"
TIMEOUT = httpx.Timeout(35, connect=10)  # API Gateway gives up after 30 s and says so
ATTEMPTS = 5
FIRST_DELAY_SECONDS = 0.25
LONGEST_DELAY_SECONDS = 8.0
LONGEST_RETRY_AFTER_SECONDS = 30.0
_AGAIN = frozenset({429, 502, 503, 504})
_GATEWAY = {
    401: ("not-authenticated", "Is the token the one of this platform, and neither expired nor revoked?"),
    404: ("no-such-route", "This platform's API does not know the request: is it older than this command line?"),
    403: ("scope-missing", "Is the token the one of this platform, neither expired nor revoked, and does it have the scope?"),
}


@dataclass(frozen=True)
class Reply:
    """A success: status, decoded body, ETag (the generation in quotes) and the request's id."""

    status: int
    body: Any
    etag: str | None = None
    request_id: str = ""


@dataclass(frozen=True)
class Tries:
    """How patient the client is; what tests replace."""

    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[float, float], float] = random.uniform


@dataclass
class Api:
    """The management API behind `http`, whose base address and token are set. `trace` is told of each attempt, `retrying` of each delay."""

    http: httpx.Client
    tries: Tries = field(default_factory=Tries)
    trace: Callable[[str], None] = lambda _line: None
    retrying: Callable[[str, float], None] = lambda _why, _seconds: None

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        key: str | None = None,
        if_match: str | None = None,
        harmless: bool = False,
    ) -> Reply:
        """Send until there is an answer. What changes something carries `key`, the same at each attempt, and so happens once; what changes
        nothing is a GET, or `harmless`.

        Raises RefusedError for a problem document, UnreachableError when nobody answers.
        """
        headers = {name: value for name, value in (("Idempotency-Key", key), ("If-Match", if_match)) if value}
        content = None if body is None else json.dumps(body).encode()
        if content is not None:
            headers["Content-Type"] = "application/json"
        repeatable = bool(key) or harmless or method == "GET"
        for attempt in range(ATTEMPTS):
            last = attempt == ATTEMPTS - 1
            try:
                answer = self._send(method, path, query, content, headers)
            except httpx.RequestError as error:
                if last or not (repeatable or isinstance(error, httpx.ConnectError)):
                    raise UnreachableError(*unreachable(self.http, error)) from error
                self._pause(attempt, _words(error), None)
                continue
            if answer.status_code not in _AGAIN or last or not repeatable:
                return _reply(answer)
            self._pause(attempt, f"HTTP {answer.status_code}", answer.headers.get("Retry-After"))
        raise AssertionError("the last attempt returns or raises")

    def pages(self, path: str, query: Mapping[str, str] | None = None) -> Iterator[dict[str, Any]]:
        """Page after page of a list, each `{"items": […], "next_token": …}`."""
        asked = dict(query or {})
        while True:
            page = self.request("GET", path, query=asked).body
            if not isinstance(page, dict) or not isinstance(page.get("items"), list):
                raise UnreachableError(f"{path} did not answer with a list: is this the management API?")
            yield page
            if not page.get("next_token"):
                return
            asked["next_token"] = page["next_token"]

    def _send(
        self, method: str, path: str, query: Mapping[str, str] | None, content: bytes | None, headers: dict[str, str]
    ) -> httpx.Response:
        started = time.monotonic()
        # A relative address, so that a path in the base address stays.
        answer = self.http.request(method, path.lstrip("/"), params=dict(query or {}) or None, content=content, headers=headers)
        milliseconds = (time.monotonic() - started) * 1000
        self.trace(f"{method} {answer.url.raw_path.decode()} {answer.status_code} in {milliseconds:.0f} ms")
        return answer

    def _pause(self, attempt: int, why: str, retry_after: str | None) -> None:
        ceiling = min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2**attempt)
        seconds = self.tries.jitter(ceiling / 2, ceiling)
        if retry_after and retry_after.isdecimal():
            seconds = min(float(retry_after), LONGEST_RETRY_AFTER_SECONDS)
        self.retrying(why, seconds)
        self.tries.sleep(seconds)


def place(*parts: str) -> str:
    """A path from parts, each of which stays one part whatever is in it."""
    return "/" + "/".join(quote(part, safe="") for part in parts)


def unreachable(http: httpx.Client, error: httpx.RequestError) -> tuple[str, str]:
    """Sentence and hint for an answer that never came."""
    return (
        f"no answer from {http.base_url}: {_words(error)}",
        "Is the platform up (`make status`), and is the address right (`slipway config show`)?",
    )


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__


def _reply(answer: httpx.Response) -> Reply:
    request_id = answer.headers.get("X-Request-Id") or answer.headers.get("apigw-requestid") or ""
    body = _decoded(answer)
    if answer.is_success:
        return Reply(answer.status_code, body, answer.headers.get("ETag"), request_id)
    foreign = f"HTTP {answer.status_code} without a problem document: is this the management API?"
    problem = dict(body) if isinstance(body, dict) else {"detail": foreign}
    if "code" not in problem and answer.status_code in _GATEWAY:
        problem["code"], problem["hint"] = _GATEWAY[answer.status_code]
    raise RefusedError(answer.status_code, problem, request_id)


def _decoded(answer: httpx.Response) -> Any:
    try:
        return json.loads(answer.content or b"null")
    except ValueError:
        if answer.is_success:
            raise UnreachableError(f"{answer.url} did not answer with JSON: is this the management API?") from None
        return None
