"""httpx for LiteLLM: connections go only where the guard lets them, to the very address that it checked; no redirect is followed."""

import ssl
from collections.abc import Iterable
from functools import cache
from typing import Any

import httpcore
import httpx

from router.addresses import AddressRefused, Guard

_LIMITS = httpx.Limits(max_connections=1000, max_keepalive_connections=100, keepalive_expiry=30)
_REDIRECT = range(300, 400)


class _Backend(httpcore.AsyncNetworkBackend):
    """Resolves, checks, and connects to what was checked. TLS still verifies the host's name."""

    def __init__(self, guard: Guard) -> None:
        self._guard, self._inner = guard, httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            addresses = await self._guard.addresses(host, port)
        except AddressRefused as error:
            raise httpcore.ConnectError(str(error)) from error
        failure: Exception | None = None
        for address in addresses:
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore.ConnectError("no address answered")

    async def connect_unix_socket(self, *_arguments: Any, **_options: Any) -> httpcore.AsyncNetworkStream:
        raise httpcore.ConnectError("sockets of this machine are not for providers")

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


class _BlockingBackend(httpcore.NetworkBackend):
    """The same for clients that block, in threads of their own: some of LiteLLM's providers know no other."""

    def __init__(self, guard: Guard) -> None:
        self._guard, self._inner = guard, httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            addresses = self._guard.addresses_now(host, port)
        except AddressRefused as error:
            raise httpcore.ConnectError(str(error)) from error
        failure: Exception | None = None
        for address in addresses:
            try:
                return self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore.ConnectError("no address answered")

    def connect_unix_socket(self, *_arguments: Any, **_options: Any) -> httpcore.NetworkStream:
        raise httpcore.ConnectError("sockets of this machine are not for providers")


class GuardedTransport(httpx.AsyncHTTPTransport):
    """An httpx transport over the guarded backend."""

    def __init__(self, guard: Guard) -> None:
        super().__init__(verify=_trust(), trust_env=False, limits=_LIMITS)
        self._guard = guard
        self._pool = httpcore.AsyncConnectionPool(**_pool_options(), network_backend=_Backend(guard))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send, and treat a redirect as a failure."""
        _require_tls(request, self._guard)
        response = await super().handle_async_request(request)
        if response.status_code in _REDIRECT:
            await response.aclose()
            raise _redirected(request)
        return response


class GuardedBlockingTransport(httpx.HTTPTransport):
    """The same for clients that block."""

    def __init__(self, guard: Guard) -> None:
        super().__init__(verify=_trust(), trust_env=False, limits=_LIMITS)
        self._guard = guard
        self._pool = httpcore.ConnectionPool(**_pool_options(), network_backend=_BlockingBackend(guard))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send, and treat a redirect as a failure."""
        _require_tls(request, self._guard)
        response = super().handle_request(request)
        if response.status_code in _REDIRECT:
            response.close()
            raise _redirected(request)
        return response


@cache
def _trust() -> ssl.SSLContext:
    """Whom TLS trusts, read once: 17 ms, in which the router answers nobody, and LiteLLM makes a client for each provider and key."""
    return httpx.create_ssl_context(trust_env=False)


def _pool_options() -> dict[str, Any]:
    return {
        "ssl_context": _trust(),
        "max_connections": _LIMITS.max_connections,
        "max_keepalive_connections": _LIMITS.max_keepalive_connections,
        "keepalive_expiry": _LIMITS.keepalive_expiry,
    }


def _require_tls(request: httpx.Request, guard: Guard) -> None:
    """Registration lets plain HTTP go to listed hosts only; what got into the table otherwise is stopped here, before the key is sent."""
    if request.url.scheme != "https" and not guard.vouches(request.url.host, request.url.port or 80):
        refused = AddressRefused("plain HTTP is for hosts on the environment's list only")
        raise httpx.ConnectError(str(refused), request=request) from refused


def _redirected(request: httpx.Request) -> httpx.ConnectError:
    return httpx.ConnectError("the provider answered with a redirect, which is not followed", request=request)


def install(guard: Guard) -> None:
    """Let every HTTP client that LiteLLM makes use a guarded transport: those of the OpenAI SDK and its own handlers', blocking or not.

    Its handlers ask `create_async_transport` and `_create_sync_transport` for one; a test sends a call through every provider of the
    pinned release and sees that none gets round them but those that the contract refuses (`contracts.model.UNGUARDED_PROVIDERS`).
    """
    import litellm
    from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler, HTTPHandler

    def guarded_transport(*_arguments: Any, **_options: Any) -> GuardedTransport:
        return GuardedTransport(guard)

    AsyncHTTPHandler.create_async_transport = staticmethod(guarded_transport)
    AsyncHTTPHandler._create_async_transport = staticmethod(guarded_transport)  # noqa: SLF001 - its second name
    AsyncHTTPHandler.create_httpx_proxy_mounts = staticmethod(lambda *_a, **_o: {})  # no way round the guard through a proxy
    HTTPHandler._create_sync_transport = lambda *_a, **_o: GuardedBlockingTransport(guard)  # noqa: SLF001 - the one place where it is made
    HTTPHandler._create_sync_proxy_mounts = staticmethod(lambda *_a, **_o: {})  # noqa: SLF001 - as above
    litellm.aclient_session = httpx.AsyncClient(transport=GuardedTransport(guard), follow_redirects=False, trust_env=False)
    litellm.client_session = httpx.Client(transport=GuardedBlockingTransport(guard), follow_redirects=False, trust_env=False)
