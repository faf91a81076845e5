"""The container's port: health, status and metrics from the first second, the model's API once it is ready."""

import contextlib
import errno
from typing import Final

from aiohttp import web

from contracts.engine import Phase
from engine.adapters.base import Metrics
from engine.errors import EngineError
from engine.metrics import CONTENT_TYPE, identity_labels, own_metrics, translate
from engine.proxy import INFERENCE_PATHS, MAX_BODY_BYTES, MODELS_PATH, Proxy, openai_error
from engine.settings import Listen
from engine.state import State
from engine.upstream import ProbeMissedError

_KEEP_ALIVE_SECONDS: Final = 75.0
_BACKLOG: Final = 1024


class Server:
    """The HTTP server. `metrics` is set once the kind of engine is known."""

    def __init__(self, state: State, proxy: Proxy) -> None:
        self._state = state
        self._proxy = proxy
        self._runner: web.AppRunner | None = None
        self.metrics: Metrics | None = None

    async def start(self, listen: Listen) -> None:
        """Take the port. Raises EngineError `port-in-use`, or `configuration-invalid` for an address that is not this machine's."""
        application = web.Application(client_max_size=MAX_BODY_BYTES)
        application.router.add_get("/health/live", self._live)
        application.router.add_get("/health/ready", self._ready)
        application.router.add_get("/status", self._status)
        application.router.add_get("/metrics", self._metrics)
        application.router.add_get(MODELS_PATH, self._proxy.forward, allow_head=False)
        for path in INFERENCE_PATHS:
            application.router.add_post(path, self._proxy.forward)
        application.router.add_route("*", "/{path:.*}", self._unknown)
        self._runner = web.AppRunner(
            application,
            access_log=None,
            handle_signals=False,
            # A client that goes away cancels its request, which makes the engine stop generating for it.
            handler_cancellation=True,
            keepalive_timeout=_KEEP_ALIVE_SECONDS,
            shutdown_timeout=0.5,
        )
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, listen.host, listen.port, backlog=_BACKLOG).start()
        except OSError as error:
            code = "port-in-use" if error.errno == errno.EADDRINUSE else "configuration-invalid"
            raise EngineError(code, f"{listen.host}:{listen.port} cannot be listened on: {error.strerror}.") from error

    async def close(self) -> None:
        """Give the port back; what is still open is cut."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _live(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "live"})

    async def _ready(self, _: web.Request) -> web.Response:
        ready = self._state.phase is Phase.READY
        return web.json_response({"status": "ready" if ready else str(self._state.phase)}, status=200 if ready else 503)

    async def _status(self, _: web.Request) -> web.Response:
        return web.json_response(self._state.document())

    async def _metrics(self, _: web.Request) -> web.Response:
        text = own_metrics(self._state)
        upstream = self._proxy.upstream
        if upstream is not None and self.metrics is not None:
            with contextlib.suppress(ProbeMissedError):
                text += translate(await upstream.metrics(), self.metrics, identity_labels(self._state))
        return web.Response(body=text.encode(), headers={"Content-Type": CONTENT_TYPE})

    async def _unknown(self, request: web.Request) -> web.Response:
        method = "GET" if request.path == MODELS_PATH else "POST" if request.path in INFERENCE_PATHS else None
        if method is not None:
            message = f"Not allowed to {request.method} on {request.path}."
            return openai_error(405, message, "invalid_request_error", "method_not_supported", {"Allow": method})
        return openai_error(404, f"Unknown request URL: {request.method} {request.path}.", "invalid_request_error", "unknown_url")
