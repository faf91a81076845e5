"""Waking models, saying when to come back, and holding who asked to wait."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

import pytest

from contracts.routing import ModelWakeRequested
from router.errors import ApiError
from router.exchange import Exchange, Message
from router.identity import Caller
from router.metrics import Metrics
from router.routes import RouteTable
from router.waiting import HoldLimits, Waiting, asked_seconds
from tests.unit.router.fakes import route

CALLER = Caller(subject="ada", groups=frozenset({"research"}), admin=False, models=None, token_id=None)


class Sent:
    """An exchange whose caller reads everything."""

    def __init__(self, headers: Mapping[str, str] | None = None, *, stream: bool = False) -> None:
        raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in (headers or {}).items()]
        self.messages: list[Message] = []
        self.exchange = Exchange({"method": "POST", "path": "/", "headers": raw}, self._receive, self._send)
        self.exchange.stream, self.exchange.bytes_in = stream, 10

    async def _receive(self) -> Message:
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        self.messages.append(message)

    @property
    def said(self) -> list[bytes]:
        """The parts of the body so far."""
        return [message["body"] for message in self.messages if message["type"] == "http.response.body"]


class Held:
    """A waiting room over a table that the test changes."""

    def __init__(self, **limits: int) -> None:
        self.now, self.stage, self.hurried = 100.0, "scheduling", 0
        self.told: list[ModelWakeRequested] = []
        self.metrics = Metrics()
        self.routes = RouteTable()
        self.waiting = Waiting(
            self.routes,
            stage=lambda _model_id: self.stage,
            tell=self.told.append,
            hurry=self._hurry,
            router_id="router-0",
            metrics=self.metrics,
            limits=HoldLimits(**limits),
            tick_seconds=0.001,
            clock=lambda: self.now,
        )
        self.routes.listen(self.waiting.synchronise)
        self.revision = 0
        self.becomes("asleep", expected_start_seconds=42.0)

    def _hurry(self) -> None:
        self.hurried += 1

    def becomes(self, state: str | None, **changes: Any) -> None:
        """The table changes; None removes the row."""
        self.revision += 1
        if state is None:
            self.routes.apply({}, ["tiny"])
            return
        targets: dict[str, Any] = {} if state == "open" else {"targets": []}
        key, _, prepared = self.routes.parse(route("tiny", self.revision, state=state, **targets, **changes))
        self.routes.apply({key: prepared}, ())

    def consider(self, **headers: str) -> int:
        """What a request gets at once."""
        return self.waiting.consider(Sent(headers).exchange, self.routes.routes["tiny"])

    def refusal(self, **headers: str) -> ApiError:
        """The refusal that a request gets at once."""
        with pytest.raises(ApiError) as raised:
            self.consider(**headers)
        return raised.value

    def hold(self, sent: Sent, seconds: float = 60.0) -> asyncio.Task[Any]:
        """A request waits."""
        return asyncio.create_task(self.waiting.open(sent.exchange, CALLER, "tiny", seconds))

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let others work until it holds."""
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110 - of plain state, which no event stands for
                await asyncio.sleep(0)

    def is_empty(self) -> bool:
        """Whether nothing is left of anybody."""
        waiting = self.waiting
        gauge = self.metrics.registry.get_sample_value("slipway_router_held", {"model": "tiny"})
        return not waiting._rooms and (waiting._held, waiting._held_bytes) == (0, 0) and not gauge


def _run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(work())


async def _failure(task: Awaitable[Any]) -> ApiError:
    with pytest.raises(ApiError) as raised:
        await task
    return raised.value


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0),
        ({"prefer": "wait=120"}, 120),
        ({"prefer": 'respond-async, WAIT = "30"; x=1'}, 30),
        ({"prefer": "return=minimal"}, 0),
        ({"prefer": "wait=soon"}, 0),
        ({"prefer": "wait=-1"}, 0),
        ({"prefer": "wait=" + "9" * 5000}, 0),
        ({"x_slipway_wait": "45"}, 45),
        ({"x_slipway_wait": "0", "prefer": "wait=30"}, 0),
    ],
)
def test_who_asks_to_wait(headers: dict[str, str], seconds: int) -> None:
    """A preference that cannot be understood is none, as RFC 7240 has it; a header of our own goes first."""
    assert asked_seconds(Sent(headers).exchange) == seconds


