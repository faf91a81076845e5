"""Where the router connects for a third party, whatever stands in its table."""

import asyncio
import contextlib
import socket
import threading
import warnings
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

import httpcore
import httpx
import pytest

from contracts.model import UNGUARDED_PROVIDERS
from router.addresses import AddressRefused, Guard
from router.guarded_transport import GuardedBlockingTransport, GuardedTransport, install
from tests.borders.ssrf.spellings import PUBLIC, REFUSED, TAKEN, resolve
from tests.evidence import counted

ANSWER = [b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]


class Connections:
    """Notes where connections would go, and lets none out."""

    def __init__(self, guard: Guard) -> None:
        self.made: list[str] = []
        noted = self.made

        class Wire(httpcore.AsyncMockBackend):
            async def connect_tcp(self, host: str, *_: object, **__: object) -> httpcore.AsyncNetworkStream:
                noted.append(host)
                return httpcore.AsyncMockStream(list(ANSWER))

        class BlockingWire(httpcore.MockBackend):
            def connect_tcp(self, host: str, *_: object, **__: object) -> httpcore.NetworkStream:
                noted.append(host)
                return httpcore.MockStream(list(ANSWER))

        self.transport, self.blocking = GuardedTransport(guard), GuardedBlockingTransport(guard)
        self.transport._pool._network_backend._inner = Wire([])  # type: ignore[attr-defined]
        self.blocking._pool._network_backend._inner = BlockingWire([])  # type: ignore[attr-defined]

    def ask(self, url: str) -> bool:
        """Whether both clients get an answer; AssertionError if they differ."""
        answered = [asyncio.run(self._ask(url)), self._ask_blocking(url)]
        assert answered[0] == answered[1]
        return answered[0]

    async def _ask(self, url: str) -> bool:
        try:
            async with httpx.AsyncClient(transport=self.transport, follow_redirects=True, trust_env=False) as client:
                return (await client.post(url, json={})).status_code == 200
        except (httpx.HTTPError, httpx.InvalidURL, ValueError):
            return False

    def _ask_blocking(self, url: str) -> bool:
        try:
            with httpx.Client(transport=self.blocking, follow_redirects=True, trust_env=False) as client:
                return client.post(url, json={}).status_code == 200
        except (httpx.HTTPError, httpx.InvalidURL, ValueError):
            return False


async def _resolve(host: str, port: int) -> list[str]:
    return resolve(host, port)


def _guard() -> Guard:
    return Guard(frozenset({"llm.internal"}), _resolve, resolve)


@pytest.mark.parametrize("api_base", REFUSED)
def test_no_spelling_leads_inside(api_base: str) -> None:
    """Were it in the table all the same: no connection goes anywhere but to a public address."""
    connections = Connections(_guard())
    connections.ask(api_base)
    assert set(connections.made) <= PUBLIC
    counted("ssrf_spellings_refused", 1, where="sending")


@pytest.mark.parametrize("api_base", TAKEN)
def test_good_addresses_are_reached(api_base: str) -> None:
    """What registration takes is reached, at an address that was checked."""
    connections = Connections(_guard())
    assert connections.ask(api_base)
    assert set(connections.made) <= PUBLIC | {"10.0.0.7", "64:ff9b::808:808"}


def test_a_name_that_changes_its_mind() -> None:
    """The resolver answers well once and badly ever after: one question a connection, and the answer that was checked is the one used."""
    answers = iter(["93.184.216.34", "169.254.169.254", "93.184.216.34", "127.0.0.1"])

    def rebinding(_host: str, _port: int) -> list[str]:
        return [next(answers)]

    async def awaited(host: str, port: int) -> list[str]:
        return rebinding(host, port)

    guard = Guard(frozenset(), awaited, rebinding)
    for blocking in (False, True):
        connections = Connections(guard)

        def ask(of: Connections = connections, blocking: bool = blocking) -> bool:
            return of._ask_blocking("https://rebind.example/") if blocking else asyncio.run(of._ask("https://rebind.example/"))

        assert [ask(), ask()] == [True, False]
        assert connections.made == ["93.184.216.34"]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_bad_address_among_several(place: int) -> None:
    """Wherever it stands in the answer, the whole name is refused: the next connection might take it."""
    found = ["93.184.216.34", "8.8.8.8"]
    found.insert(place, "169.254.170.2")
    with pytest.raises(AddressRefused, match="not public"):
        Guard(frozenset(), resolve_now=lambda *_: found).addresses_now("many.example", 443)


