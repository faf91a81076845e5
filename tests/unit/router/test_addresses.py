"""Where a third party may be."""

import asyncio
from typing import Any

import httpcore
import httpx
import pytest

from router.addresses import AddressRefused, Guard, is_public
from router.guarded_transport import GuardedTransport, install


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.1.2.3", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "169.254.170.2", "100.64.0.1",
        "224.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "240.0.0.1", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1",
        "fd00:ec2::254",
        "ff02::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:a9fe:a9fe::1", "2002:7f00:1::",
        "2001:0:a9fe:a9fe::", "::169.254.169.254", "2001:db8::1", "not-an-address", "",
    ],
)  # fmt: skip
def test_inward_addresses_are_not_public(address: str) -> None:
    """Private, local, metadata, multicast and documentation addresses, in IPv4 or wrapped in IPv6, are refused."""
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "52.94.236.248", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses_are_public(address: str) -> None:
    """Addresses of the Internet pass, wrapped ones too."""
    assert is_public(address)


async def _inward(_host: str, _port: int) -> list[str]:
    return ["8.8.8.8", "169.254.169.254"]


@pytest.mark.parametrize(
    ("allowed", "host", "passes"),
    [
        ((), "evil.example", False),
        (("vllm.internal",), "evil.example", False),
        (("vllm.internal",), "VLLM.internal.", True),
        (("vllm.internal:443",), "vllm.internal", True),
        (("vllm.internal:80",), "vllm.internal", False),
        (("vllm.internal",), "vllm.internal.evil.example", False),
    ],
)
def test_every_address_of_a_name_must_be_public_or_the_name_listed(allowed: tuple[str, ...], host: str, passes: bool) -> None:
    """One inward address among several is enough to refuse; only the exact host on the list is let through."""
    guard = Guard(frozenset(allowed), _inward)
    if passes:
        assert asyncio.run(guard.addresses(host, 443))
    else:
        with pytest.raises(AddressRefused):
            asyncio.run(guard.addresses(host, 443))


@pytest.mark.parametrize("spelling", ["2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "127.1", "localhost", "[::1]"])
def test_odd_spellings_of_inward_addresses_are_refused(spelling: str) -> None:
    """What the system makes of a spelling is what is checked."""
    with pytest.raises(AddressRefused):
        asyncio.run(Guard(frozenset()).addresses(spelling, 80))


def test_a_name_that_changes_its_mind_is_caught_at_the_connection() -> None:
    """The check happens at each connection and the checked address is the one connected to, so a second answer cannot slip in."""
    answers = iter([["8.8.8.8"], ["127.0.0.1"]])
    asked: list[str] = []

    async def rebinding(host: str, _port: int) -> list[str]:
        asked.append(host)
        return next(answers)

    async def work() -> None:
        guard = Guard(frozenset(), rebinding)
        assert await guard.addresses("rebind.example", 80) == ["8.8.8.8"]
        async with httpx.AsyncClient(transport=GuardedTransport(guard), trust_env=False) as client:
            with pytest.raises(httpx.ConnectError, match="not public"):
                await client.get("https://rebind.example/")
        assert asked == ["rebind.example"] * 2

    asyncio.run(work())


def test_the_guard_connects_by_address_and_asks_for_the_host() -> None:
    """TLS and the Host header keep the name while the socket goes to the checked address."""
    connected: list[str] = []

    class Recorder(httpcore.AsyncMockBackend):
        async def connect_tcp(self, host: str, *arguments: object, **options: object) -> httpcore.AsyncNetworkStream:
            connected.append(host)
            return httpcore.AsyncMockStream([b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"])

    async def work() -> None:
        async def resolve(_host: str, _port: int) -> list[str]:
            return ["93.184.216.34"]

        transport = GuardedTransport(Guard(frozenset(), resolve))
        pool: Any = transport._pool
        pool._network_backend._inner = Recorder([])
        async with httpx.AsyncClient(transport=transport, trust_env=False) as client:
            response = await client.get("https://api.example/")
        assert response.request.headers["host"] == "api.example"
        assert connected == ["93.184.216.34"]

    asyncio.run(work())


@pytest.mark.usefixtures("litellm")
def test_every_client_that_litellm_makes_is_guarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pinned LiteLLM takes its transports from where the guard was put: of its handlers, blocking or not, and of the OpenAI SDK."""
    import litellm
    from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler, HTTPHandler
    from litellm.llms.openai.common_utils import BaseOpenAILLM

    for handler, names in (
        (AsyncHTTPHandler, ("create_async_transport", "_create_async_transport", "create_httpx_proxy_mounts")),
        (HTTPHandler, ("_create_sync_transport", "_create_sync_proxy_mounts")),
    ):
        for name in names:
            monkeypatch.setattr(handler, name, vars(handler)[name])  # so that it is put back afterwards
    for name in ("aclient_session", "client_session"):
        monkeypatch.setattr(litellm, name, None)

    async def work() -> None:
        install(Guard(frozenset(), _inward, lambda *_: ["8.8.8.8", "127.0.0.1"]))
        for client in (AsyncHTTPHandler().client, BaseOpenAILLM._get_async_http_client()):
            with pytest.raises(httpx.ConnectError, match="not public"):
                await client.get("https://evil.example/")
        for blocking in (HTTPHandler().client, litellm.client_session):
            with pytest.raises(httpx.ConnectError, match="not public"):
                blocking.get("https://evil.example/")

    asyncio.run(work())


@pytest.mark.parametrize(("url", "sent"), [("http://api.example/", False), ("http://vllm.internal/", True), ("https://api.example/", True)])
def test_plain_http_goes_to_listed_hosts_only(url: str, sent: bool) -> None:
    """A key never travels in clear text over the Internet, whatever stands in the table."""

    class Silent(httpcore.AsyncMockBackend):
        async def connect_tcp(self, *arguments: object, **options: object) -> httpcore.AsyncNetworkStream:
            return httpcore.AsyncMockStream([b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"])

    async def work() -> None:
        async def resolve(_host: str, _port: int) -> list[str]:
            return ["93.184.216.34"]

        transport = GuardedTransport(Guard(frozenset({"vllm.internal"}), resolve))
        pool: Any = transport._pool
        pool._network_backend._inner = Silent([])
        async with httpx.AsyncClient(transport=transport, trust_env=False) as client:
            if sent:
                assert (await client.get(url)).status_code == 200
                return
            with pytest.raises(httpx.ConnectError, match="plain HTTP"):
                await client.get(url)

    asyncio.run(work())