@pytest.mark.parametrize("value", ["soon", "-1", "1.5", "²", "9" * 10, ""])
def test_our_own_header_is_checked(value: str) -> None:
    """What is no number of seconds is refused, not guessed at."""
    exchange = Sent().exchange
    exchange.headers[b"x-slipway-wait"] = value.encode("latin-1")
    with pytest.raises(ApiError, match="whole number"):
        asked_seconds(exchange)


def test_a_sleeping_model_is_woken_once() -> None:
    """However many requests come, one event; after half a minute the same again, in case the first was lost."""
    held = Held()
    refusals = [held.refusal() for _ in range(5)]
    assert {(error.status, error.code, error.retry_after) for error in refusals} == {(503, "model_asleep", 42)}
    assert [(told.model_id, told.generation, told.router_id) for told in held.told] == [("tiny", 1, "router-0")]
    held.now += 29
    held.refusal()
    assert len(held.told) == 1
    held.now += 2
    held.refusal()
    assert len(held.told) == 2


def test_the_next_sleep_is_another() -> None:
    """Once it has been open, or the wish behind its sleep is another, the model is woken anew."""
    held = Held()
    held.refusal()
    held.becomes("open")
    held.becomes("asleep")
    held.refusal()
    assert len(held.told) == 2
    held.becomes("asleep", generation=2)
    held.refusal()
    assert [told.generation for told in held.told] == [1, 1, 2]


def test_when_to_come_back_is_learnt_from_the_models_own_starts() -> None:
    """What a start takes less what has gone by, also while it starts; never less than a moment; a minute where nothing is known."""
    held = Held()
    assert held.refusal().retry_after == 42
    held.now += 20.5
    assert held.refusal().retry_after == 22
    held.becomes("probing", expected_start_seconds=42.0)
    error = held.refusal()
    assert (error.code, error.retry_after) == ("model_not_ready", 22)
    held.now += 1000
    assert held.refusal().retry_after == 2
    held.becomes("open")
    held.becomes("asleep")
    assert held.refusal().retry_after == 60


def test_another_routers_wake_counts_from_when_it_was_seen() -> None:
    """A sleeper that begins to start without our word is as far as the time since says."""
    held = Held()
    held.becomes("probing", expected_start_seconds=42.0)
    held.now += 10
    assert held.refusal().retry_after == 32
    assert held.told == []


@pytest.mark.parametrize("state", ["closed", "probing"])
def test_nothing_is_woken_that_does_not_sleep(state: str) -> None:
    """A closed model says so at once, whether the request would wait or not; one that starts may be waited for."""
    held = Held()
    held.becomes(state)
    if state == "closed":
        assert held.refusal(prefer="wait=60").code == "model_closed"
    else:
        assert held.consider(prefer="wait=60") == 60
        held.becomes("probing")
        assert held.refusal().retry_after is not None
    assert held.told == []


def test_the_wait_is_capped() -> None:
    """Nobody is held for longer than this environment allows; where it allows nothing, nobody is."""
    assert Held(seconds=90).consider(prefer="wait=100000") == 90
    held = Held(seconds=90, silent_seconds=50)
    plain, stream = (Sent({"prefer": "wait=100"}, stream=stream).exchange for stream in (False, True))
    assert [held.waiting.consider(exchange, held.routes.routes["tiny"]) for exchange in (plain, stream)] == [50, 90]
    assert (b"preference-applied", b"wait=50") in plain.extra_headers
    assert Held(seconds=0).refusal(prefer="wait=10").code == "model_asleep"


def test_a_stream_hears_how_far_the_start_is() -> None:
    """Each stage once, now and then the same again as a sign of life, and the route at the end."""

    async def work() -> None:
        held, sent = Held(), Sent(stream=True)
        task = held.hold(sent)
        await held.until(lambda: len(sent.said) == 1)
        held.stage = "weights 42%"
        await held.until(lambda: len(sent.said) == 2)
        held.becomes("probing")
        held.now += 11
        await held.until(lambda: len(sent.said) == 3)
        held.becomes("open")
        assert (await task).is_open
        assert sent.said == [b": waking scheduling\n\n", b": waking weights 42%\n\n", b": waking weights 42%\n\n"]
        assert (sent.messages[0]["status"], sent.exchange.first_byte_at) == (200, None)
        assert held.is_empty()

    _run(work)