class Listener:
    """A server of this machine that answers every request alike, and notes what it was asked."""

    def __init__(self, answer: bytes) -> None:
        self.heard: list[bytes] = []
        self._answer = answer
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                self.heard.append(connection.recv(65_536))
                connection.sendall(self._answer)

    def close(self) -> None:
        """Stop listening."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 300, 304])
def test_no_redirect_is_followed(status: int) -> None:
    """A listed host sends us on, also to itself: whoever is asked with follow-redirects on never asks a second time."""
    inside = Listener(ANSWER[0])
    head = f"HTTP/1.1 {status} Moved\r\nLocation: http://127.0.0.1:{inside.port}/x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    door = Listener(head.encode())
    guard = Guard(frozenset({f"127.0.0.1:{door.port}", f"127.0.0.1:{inside.port}"}))

    async def ask() -> None:
        async with httpx.AsyncClient(transport=GuardedTransport(guard), follow_redirects=True, trust_env=False) as client:
            await client.get(f"http://127.0.0.1:{door.port}/v1")

    try:
        with pytest.raises(httpx.ConnectError, match="redirect"):
            asyncio.run(ask())
        blocking = httpx.Client(transport=GuardedBlockingTransport(guard), follow_redirects=True, trust_env=False)
        with blocking, pytest.raises(httpx.ConnectError, match="redirect"):
            blocking.get(f"http://127.0.0.1:{door.port}/v1")
        assert (len(door.heard), inside.heard) == (2, [])
    finally:
        door.close()
        inside.close()


def test_sockets_of_this_machine_are_not_for_providers() -> None:
    """A client that is told of a Unix socket connects to none."""
    connections = Connections(_guard())
    with pytest.raises(httpcore.ConnectError):
        asyncio.run(connections.transport._pool._network_backend.connect_unix_socket("/var/run/docker.sock"))
    with pytest.raises(httpcore.ConnectError):
        connections.blocking._pool._network_backend.connect_unix_socket("/var/run/docker.sock")


@pytest.fixture
def guarded_litellm(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The pinned LiteLLM behind a guard that lists nothing; put back afterwards."""
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import litellm
        from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler, HTTPHandler

        for handler, names in (
            (AsyncHTTPHandler, ("create_async_transport", "_create_async_transport", "create_httpx_proxy_mounts")),
            (HTTPHandler, ("_create_sync_transport", "_create_sync_proxy_mounts")),
        ):
            for name in names:
                monkeypatch.setattr(handler, name, vars(handler)[name])
        for name in ("aclient_session", "client_session"):
            monkeypatch.setattr(litellm, name, None)
        monkeypatch.setattr(litellm, "suppress_debug_info", True)
        monkeypatch.setattr(litellm, "in_memory_llm_clients_cache", type(litellm.in_memory_llm_clients_cache)())
        install(Guard(frozenset()))
        yield litellm


def test_no_provider_of_litellm_gets_round_the_guard(guarded_litellm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every provider of the pinned release is called with an address of this machine: only those that the contract refuses connect at all.

    One of those does, so that the silence of the others proves something.
    """
    listener = Listener(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    current, tried = ContextVar("current", default=""), set()
    connect = socket.socket.connect

    def noting(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple):
            tried.add(current.get())
            if address[0] != "127.0.0.1":
                raise ConnectionRefusedError(address)
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", noting)
    names = [provider.value for provider in guarded_litellm.LlmProviders]
    turns = asyncio.Semaphore(32)

    async def call(name: str, question: Callable[..., Any], **words: Any) -> None:
        current.set(name)
        where = {"model": f"{name}/m", "api_key": "k", "api_base": f"http://127.0.0.1:{listener.port}/v1"}
        async with turns:
            with contextlib.suppress(Exception):  # how a provider fails is its own affair; where it connects is ours
                await asyncio.wait_for(question(**where, **words, timeout=1, max_retries=0, num_retries=0), 6)

    async def work() -> None:
        for question, words in (
            (guarded_litellm.acompletion, {"messages": [{"role": "user", "content": "x"}]}),
            (guarded_litellm.aembedding, {"input": "x"}),
        ):
            await asyncio.gather(*(asyncio.create_task(call(name, question, **words)) for name in names))

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            asyncio.run(work())
    finally:
        listener.close()
    assert tried <= UNGUARDED_PROVIDERS
    assert "aiohttp_openai" in tried
    assert listener.heard
    counted("providers_kept_behind_the_guard", len(names) - len(tried))
