"""The ASGI application: from a request to the one thing that answers it."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final, Protocol

import orjson

from contracts.routing import Route
from router import policy
from router.cors import Cors
from router.engines import EngineAnswers
from router.errors import ApiError, model_not_found
from router.exchange import CLIENT_GONE, ClientGone, Exchange, Receive, Send
from router.identity import Authenticator, Caller
from router.log import Log
from router.metrics import Metrics
from router.routes import CHAT, COMPLETIONS, EMBEDDINGS, Prepared, RouteTable
from router.settings import Settings

_MODELS: Final = "/v1/models"
_STREAM_HEADERS: Final = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache")]
_UNLOGGED: Final = frozenset({"/health/live", "/health/ready", "/metrics"})
Handler = Callable[[Exchange], Awaitable[None]]


class ProviderAnswers(Protocol):
    """The way to third parties."""

    async def answer(self, route: Route, path: str, document: Mapping[str, Any]) -> bytes:
        """The whole answer; ApiError otherwise."""
        ...

    async def stream(self, route: Route, path: str, document: Mapping[str, Any]) -> AsyncGenerator[bytes, None]:
        """Server-sent events; ApiError otherwise."""
        ...


class App:
    """The router as an ASGI application. `ready` says whether the tables and the peppers are there."""

    def __init__(
        self,
        settings: Settings,
        *,
        routes: RouteTable,
        authenticator: Authenticator,
        engines: EngineAnswers,
        providers: ProviderAnswers,
        metrics: Metrics,
        log: Log,
        ready: Callable[[], bool],
    ) -> None:
        self._settings, self._routes, self._authenticator = settings, routes, authenticator
        self._engines, self._providers, self._metrics, self._log, self._ready = engines, providers, metrics, log, ready
        self._cors = Cors(settings.cors_origins)
        self._by_token: dict[str, set[Exchange]] = {}
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self.draining = False
        self._handlers: dict[tuple[str, str], Handler] = {
            ("POST", CHAT): self._infer,
            ("POST", COMPLETIONS): self._infer,
            ("POST", EMBEDDINGS): self._infer,
            ("GET", _MODELS): self._list_models,
            ("GET", "/health/live"): self._live,
            ("GET", "/health/ready"): self._is_ready,
            ("GET", "/metrics"): self._show_metrics,
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

    def cut(self, token_id: str) -> None:
        """End everything under way for a token that is worth nothing any more."""
        for exchange in tuple(self._by_token.get(token_id, ())):
            self._metrics.cut.inc()
            exchange.end()

    async def drained(self) -> None:
        """Wait until no request is under way. New ones are refused from now on."""
        self.draining = True
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
        elif exchange.path in self._methods:
            raise ApiError(405, "method_not_allowed", f"{exchange.path} takes {self._methods[exchange.path]} only.")
        else:
            raise ApiError(404, "not_found", f"There is nothing at {exchange.path[:128]}.")

    async def _identify(self, exchange: Exchange) -> Caller:
        caller = await self._authenticator.authenticate(exchange.header(b"authorization"))
        exchange.token_id, exchange.subject = caller.token_id, caller.subject
        return caller

    async def _infer(self, exchange: Exchange) -> None:
        if self.draining:
            exchange.extra_headers.append((b"connection", b"close"))
            raise ApiError(503, "router_draining", "This router is stopping; try again.", retry_after=1)
        caller = await self._identify(exchange)
        body = await exchange.body(self._settings.max_body_bytes, self._settings.body_seconds)
        document = policy.parse(body, self._settings.max_json_depth)
        model = policy.model_of(document)
        prepared = self._routes.find(model, caller)
        if prepared is None:
            raise model_not_found(model)
        exchange.model, exchange.version = model, prepared.route.version
        prepared.check_task(exchange.path)
        exchange.stream = policy.check(document, prepared, exchange.path)
        prepared.check_open()
        await self._while_watched(exchange, caller, self._answer(exchange, prepared, document, body))

    async def _while_watched(self, exchange: Exchange, caller: Caller, work: Awaitable[None]) -> None:
        exchange.task = asyncio.current_task()
        watcher = asyncio.create_task(exchange.watch())
        held = self._by_token.setdefault(caller.token_id, set()) if caller.token_id else None
        in_flight = self._metrics.in_flight.labels(exchange.model)
        in_flight.inc()
        if held is not None:
            held.add(exchange)
        try:
            await work
        finally:
            watcher.cancel()
            in_flight.dec()
            if held is not None:
                held.discard(exchange)
                if not held and caller.token_id:
                    self._by_token.pop(caller.token_id, None)

    async def _answer(self, exchange: Exchange, prepared: Prepared, document: dict[str, Any], body: bytes) -> None:
        embedding = exchange.path == EMBEDDINGS
        if prepared.route.hosting == "hosted":
            await self._engines.answer(exchange, prepared, body if embedding else policy.with_defaults(body, document, prepared))
            return
        if not embedding:
            document |= {name: value for name, value in policy.missing_defaults(document, prepared).items() if name != "top_k"}
        exchange.target = prepared.ready[0].row.target_id
        if not exchange.stream:
            await exchange.respond(200, await self._providers.answer(prepared.route, exchange.path, document))
            return
        await self._relay(exchange, await self._providers.stream(prepared.route, exchange.path, document))

    async def _relay(self, exchange: Exchange, events: AsyncGenerator[bytes, None]) -> None:
        async with contextlib.aclosing(events):
            async for event in events:
                if exchange.status == 0:
                    await exchange.start(200, _STREAM_HEADERS)
                await exchange.write(event, more=True)
        await exchange.write(b"", more=False)

    async def _list_models(self, exchange: Exchange) -> None:
        caller = await self._identify(exchange)
        models = [prepared.listing for prepared in self._routes.visible(caller)]
        await exchange.respond(200, orjson.dumps({"object": "list", "data": models}))

    async def _show_model(self, exchange: Exchange) -> None:
        caller = await self._identify(exchange)
        model = exchange.path[len(_MODELS) + 1 :]
        prepared = self._routes.find(model, caller)
        if prepared is None or prepared.route.state != "open":
            raise model_not_found(model)
        await exchange.respond(200, orjson.dumps(prepared.listing))

    async def _live(self, exchange: Exchange) -> None:
        await exchange.respond(200, b'{"status":"live"}')

    async def _is_ready(self, exchange: Exchange) -> None:
        if self.draining or not self._ready():
            raise ApiError(503, "router_draining" if self.draining else "router_not_ready", "The router does not take requests now.")
        await exchange.respond(200, b'{"status":"ready"}')

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
        self._metrics.requests.labels(exchange.model, exchange.version, str(exchange.status)).inc()
        if exchange.model:
            self._metrics.duration.labels(exchange.model).observe(elapsed)
            if first is not None:
                self._metrics.first_byte.labels(exchange.model).observe(first)
        self._log.info(
            "request",
            request_id=exchange.request_id,
            method=exchange.method,
            path=exchange.path[:128],
            status=exchange.status,
            model=exchange.model or None,
            version=exchange.version or None,
            target=exchange.target or None,
            token_id=exchange.token_id,
            subject=exchange.subject or None,
            stream=exchange.stream,
            ttft_ms=None if first is None else round(first * 1000, 3),
            duration_ms=round(elapsed * 1000, 3),
            bytes_in=exchange.bytes_in,
            bytes_out=exchange.bytes_out,
            cut=exchange.cut or None,
            trace=exchange.header(b"x-amzn-trace-id"),
        )
