"""Answering a request for a model: what it may ask, whether there is room, a target, and the answer's way back."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Mapping
from typing import Any, Protocol, cast

from contracts.inference import ENDPOINTS
from contracts.routing import Route
from router import policy
from router.choosing.asked import CANARY, Asked, check_pin, without_pin
from router.choosing.fallback import Fallbacks, can_fall_back, deadline_of, provider_turn, within
from router.choosing.picker import Picker
from router.engines import EngineAnswers
from router.errors import ApiError, model_not_found
from router.exchange import EVENT_STREAM, Exchange
from router.identity import Caller
from router.limits.gate import Gate
from router.load import Load, LoadMeter
from router.metrics import Metrics
from router.pulse import Pulse
from router.routes import Prepared, RouteTable
from router.settings import Settings
from router.statuses import OK, SERVER_ERROR, UNAVAILABLE
from router.surface import forms
from router.surface.answers import Whole
from router.telling.teller import Teller, Telling
from router.waiting import Waiting


class ProviderAnswers(Protocol):
    """The way to third parties."""

    async def answer(self, route: Route, path: str, document: Mapping[str, Any]) -> Whole:
        """The whole answer; ApiError otherwise."""
        ...

    async def stream(self, route: Route, path: str, document: Mapping[str, Any]) -> AsyncGenerator[bytes, None]:
        """Server-sent events; ApiError otherwise."""
        ...


class Inference:
    """Answers requests from whatever serves their model."""

    def __init__(
        self,
        settings: Settings,
        *,
        routes: RouteTable,
        engines: EngineAnswers,
        providers: ProviderAnswers,
        waiting: Waiting,
        meter: LoadMeter,
        metrics: Metrics,
        pulse: Pulse,
        teller: Teller,
        picker: Picker,
        gate: Gate,
    ) -> None:
        self._settings, self._routes, self._engines, self._providers = settings, routes, engines, providers
        self._waiting, self._meter, self._metrics, self._pulse = waiting, meter, metrics, pulse
        self._teller, self._picker, self._gate = teller, picker, gate
        self._fallbacks = Fallbacks(routes, picker, metrics)
        self._by_token: dict[str, set[Exchange]] = {}

    async def answer(self, exchange: Exchange, caller: Caller) -> None:
        """Answer; ApiError where that cannot be."""
        body, document = await self._read(exchange)
        model = policy.model_of(document)
        prepared = self._routes.find(model, caller)
        if prepared is None:
            raise model_not_found(model)
        exchange.model, exchange.version = prepared.route.model_id, prepared.route.version
        prepared.check_task(exchange.path)
        if model != exchange.model:
            document, body = policy.under_its_id(document, body, exchange.model, form=ENDPOINTS[exchange.path].form)
        exchange.asked = Asked(exchange.headers, document, caller)
        check_pin(exchange.asked, prepared, caller)
        if CANARY in document:  # before what the endpoint takes is asked: no endpoint has such a field of its own
            document, body = without_pin(document, body, form=ENDPOINTS[exchange.path].form)
        exchange.stream = policy.check(document, prepared, exchange.path)
        exchange.deadline = deadline_of(exchange.headers, prepared)

        async def attempt(prepared: Prepared, document: dict[str, Any], body: bytes) -> None:
            wait = 0 if prepared.is_open else self._waiting.consider(exchange, prepared)
            gate, size = self._gate, len(body)
            admission = gate.enter(caller, prepared, document, size) or await gate.wait(caller, prepared, document, size)
            try:
                document, body = admission.prepare(exchange, document, body, prepared)
                work = self._serve(exchange, caller, prepared, document, body, wait)
                if exchange.deadline is not None:
                    work = within(exchange.deadline - exchange.elapsed(), work)
                await self._while_watched(exchange, caller, prepared, work)
            finally:
                admission.leave(exchange)

        await self._fallbacks.answer(exchange, caller, prepared, document, body, attempt)

    async def _read(self, exchange: Exchange) -> tuple[bytes, dict[str, Any]]:
        settings = self._settings
        if not ENDPOINTS[exchange.path].form:
            body = await exchange.body(settings.max_body_bytes, settings.body_seconds)
            return body, policy.parse(body, settings.max_json_depth)
        body = await exchange.body(settings.max_form_bytes, settings.body_seconds)
        return body, forms.parse(body, exchange.header(b"content-type") or "")

    def cut(self, token_id: str) -> None:
        """End everything under way for a token that is worth nothing any more."""
        for exchange in tuple(self._by_token.get(token_id, ())):
            self._metrics.cut.inc()
            exchange.end()

    async def _while_watched(self, exchange: Exchange, caller: Caller, prepared: Prepared, work: Awaitable[None]) -> None:
        exchange.task = asyncio.current_task()
        stop_noticing = exchange.notice_leaving()
        held = self._by_token.setdefault(caller.token_id, set()) if caller.token_id else None
        model = exchange.model  # which a fallback changes
        self._metrics.traffic.begun(model)
        load = self._meter.begin(exchange.model)
        exchange.flow = told = self._teller.follow(exchange, prepared, caller.groups, load)
        if held is not None:
            held.add(exchange)
        failed, outcome = True, "internal_error"
        try:
            await work
            failed, outcome = False, "ok"
        except ApiError as error:
            outcome = error.code
            failed = error.status >= SERVER_ERROR and exchange.asked_at is not None
            raise
        except asyncio.CancelledError:
            failed, outcome = False, "client_gone" if exchange.gone else "cut"  # the caller left, or its token was revoked
            raise
        finally:
            stop_noticing()
            self._metrics.traffic.ended(model)
            exchange.flow = None
            told.end(outcome)
            self._account(load, exchange, failed=failed)
            if held is not None:
                held.discard(exchange)
                if not held and caller.token_id:
                    self._by_token.pop(caller.token_id, None)

    async def _serve(
        self, exchange: Exchange, caller: Caller, prepared: Prepared, document: dict[str, Any], body: bytes, wait: int
    ) -> None:
        """Wait if need be, then answer. If no target takes the request and the route proves to be out of date, do so once more."""
        for last in (False, True):
            if wait:
                prepared = await self._hold(exchange, caller, prepared, document, wait)
            try:
                await self._send(exchange, prepared, document, body)
            except ApiError as error:
                if last or error.status != UNAVAILABLE or exchange.first_byte_at is not None or can_fall_back(exchange, prepared):
                    raise
                newer = await self._waiting.newer(prepared, caller)
                if newer is None:
                    raise
                prepared = newer
                wait = 0 if prepared.is_open else self._waiting.consider(exchange, prepared)
            else:
                return

    async def _hold(self, exchange: Exchange, caller: Caller, prepared: Prepared, document: dict[str, Any], wait: int) -> Prepared:
        """The open route; what the model allows is asked again, since it may have changed meanwhile."""
        exchange.asked_at = None
        opened = await self._waiting.open(exchange, caller, prepared.route.model_id, wait)
        exchange.held_seconds = exchange.elapsed()
        policy.check(document, opened, exchange.path)
        return opened

    async def _send(self, exchange: Exchange, prepared: Prepared, document: dict[str, Any], body: bytes) -> None:
        exchange.ask()
        told = cast("Telling", exchange.flow)  # it is watched
        told.prepared = prepared
        if prepared.route.hosting == "hosted":
            body = policy.with_defaults(body, document, prepared, exchange.path)
            await self._engines.answer(exchange, prepared, told.reading.ask(body, document, exchange.path))
            return
        document = document | policy.missing_defaults(document, prepared, exchange.path)
        with provider_turn(self._picker, exchange, prepared):
            if exchange.stream:
                asked = told.reading.ask_in(document, exchange.path)
                await self._relay(exchange, await self._providers.stream(prepared.route, exchange.path, asked))
            else:
                answer = await self._providers.answer(prepared.route, exchange.path, document)
                await exchange.respond(OK, answer.body, (b"content-type", answer.content_type))

    def _account(self, load: Load, exchange: Exchange, *, failed: bool) -> None:
        first = None
        if (
            exchange.stream
            and not failed
            and exchange.status == OK
            and exchange.asked_at is not None
            and exchange.first_byte_at is not None
        ):
            first = exchange.first_byte_at - exchange.asked_at
        load.done(failed=failed, first_token_seconds=first)
        if not failed and exchange.asked.way:
            self._picker.learned(exchange.model, exchange.asked, exchange.usage, first)
        if failed or exchange.asked_at is not None:  # who only waited for a sleeping model was promised nothing
            asked_after = exchange.asked_at - exchange.started_at if exchange.asked_at is not None else 0.0
            self._pulse.saw(exchange.elapsed() - asked_after, first_token_seconds=first, failed=failed)

    async def _relay(self, exchange: Exchange, events: AsyncGenerator[bytes, None]) -> None:
        async with contextlib.aclosing(events):
            async for event in events:
                if exchange.status == 0:
                    await exchange.start(OK, EVENT_STREAM)
                await exchange.write(event, more=True)
        await exchange.write(b"", more=False)
