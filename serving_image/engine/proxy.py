"""The pass-through to the engine: a short list of paths, the key checked, and then bytes, unread and unchanged."""

import contextlib
import hmac
import json
from collections.abc import Mapping
from typing import Final

import aiohttp
from aiohttp import web

from contracts.engine import Phase
from contracts.inference import ENDPOINTS, LOAD_HEADER
from engine.logs import log
from engine.state import State
from engine.upstream import Upstream

MAX_BODY_BYTES: Final = 32 * 1024 * 1024
INFERENCE_PATHS: Final = tuple(ENDPOINTS)
MODELS_PATH: Final = "/v1/models"

_LOADING_RETRY_SECONDS: Final = 5
_REQUEST_HEADERS: Final = ("Content-Type", "Accept", "traceparent")
_RESPONSE_HEADERS: Final = ("Content-Type", "Cache-Control", "Retry-After", "X-Request-Id")
_NO_LIMIT: Final = aiohttp.ClientTimeout(total=None, sock_connect=10)
_OK: Final = 200


class Proxy:
    """Forwards requests once `upstream` is set and while `accepting`; counts those in flight and notes each sign of life."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._expected = b""
        self.upstream: Upstream | None = None
        self.accepting = True

    def require_key(self, key: str) -> None:
        """Let nobody in without this key; until it is called, nobody gets in at all."""
        self._expected = f"Bearer {key}".encode()

    async def forward(self, request: web.Request) -> web.StreamResponse:
        """Answer one request of an application. Errors of ours have OpenAI's shape."""
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if not self._expected or not hmac.compare_digest(given, self._expected):
            return openai_error(401, "Incorrect API key provided.", "invalid_request_error", "invalid_api_key")
        upstream = self.upstream
        if upstream is None or not self.accepting or self._state.phase not in {Phase.READY, Phase.DRAINING}:
            return self._not_now()
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return openai_error(
                413, f"The request body is larger than {MAX_BODY_BYTES} bytes.", "invalid_request_error", "request_too_large"
            )
        self._state.begin_request()
        try:
            return await self._pass(request, body, upstream)
        finally:
            self._state.end_request()

    async def _pass(self, request: web.Request, body: bytes, upstream: Upstream) -> web.StreamResponse:
        response: web.StreamResponse | None = None
        try:
            async with await self._open(request, body, upstream) as answer:
                if answer.content_length is not None:
                    content = await answer.read()
                    self._note(answer.status)
                    return web.Response(status=answer.status, body=content, headers=self._headers(answer))
                response = web.StreamResponse(status=answer.status, headers=self._headers(answer))
                await response.prepare(request)
                while chunk := await answer.content.readany():
                    await response.write(chunk)
                    self._note(answer.status)
            await response.write_eof()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            log.warning("the engine broke off", extra={"cause": type(error).__name__, "path": request.path})
            if response is None:
                headers = {"Retry-After": "1"}
                return openai_error(502, "The engine did not answer.", "server_error", "engine_unavailable", headers)
            # An orderly end would look like a complete answer.
            if request.transport is not None:
                request.transport.abort()
        return response

    async def _open(self, request: web.Request, body: bytes, upstream: Upstream) -> aiohttp.ClientResponse:
        headers = {name: value for name in _REQUEST_HEADERS if (value := request.headers.get(name)) is not None}
        headers["Authorization"] = upstream.authorization
        address = upstream.address + request.path
        data = body or None
        with contextlib.suppress(aiohttp.ServerDisconnectedError):
            return await upstream.session.request(request.method, address, data=data, headers=headers, timeout=_NO_LIMIT)
        # The engine had closed an idle connection in the same moment; a fresh one tells whether it is there.
        return await upstream.session.request(request.method, address, data=data, headers=headers, timeout=_NO_LIMIT)

    def _headers(self, answer: aiohttp.ClientResponse) -> dict[str, str]:
        return {**_kept(answer.headers), LOAD_HEADER: str(self._state.in_flight)}

    def _note(self, status: int) -> None:
        if status == _OK:
            self._state.beat()

    def _not_now(self) -> web.Response:
        phase = self._state.phase
        seconds = 1 if phase in {Phase.DRAINING, Phase.FAILED} else _LOADING_RETRY_SECONDS
        message = f"The model is not ready: {phase}."
        return openai_error(503, message, "server_error", "model_not_ready", {"Retry-After": str(seconds)})


def openai_error(status: int, message: str, kind: str, code: str, headers: dict[str, str] | None = None) -> web.Response:
    """Build an error as OpenAI's clients read it."""
    body = {"error": {"message": message, "type": kind, "param": None, "code": code}}
    return web.Response(status=status, text=json.dumps(body), content_type="application/json", headers=headers)


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name in _RESPONSE_HEADERS if (value := headers.get(name)) is not None}
