"""The ASGI application: from a request to the one thing that answers it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

import orjson

from contracts.inference import ENDPOINTS, RESPONSES
from router.cors import Cors
from router.errors import ApiError, model_not_found
from router.exchange import ClientGone, Exchange, Receive, Send
from router.identity import Authenticator, Caller
from router.inference import Inference
from router.live_problems import PREFIX as LIVE_PREFIX
from router.log import Log
from router.metrics import Metrics
from router.routes import RouteTable
from router.settings import Settings
from router.statuses import CLIENT_GONE
from router.surface import openapi
from router.telling.tracing import Tracer
from router.timeline import Timeline

_MODELS: Final = "/v1/models"
_UNLOGGED: Final = frozenset({"/health/live", "/health/ready", "/metrics"})
Handler = Callable[[Exchange], Awaitable[None]]


class App:
    """The router as an ASGI application. `ready` says whether the tables and the peppers are there; `release` ends what is held."""

    def __init__(
        self,
        settings: Settings,
        *,
        routes: RouteTable,
        authenticator: Authenticator,
        inference: Inference,
        timeline: Timeline,
        metrics: Metrics,
        log: Log,
        ready: Callable[[], bool],
        release: Callable[[], None],
        tracer: Tracer | None = None,
    ) -> None:
        self._routes, self._authenticator, self._inference, self._timeline = routes, authenticator, inference, timeline
        self._metrics, self._log, self._ready, self._release, self._tracer = metrics, log, ready, release, tracer
        self._cors = Cors(settings.cors_origins)
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self.draining = False
        self._handlers: dict[tuple[str, str], Handler] = {
            **{("POST", path): self._infer for path in ENDPOINTS},
            ("GET", _MODELS): self._list_models,
            ("GET", "/health/live"): self._live,
            ("GET", "/health/ready"): self._is_ready,
            ("GET", "/metrics"): self._show_metrics,
            ("GET", "/openapi.json"): self._show_document,
        }
        self._methods = {path: method for method, path in self._handlers}

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """ASGI's entry."""
        if scope["type"] != "http":
            return
        exchange = Exchange(scope, receive, send)
        self._enter()
        try:
            await self._answered(exchange)
        finally:
            self._leave()
            if exchange.path not in _UNLOGGED:
                self._record(exchange)
            exchange.forget()

    async def drained(self) -> None:
        """Wait until no request is under way. New ones are refused from now on, and held ones sent to another router."""
        self.draining = True
        self._release()
        await self._idle.wait()

    async def _answered(self, exchange: Exchange) -> None:
        try:
            await self._dispatch(exchange)
        except ApiError as error:
            await exchange.fail(error)
        except ClientGone:
            exchange.status = CLIENT_GONE
        except asyncio.CancelledError:
            await self._ended(exchange)
        except ConnectionAbortedError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets our shape, and the log its type
            self._log.warning("request failed", request_id=exchange.request_id, error=type(error).__name__)
            await exchange.fail(ApiError(500, "internal_error", "The router failed to answer."))

    async def _ended(self, exchange: Exchange) -> None:
        task = asyncio.current_task()
        if exchange.gone:
            exchange.status = CLIENT_GONE
        elif exchange.cut:
            if task is not None:
                task.uncancel()
            await exchange.fail(ApiError(401, "invalid_api_key", "The API key was revoked."))
        else:
            raise asyncio.CancelledError

    async def _dispatch(self, exchange: Exchange) -> None:
        admitted = self._cors.admit(exchange)
        handler = self._handlers.get((exchange.method, exchange.path))
        if handler is not None:
            await handler(exchange)
        elif admitted and exchange.method == "OPTIONS":
            await self._cors.preflight(exchange)
        elif exchange.path.startswith(_MODELS + "/") and exchange.method == "GET":
            await self._show_model(exchange)
        elif exchange.path.startswith(LIVE_PREFIX):
            await self._follow(exchange)
        elif exchange.path.startswith(RESPONSES + "/"):
            await self._find_response(exchange)
        elif exchange.path in self._methods:
            raise ApiError(405, "method_not_allowed", f"{exchange.path} takes {self._methods[exchange.path]} only.")
        else:
            raise ApiError(404, "not_found", f"There is nothing at {exchange.path[:128]}.")

    async def _identify(self, exchange: Exchange) -> Caller:
        credential = exchange.header(b"authorization")
        if credential is None and b"x-api-key" in exchange.headers:  # Anthropic's clients
            credential = f"Bearer {exchange.header(b'x-api-key')}"
        caller = await self._authenticator.authenticate(credential)
        exchange.token_id, exchange.subject = caller.token_id, caller.subject
        return caller

    async def _infer(self, exchange: Exchange) -> None:
        if self._tracer is not None:
            exchange.trace = self._tracer.join(exchange.headers)
        if self.draining:
            exchange.extra_headers.append((b"connection", b"close"))
            raise ApiError(503, "router_draining", "This router is stopping; try again.", retry_after=1)
        await self._inference.answer(exchange, await self._identify(exchange))

    async def _list_models(self, exchange: Exchange) -> None:
        caller = await self._identify(exchange)
        models = [listing for prepared in self._routes.visible(caller) for listing in prepared.listings]
        await exchange.respond(200, orjson.dumps({"object": "list", "data": models}))

    async def _show_model(self, exchange: Exchange) -> None:
        caller = await self._identify(exchange)
        model = exchange.path[len(_MODELS) + 1 :]
        prepared = self._routes.find(model, caller)
        if prepared is None or not prepared.is_listed:
            raise model_not_found(model)
        await exchange.respond(200, orjson.dumps(prepared.listing(model)))

    async def _find_response(self, exchange: Exchange) -> None:
        await self._identify(exchange)
        message = "Responses are not kept, so that none can be read, cancelled or deleted; send the conversation with each request."
        raise ApiError(404, "response_not_stored", message)

    async def _follow(self, exchange: Exchange) -> None:
        if exchange.method != "GET":
            raise ApiError(405, "method_not_allowed", "Live streams take GET only.")
        await self._timeline.answer(exchange)

    async def _live(self, exchange: Exchange) -> None:
        await exchange.respond(200, b'{"status":"live"}')

    async def _is_ready(self, exchange: Exchange) -> None:
        if self.draining or not self._ready():
            raise ApiError(503, "router_draining" if self.draining else "router_not_ready", "The router does not take requests now.")
        await exchange.respond(200, b'{"status":"ready"}')

    async def _show_document(self, exchange: Exchange) -> None:
        await exchange.respond(200, openapi.text())

    async def _show_metrics(self, exchange: Exchange) -> None:
        if b"x-forwarded-for" in exchange.headers:  # it came through the load balancer, from outside
            raise ApiError(404, "not_found", "There is nothing at /metrics.")
        await exchange.respond(200, self._metrics.text(), (b"content-type", b"text/plain; version=0.0.4; charset=utf-8"))

    def _enter(self) -> None:
        self._in_flight += 1
        self._idle.clear()

    def _leave(self) -> None:
        self._in_flight -= 1
        if self._in_flight == 0:
            self._idle.set()

    def _record(self, exchange: Exchange) -> None:
        elapsed = time.perf_counter() - exchange.started_at
        first = None if exchange.first_byte_at is None else exchange.first_byte_at - exchange.started_at
        self._metrics.traffic.answered(exchange.model, exchange.version, exchange.status, elapsed, first)
        if exchange.trace is not None and self._tracer is not None:
            self._tracer.tell(exchange, exchange.trace)
        fields: dict[str, Any] = {
            "request_id": exchange.request_id,
            "method": exchange.method,
            "path": exchange.path[:128],
            "status": exchange.status,
            "model": exchange.model or None,
            "version": exchange.version or None,
            "target": exchange.target or None,
            "token_id": exchange.token_id,
            "subject": exchange.subject or None,
            "stream": exchange.stream,
            "held_ms": round(exchange.held_seconds * 1000, 3) or None,
            "ttft_ms": None if first is None else round(first * 1000, 3),
            "duration_ms": round(elapsed * 1000, 3),
            "bytes_in": exchange.bytes_in,
            "bytes_out": exchange.bytes_out,
            "cut": exchange.cut or None,
            "outcome": exchange.outcome or None,
            "trace": exchange.header(b"x-amzn-trace-id"),
        }
        usage = exchange.usage
        if usage is not None:
            fields["tokens_in"], fields["tokens_out"] = usage.input_tokens, usage.output_tokens
            fields["tokens_cached"], fields["usage_estimated"] = usage.cached_tokens or None, usage.estimated or None
        self._log.line("INFO", "request", fields)
