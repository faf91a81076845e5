"""Live streams: who hears what, from where on, and that nothing is read for nobody."""

import asyncio
import io
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from router.errors import ApiError
from router.exchange import Exchange
from router.feed import SourceUnavailable
from router.identity import Authenticator, Caller
from router.log import Log
from router.metrics import Metrics
from router.timeline import LiveLimits, Timeline
from router.timeline_source import Audience, Item, Look

MODEL = "/live/models/tiny/events"
OPERATION = "/live/operations/01KAHV5X3V8Q4T1N6F2R7C9B0D"
READER = Caller("token:r", frozenset({"research"}))
ADMIN = Caller("token:a", frozenset(), admin=True)
FAST = LiveLimits(look_seconds=0.005, heartbeat_seconds=0.02)


class FakeSource:
    """Things in memory, that count how often they are looked at."""

    def __init__(self, groups: tuple[str, ...] = ("research",), *, from_now: bool = True) -> None:
        self.audience, self.items, self.looks, self.from_now = Audience("tiny", frozenset(groups), 1), list[Item](), 0, from_now
        self.missing = self.dead = self.ended = False
        self._looking = threading.Condition()

    def looked(self, times: int) -> None:
        """Wait until it has been looked at so often."""
        with self._looking:
            assert self._looking.wait_for(lambda: self.looks >= times, 10)

    def add(self, count: int = 1) -> None:
        """Something happens."""
        for _ in range(count):
            number = len(self.items) + 1
            self.items.append(Item(number, json.dumps({"revision": number}).encode()))

    def begin(self, name: str) -> tuple[Audience, int] | None:
        """See `timeline_source.Source`."""
        if self.dead:
            raise SourceUnavailable("dead")
        return None if self.missing else (self.audience, len(self.items) if self.from_now else 0)

    def look(self, name: str, after: int) -> Look:
        """See `timeline_source.Source`, three at a time."""
        with self._looking:
            self.looks += 1
            self._looking.notify_all()
        if self.dead:
            raise SourceUnavailable("dead")
        found = tuple(item for item in self.items if item.number > after)[:3]
        return Look(found, self.audience if found else None, ended=self.ended and len(found) < 3)


class FakeAuthenticator(Authenticator):
    """Everybody is who the test says."""

    def __init__(self) -> None:
        self.caller = READER

    async def authenticate(self, header: str | None, *, reading: bool = False) -> Caller:
        """See `identity.Authenticator`."""
        assert reading
        return self.caller