def test_a_plain_request_hears_nothing_until_its_answer() -> None:
    """Nothing is sent while it is held."""

    async def work() -> None:
        held, sent = Held(), Sent()
        task = held.hold(sent)
        await held.until(lambda: held.waiting.queued("tiny") == 1)
        held.becomes("open")
        await task
        assert sent.messages == []
        assert held.is_empty()

    _run(work)


def test_the_waking_is_asked_for_again_while_requests_wait() -> None:
    """Every half minute, by nobody's request."""

    async def work() -> None:
        held = Held()
        held.consider(prefer="wait=100")
        task = held.hold(Sent())
        await held.until(lambda: held.waiting.queued("tiny") == 1)
        held.now += 31
        await held.until(lambda: len(held.told) == 2)
        held.now += 31
        await held.until(lambda: len(held.told) == 3)
        held.becomes("open")
        await task

    _run(work)


@pytest.mark.parametrize(("state", "code"), [("closed", "model_closed"), (None, "model_not_found")])
def test_a_wake_that_comes_to_nothing_is_told(state: str | None, code: str) -> None:
    """Failed, stopped or deleted meanwhile: who waits hears of it at once."""

    async def work() -> None:
        held = Held()
        task = held.hold(Sent())
        await held.until(lambda: held.waiting.queued("tiny") == 1)
        held.becomes(state)
        assert (await _failure(task)).code == code
        assert held.is_empty()

    _run(work)


def test_groups_count_as_they_are_at_the_end() -> None:
    """Who may no longer use the model when it opens gets the answer that everybody of another group gets."""

    async def work() -> None:
        held = Held()
        task = held.hold(Sent())
        await held.until(lambda: held.waiting.queued("tiny") == 1)
        held.becomes("open", allowed_groups=["other"])
        assert (await _failure(task)).code == "model_not_found"

    _run(work)


def test_who_waited_long_enough_is_told_to_come_back() -> None:
    """The wait ends when the caller said, and says when to try again."""

    async def work() -> None:
        held = Held()
        error = await _failure(held.hold(Sent(), 0.01))
        assert (error.status, error.code, error.retry_after) == (503, "model_not_ready", 42)
        assert held.is_empty()

    _run(work)


def test_who_leaves_leaves_nothing_behind() -> None:
    """A caller that goes away frees its place, and the last one the room and its task."""

    async def work() -> None:
        held = Held()
        tasks = [held.hold(Sent(stream=stream)) for stream in (True, False)]
        await held.until(lambda: held.waiting.queued("tiny") == 2)
        attending = held.waiting._rooms["tiny"].task
        assert attending is not None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await held.until(attending.done)
        assert held.is_empty()

    _run(work)


@pytest.mark.parametrize("limits", [{"per_model": 2}, {"per_router": 2}, {"body_bytes": 29}])
def test_held_requests_are_capped(limits: dict[str, int]) -> None:
    """One too many is refused at once and takes nobody's place."""

    async def work() -> None:
        held = Held(**limits)
        tasks = [held.hold(Sent()) for _ in range(2)]
        await held.until(lambda: held.waiting.queued("tiny") == 2)
        error = await _failure(held.hold(Sent()))
        assert (error.status, error.code, error.retry_after) == (503, "too_many_waiting", 42)
        held.becomes("open")
        assert all(prepared.is_open for prepared in await asyncio.gather(*tasks))
        assert held.is_empty()

    _run(work)


def test_a_stopping_router_lets_everybody_go() -> None:
    """Whoever waits is sent to another router at once."""

    async def work() -> None:
        held = Held()
        task = held.hold(Sent())
        await held.until(lambda: held.waiting.queued("tiny") == 1)
        held.waiting.close()
        assert (await _failure(task)).code == "router_draining"

    _run(work)


def test_a_route_out_of_date_is_found_out() -> None:
    """The table is read soon; the row as it is then counts, or nothing if it stays as it was."""

    async def work() -> None:
        held = Held()
        before = held.routes.routes["tiny"]
        assert await held.waiting.newer(before, CALLER, 0.01) is None
        assert held.hurried == 1
        task = asyncio.create_task(held.waiting.newer(before, CALLER, 10))
        await asyncio.sleep(0)
        held.becomes("open")
        found = await task
        assert found is held.routes.routes["tiny"]

    _run(work)
