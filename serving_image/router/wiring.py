"""Putting the router together: tables, identity, targets and the loops beside the requests."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

from contracts.identity import OidcRules
from contracts.routing import ModelWakeRequested
from contracts.tokens import Peppers
from router import aws
from router.app import App
from router.aws import SecretUnavailable
from router.background import workers
from router.bus import Reporter
from router.choosing.bench import Rules
from router.choosing.gain import GainMetrics
from router.choosing.picker import Picker
from router.engines import EngineAnswers
from router.feed import Follower
from router.identity import Authenticator, TokenTable
from router.inference import Inference
from router.late import Late
from router.limits.wiring import Limiting
from router.load import LoadMeter
from router.log import Log
from router.metrics import Metrics
from router.oidc import KeySet, OidcVerifier
from router.oidc_keys import OidcKeys
from router.probe import Means, Prober
from router.providers import ProviderClient
from router.pulse import Pulse
from router.routes import RouteTable
from router.secret_cache import SecretCache
from router.settings import OidcSettings, Settings
from router.state import StateDirectory
from router.status import StatusReader
from router.telling.collectors import OtlpCollector, XRayDaemon
from router.telling.spool import Spool
from router.telling.teller import Losses, Teller
from router.telling.tracing import Collector, Tracer
from router.timeline import LiveLimits, Timeline
from router.timeline_source import ModelEvents, OperationProgress, Source
from router.upstream import EngineClient
from router.waiting import HoldLimits, Waiting
from router.warming import settle_garbage, warmed

_PEPPER_SECONDS = 300.0
_PEPPER_RETRY_SECONDS = 2.0
_UNKNOWN_PEPPER_SECONDS = 30.0


class Router:
    """Everything that one router process holds. Enter it on the event loop; `app` then answers requests.

    Public is what feeds fill and requests use; a measurement fills and replaces it by hand, without the loops that entering begins.
    """

    def __init__(self, settings: Settings, late: Late, log: Log) -> None:
        self._settings, self._log, self._late = settings, log, late
        self._stack = AsyncExitStack()
        self._feeds = workers(2, "feeds")
        self._calls = workers(2, "calls")
        self._live = workers(2, "live")
        self._tasks: list[asyncio.Task[None]] = []
        self._pepper_wanted = asyncio.Event()
        self._warm = False
        self.metrics = Metrics()
        self.tokens = TokenTable(self._cut)
        self.routes = RouteTable()
        self._secrets = SecretCache(aws.SecretStore(aws.client("secretsmanager")), self._calls)
        self.engine = EngineClient(settings.engine_api_key, settings.silence_seconds)
        self._status = StatusReader()
        self._http = OidcKeys(settings.oidc)
        self.authenticator = Authenticator(self.tokens, self._persons(settings.oidc), time.time)
        self.authenticator.on_unknown_pepper = self._pepper_wanted.set
        picker = Picker(late, Rules(base=settings.cooldown_seconds), lambda model_id: self.metrics.ejections.labels(model_id).inc())
        self.metrics.registry.register(GainMetrics(lambda: picker.standings))
        providers = ProviderClient(self._secrets, settings.silence_seconds, own=(settings.pepper_secret_arn,), loaded=late.loaded)
        self._reporter = Reporter(
            aws.EventBus(aws.client("events"), settings.bus_name),
            self._calls,
            environment=settings.environment,
            router_id=settings.router_id,
            metrics=self.metrics,
            log=log,
        )
        self._prober = Prober(
            Means(
                read_status=self._status.read,
                sender=self.engine,
                providers=providers,
                report=self._observed,
                router_id=settings.router_id,
                probe_seconds=settings.probe_seconds,
                report_seconds=settings.report_seconds,
            )
        )
        self._pulse = Pulse(log, settings.environment)
        self._route_feed, self._token_feed = self._followers()
        self._waiting = self._make_waiting()
        self._teller = self._make_teller()
        self._tracer = self._make_tracer()
        self._meter = LoadMeter(
            self._reporter.report,
            settings.router_id,
            ready=self.routes.ready_targets,
            queued=self._waiting.queued,
            window_seconds=settings.load_seconds,
            longest_seconds=5 * settings.load_seconds,
        )
        self.limiting = Limiting(settings, aws.client("dynamodb"), self.metrics, log, self._pulse.unleased)
        self._limit_feed = self.limiting.follower(self._feeds, StateDirectory(settings.state_dir), self._pulse.refused)
        self.inference = Inference(
            settings,
            routes=self.routes,
            engines=EngineAnswers(self.engine, picker, self.metrics, self.routes.routes.get),
            providers=providers,
            waiting=self._waiting,
            meter=self._meter,
            metrics=self.metrics,
            pulse=self._pulse,
            teller=self._teller,
            picker=picker,
            gate=self.limiting.gate,
        )
        self.timeline = self._make_timeline()
        self.app = App(
            settings,
            routes=self.routes,
            authenticator=self.authenticator,
            inference=self.inference,
            timeline=self.timeline,
            metrics=self.metrics,
            log=log,
            ready=self.is_ready,
            release=self._release,
            tracer=self._tracer,
        )
        self.routes.listen(late.synchronise)
        self.routes.listen(picker.synchronise)
        self.routes.listen(self._prober.synchronise)
        self.routes.listen(self._waiting.synchronise)

    def is_ready(self) -> bool:
        """Whether requests can be answered as fast as ever: tables, peppers, connections are there."""
        return self._warm

    def _has_everything(self) -> bool:
        return all(feed.loaded for feed in self._all_feeds()) and self.authenticator.peppers is not None and self._late.settled

    async def _warm_up(self) -> None:
        await warmed(self._has_everything, self.engine, self.routes, self.limiting.lender.warm, self._log)
        settle_garbage()
        self._warm = True

    def _all_feeds(self) -> tuple[Follower, ...]:
        return self._route_feed, self._token_feed, self._limit_feed

    async def __aenter__(self) -> Self:
        for resource in (self.engine, self._status, self._http):
            await self._stack.enter_async_context(resource)
        for follower in self._all_feeds():
            if follower.restore():
                self._log.info("table restored from disk", feed=follower.name, revision=follower.revision)
        loops = {
            "routes": self._route_feed.run,
            "tokens": self._token_feed.run,
            "limits": self._limit_feed.run,
            "leases": self.limiting.lender.run,
            "peppers": self._follow_peppers,
            "reports": self._reporter.run,
            "load": self._meter.run,
            "pulse": self._pulse.run,
            "usage": self._teller.run,
        }
        if self._tracer is not None:
            loops["traces"] = self._tracer.run
        self._tasks = [asyncio.create_task(self._for_ever(name, loop)) for name, loop in loops.items()]
        self._tasks.append(asyncio.create_task(self._warm_up()))
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._prober.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._meter.look(last=True)
        self._pulse.tell()
        await self._reporter.flush(2.0)
        await self._teller.flush(5.0)
        if self._tracer is not None:
            await self._tracer.flush(2.0)
        await self.limiting.close(3.0)
        await self._stack.aclose()
        self._feeds.shutdown(wait=False, cancel_futures=True)
        self._calls.shutdown(wait=False, cancel_futures=True)
        self._live.shutdown(wait=False, cancel_futures=True)

    async def _for_ever(self, name: str, loop: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await loop()
            except Exception as error:  # noqa: BLE001 - a fault in one loop must not silence it for good
                self._log.warning("background loop failed, starting it again", loop=name, error=type(error).__name__, said=str(error)[:200])
            await asyncio.sleep(1.0)

    def _observed(self, observed: Any) -> None:
        self._log.info(
            "target observed",
            model=observed.model_id,
            target=observed.target_id,
            observed=observed.observed,
            phase=observed.phase,
            progress=observed.progress,
            failure=observed.failure.code if observed.failure else None,
        )
        self._reporter.report(observed)
        self._route_feed.hurry()

    def _make_waiting(self) -> Waiting:
        settings = self._settings
        return Waiting(
            self.routes,
            stage=self._prober.stage,
            tell=self._woken,
            hurry=self._route_feed.hurry,
            router_id=settings.router_id,
            metrics=self.metrics,
            limits=HoldLimits(
                settings.max_wait_seconds,
                settings.max_silent_wait_seconds,
                settings.max_held,
                settings.max_held_per_model,
                settings.max_held_bytes,
            ),
            wake_seconds=settings.wake_seconds,
        )

    def _make_teller(self) -> Teller:
        settings, metrics, log = self._settings, self.metrics, self._log
        url = settings.usage_queue_url
        return Teller(
            Spool(
                settings.state_dir / "usage",
                settings.usage_seconds,
                settings.usage_spool_bytes,
                Losses(metrics, log, self._pulse.lost).tell,
            )
            if url
            else None,
            aws.SqsQueue(aws.client("sqs"), url) if url else None,
            self._calls,
            router_id=settings.router_id,
            metrics=metrics,
            log=log,
            alarm=self._pulse.kept,
        )

    def _make_tracer(self) -> Tracer | None:
        settings = self._settings
        if settings.trace_endpoint:
            collector: Collector = OtlpCollector(settings.trace_endpoint, settings.environment, settings.router_id)
        elif settings.xray_daemon:
            collector = XRayDaemon(settings.xray_daemon, settings.environment)
        else:
            return None
        return Tracer(collector, settings.trace_share, self._calls, self.metrics)

    def _make_timeline(self) -> Timeline:
        settings = self._settings
        limits = LiveLimits(settings.max_live, look_seconds=settings.follow_seconds, heartbeat_seconds=settings.live_heartbeat_seconds)
        sources: dict[str, Source] = {}
        if settings.model_table:
            dynamodb = aws.client("dynamodb")
            sources = {
                "models": ModelEvents(dynamodb, settings.model_table),
                "operations": OperationProgress(dynamodb, settings.model_table),
            }
        return Timeline(sources, self.authenticator, self._live, self.metrics, self._log, limits)

    def _cut(self, token_id: str) -> None:
        self.inference.cut(token_id)
        self.timeline.cut(token_id)

    def _release(self) -> None:
        self._waiting.close()
        self.timeline.close()

    def _woken(self, wanted: ModelWakeRequested) -> None:
        self._log.info("waking asked for", model=wanted.model_id, generation=wanted.generation)
        self._reporter.report(wanted)

    def _followers(self) -> tuple[Follower, Follower]:
        settings, dynamodb = self._settings, aws.client("dynamodb")
        state = StateDirectory(settings.state_dir)
        routes = Follower(
            "routes",
            settings.route_table,
            aws.route_feed(dynamodb, settings.route_table),
            self.routes,
            state=state,
            executor=self._feeds,
            metrics=self.metrics,
            log=self._log,
            idle_seconds=min(settings.follow_seconds, settings.follow_routes_seconds),
            most_rows=settings.max_routes,
            alarm=self._pulse.refused,
            busy_seconds=settings.follow_busy_seconds,
            busy=lambda: self.routes.probing or self._waiting.anybody,
        )
        tokens = Follower(
            "tokens",
            settings.token_table,
            aws.token_feed(dynamodb, settings.token_table),
            self.tokens,
            state=state,
            executor=self._feeds,
            metrics=self.metrics,
            log=self._log,
            idle_seconds=settings.follow_seconds,
            most_rows=settings.max_tokens_held,
            alarm=self._pulse.refused,
            busy_seconds=settings.follow_seconds,
        )
        return routes, tokens

    def _persons(self, oidc: OidcSettings | None) -> OidcVerifier | None:
        if oidc is None:
            return None
        return OidcVerifier(OidcRules(oidc.issuer, oidc.audience, oidc.groups_claim, oidc.admin_group), KeySet(self._http.fetch))

    async def _follow_peppers(self) -> None:
        """Fetch the peppers until they are there, then now and then, and soon after a token names one that is unknown."""
        age = 0.0
        while True:
            try:
                self.authenticator.peppers = Peppers.parse(await self._secrets.get(self._settings.pepper_secret_arn, age))
            except (SecretUnavailable, ValueError) as error:
                self._log.warning("peppers cannot be read", held=self.authenticator.peppers is not None, reason=str(error))
            age = _UNKNOWN_PEPPER_SECONDS
            pause = _PEPPER_RETRY_SECONDS if self.authenticator.peppers is None else _UNKNOWN_PEPPER_SECONDS
            await asyncio.sleep(pause)
            if self.authenticator.peppers is not None:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._pepper_wanted.wait(), _PEPPER_SECONDS - pause)
                self._pepper_wanted.clear()
