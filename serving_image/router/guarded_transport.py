"""httpx for LiteLLM: connections go only where the guard lets them, to the very address that it checked; no redirect is followed."""

from collections.abc import Iterable
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


class GuardedTransport(httpx.AsyncHTTPTransport):
    """An httpx transport over the guarded backend."""

    def __init__(self, guard: Guard) -> None:
        super().__init__(verify=True, trust_env=False, limits=_LIMITS)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=httpx.create_ssl_context(trust_env=False),
            max_connections=_LIMITS.max_connections,
            max_keepalive_connections=_LIMITS.max_keepalive_connections,
            keepalive_expiry=_LIMITS.keepalive_expiry,
            network_backend=_Backend(guard),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send, and treat a redirect as a failure."""
        response = await super().handle_async_request(request)
        if response.status_code in _REDIRECT:
            await response.aclose()
            raise httpx.ConnectError("the provider answered with a redirect, which is not followed", request=request)
        return response


def install(guard: Guard) -> None:
    """Let every HTTP client that LiteLLM makes use the guarded transport: those of the OpenAI SDK and its own handler's.

    Its handler asks `AsyncHTTPHandler.create_async_transport` for a transport; a test asserts that this is so in the pinned release.
    """
    import litellm
    from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler

    def guarded_transport(*_arguments: Any, **_options: Any) -> GuardedTransport:
        return GuardedTransport(guard)

    AsyncHTTPHandler.create_async_transport = staticmethod(guarded_transport)
    AsyncHTTPHandler._create_async_transport = staticmethod(guarded_transport)  # noqa: SLF001 - its second name
    AsyncHTTPHandler.create_httpx_proxy_mounts = staticmethod(lambda *_a, **_o: {})  # no way round the guard through a proxy
    litellm.aclient_session = httpx.AsyncClient(transport=GuardedTransport(guard), follow_redirects=False, trust_env=False)