@dataclass
class Client:
    """One connection as ASGI has it: what it has been sent, and a way to hang up."""

    path: str = MODEL
    heard: str | None = None
    status: int = 0
    text: str = ""
    done: bool = False
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    sent: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def receive(self) -> dict[str, Any]:
        """Nothing, until it hangs up."""
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        """Take a part of the answer."""
        async with self.sent:
            self.status = message.get("status", self.status)
            self.text += message.get("body", b"").decode()
            self.done = message["type"] == "http.response.body" and not message["more_body"]
            self.sent.notify_all()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for what it is sent."""
        async with asyncio.timeout(5), self.sent:
            await self.sent.wait_for(condition)

    def ids(self) -> list[int]:
        """Numbers of the items that it has heard."""
        return [int(line.removeprefix("id: ")) for line in self.text.splitlines() if line.startswith("id: ")]

    def exchange(self) -> Exchange:
        """The request."""
        headers = [] if self.heard is None else [(b"last-event-id", self.heard.encode())]
        return Exchange({"method": "GET", "path": self.path, "headers": headers}, self.receive, self.send)


class World:
    """A timeline with one model and one operation."""

    def __init__(self, limits: LiveLimits = FAST) -> None:
        self.events, self.progress = FakeSource(), FakeSource(from_now=False)
        self.authenticator, self.metrics = FakeAuthenticator(), Metrics()
        self.executor = ThreadPoolExecutor(2)
        sources = {"models": self.events, "operations": self.progress}
        self.timeline = Timeline(sources, self.authenticator, self.executor, self.metrics, Log(io.BytesIO()), limits, now=lambda: 1000.0)

    @asynccontextmanager
    async def listening(self, client: Client) -> AsyncIterator["asyncio.Task[None]"]:
        """The client connected, and hung up in the end."""
        task = asyncio.create_task(self.timeline.answer(client.exchange()))
        try:
            yield task
        finally:
            client.gone.set()
            await asyncio.gather(task, return_exceptions=True)


def run(test: Callable[[World], Awaitable[None]], limits: LiveLimits = FAST) -> None:
    """Run a test on a loop of its own."""

    async def main() -> None:
        world = World(limits)
        await test(world)
        world.executor.shutdown()

    asyncio.run(main())


def test_a_listener_hears_what_happens_from_now_on() -> None:
    """Not what was before; in order, each once, with its number."""

    async def test(world: World) -> None:
        world.events.add(2)
        client = Client()
        async with world.listening(client):
            await client.until(lambda: "retry" in client.text)
            world.events.add(7)
            await client.until(lambda: len(client.ids()) == 7)
        assert client.ids() == list(range(3, 10))
        assert 'data: {"revision": 9}\n\n' in client.text

    run(test)


def test_who_comes_back_hears_what_was_missed() -> None:
    """From the number on that it names, over as many looks as that takes, then what happens next."""

    async def test(world: World) -> None:
        world.events.add(11)
        client = Client(heard="2")
        async with world.listening(client):
            await client.until(lambda: len(client.ids()) == 9)
            world.events.add()
            await client.until(lambda: len(client.ids()) == 10)
        assert client.ids() == list(range(3, 13))

    run(test)


def test_a_number_from_the_future_hears_all_the_same() -> None:
    """A listener of an emptied environment comes with numbers that are not there yet."""

    async def test(world: World) -> None:
        world.events.add(1)
        client = Client(heard="999")
        async with world.listening(client):
            await client.until(lambda: "retry" in client.text)
            world.events.add()
            await client.until(lambda: client.ids() == [2])

    run(test)


def test_nothing_is_read_when_nobody_listens() -> None:
    """The loop ends with its last listener; many listeners are one loop."""

    async def test(world: World) -> None:
        clients = [Client(), Client(), Client()]
        async with world.listening(clients[0]), world.listening(clients[1]), world.listening(clients[2]):
            for client in clients:
                await client.until(lambda client=client: "still here" in client.text)  # type: ignore[misc]  # bound now
            world.events.add()
            for client in clients:
                await client.until(lambda client=client: client.ids() == [1])  # type: ignore[misc]  # bound now
        looks = world.events.looks
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        await asyncio.gather(*others, return_exceptions=True)
        assert others == [] or world.events.looks == looks
        assert world.metrics.registry.get_sample_value("slipway_router_live") == 0

    run(test)


@pytest.mark.parametrize(
    ("caller", "hears"),
    [
        (READER, True),
        (ADMIN, True),
        (Caller("token:s", frozenset({"sales"})), False),
        (Caller("token:a", frozenset(), admin=True, models=frozenset({"other"})), False),
        (Caller("token:r", frozenset({"research"}), models=frozenset({"tiny"})), True),
    ],
)
@pytest.mark.parametrize("path", [MODEL, OPERATION])
def test_only_those_listen_who_may_see_the_model(caller: Caller, hears: bool, path: str) -> None:
    """One answer for what is not there and what is not theirs."""

    async def test(world: World) -> None:
        world.authenticator.caller = caller
        client = Client(path)
        if hears:
            async with world.listening(client):
                await client.until(lambda: client.status == 200)
            return
        with pytest.raises(ApiError) as refused:
            await world.timeline.answer(client.exchange())
        assert refused.value.status == 404
        world.events.missing = world.progress.missing = True
        with pytest.raises(ApiError) as missing:
            await world.timeline.answer(client.exchange())
        assert missing.value.document() == refused.value.document()

    run(test)


def test_who_may_see_no_more_hears_no_more() -> None:
    """The groups are looked at again with each item; the item that took them away is not told either."""

    async def test(world: World) -> None:
        client = Client()
        async with world.listening(client) as stream:
            await client.until(lambda: "retry" in client.text)
            world.events.audience = Audience("tiny", frozenset({"sales"}), 1)
            world.events.add()
            await stream
        assert (client.ids(), client.done) == ([], True)

    run(test)


def test_earlier_lives_of_an_id_are_for_administrators() -> None:
    """As in the pages."""

    async def test(world: World) -> None:
        world.events.add(5)
        world.events.audience = Audience("tiny", frozenset({"research"}), 4)
        for caller, expected in ((READER, [4, 5]), (ADMIN, [1, 2, 3, 4, 5])):
            world.authenticator.caller = caller
            client = Client(heard="0")
            async with world.listening(client):
                await client.until(lambda client=client, expected=expected: client.ids() == expected)  # type: ignore[misc]  # bound now

    run(test)


def test_an_operation_tells_how_it_stands_and_ends_with_it() -> None:
    """Who comes back after its end is told that there is no more: 204, at which EventSource stays away."""

    async def test(world: World) -> None:
        world.progress.add()
        client = Client(OPERATION)
        async with world.listening(client) as stream:
            await client.until(lambda: client.ids() == [1])
            world.progress.ended = True
            world.progress.add()
            await stream
        assert (client.ids(), client.done) == ([1, 2], True)
        again = Client(OPERATION, heard="2")
        await world.timeline.answer(again.exchange())
        assert (again.status, again.text) == (204, "")

    run(test)


def test_a_table_that_cannot_be_read_is_waited_for() -> None:
    """Listeners stay; whoever comes meanwhile is told to try again."""

    async def test(world: World) -> None:
        client = Client()
        async with world.listening(client):
            await client.until(lambda: "retry" in client.text)
            world.events.dead = True
            world.events.add()
            await client.until(lambda: "still here" in client.text)
            with pytest.raises(ApiError) as refused:
                await world.timeline.answer(Client().exchange())
            assert (refused.value.status, refused.value.code) == (503, "timeline_unavailable")
            world.events.dead = False
            await client.until(lambda: client.ids() == [1])

    run(test)


@pytest.mark.parametrize(("limits", "status"), [(LiveLimits(listeners=1), 503), (LiveLimits(of_one_caller=1), 429)])
def test_connections_are_bounded(limits: LiveLimits, status: int) -> None:
    """In all, and for one caller; told when to come back."""

    async def test(world: World) -> None:
        client = Client()
        async with world.listening(client):
            await client.until(lambda: client.status == 200)
            with pytest.raises(ApiError) as refused:
                await world.timeline.answer(Client().exchange())
            assert (refused.value.status, refused.value.retry_after) == (status, 5)

    run(test, limits)


def test_a_stopping_router_lets_its_listeners_go() -> None:
    """They come back to another one; nobody new is taken."""

    async def test(world: World) -> None:
        client = Client()
        async with world.listening(client) as stream:
            await client.until(lambda: client.status == 200)
            world.timeline.close()
            await stream
        assert client.done
        with pytest.raises(ApiError, match="stopping"):
            await world.timeline.answer(Client().exchange())

    run(test)


def test_a_stream_ends_with_its_token() -> None:
    """Revoked at once, expired when its time has come."""

    async def test(world: World) -> None:
        world.authenticator.caller = Caller("token:r", frozenset({"research"}), token_id="abc")
        client = Client()
        async with world.listening(client) as stream:
            await client.until(lambda: client.status == 200)
            world.timeline.cut("other")
            world.timeline.cut("abc")
            with pytest.raises(asyncio.CancelledError):
                await stream
        world.authenticator.caller = Caller("oidc:p", frozenset({"research"}), expires_at=1000.02)
        client = Client()
        async with world.listening(client) as stream:
            await stream
        assert client.done

    run(test)


def test_who_does_not_keep_up_is_let_go() -> None:
    """A listener's share of memory is bounded; what it has been told has no gap, and it says how far it got when it comes back."""

    async def test(world: World) -> None:
        client = Client()
        async with world.listening(client) as stream:
            await client.until(lambda: "retry" in client.text)
            async with client.sent:  # it takes nothing more
                world.events.add(3 * 60)
                await asyncio.to_thread(world.events.looked, world.events.looks + 70)
            await stream
        assert client.done
        assert client.ids() == list(range(1, len(client.ids()) + 1))

    run(test)


@pytest.mark.parametrize("heard", ["x", "-1", "1" * 13])
def test_a_number_that_is_none_is_refused(heard: str) -> None:
    """With the header's name."""

    async def test(world: World) -> None:
        with pytest.raises(ApiError) as refused:
            await world.timeline.answer(Client(heard=heard).exchange())
        assert (refused.value.status, refused.value.code) == (400, "last_event_id_invalid")

    run(test)


@pytest.mark.parametrize("path", ["/live/", "/live/models/tiny", "/live/models/Tiny/events", "/live/operations/1", "/live/tokens/x/events"])
def test_there_is_nothing_else_to_listen_to(path: str) -> None:
    """404."""

    async def test(world: World) -> None:
        with pytest.raises(ApiError) as refused:
            await world.timeline.answer(Client(path).exchange())
        assert (refused.value.status, refused.value.code) == (404, "not_found")

    run(test)
