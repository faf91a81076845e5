"""From one target to the next, until one begins to answer."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, cast

import pytest

from contracts.inference import CHAT, LOAD_HEADER
from router.choosing.bench import Rules
from router.choosing.memory import PlainCooldowns
from router.choosing.picker import Picker
from router.engine_connection import Answer
from router.engines import EngineAnswers
from router.errors import ApiError
from router.exchange import Exchange, Message
from router.metrics import Metrics
from router.routes import Prepared, RouteTable, Target
from router.upstream import TargetUnreachable
from tests.unit.router.fakes import route, target


class Answered:
    """An engine's answer: a status and one part."""

    def __init__(self, status: int, headers: dict[str, str]) -> None:
        self.status, self.headers = status, headers
        self.raw_headers = [(b"content-type", b"application/json")]
        self._left = [b"{}"]

    async def readany(self) -> bytes:
        """The part."""
        return self._left.pop()

    def at_eof(self) -> bool:
        """Whether it was read."""
        return not self._left

    def release(self) -> None:
        """Give the connection back."""

    def close(self) -> None:
        """Break the connection."""


class Engines:
    """Answers by target: a status, or None for one that cannot be reached; `during` happens while the first is asked.

    `headers` are those of every answer.
    """

    def __init__(self, answers: Mapping[str, int | None], during: Callable[[], object] = lambda: None) -> None:
        self.answers, self.during = answers, during
        self.asked: list[str] = []
        self.headers: dict[str, str] = {}

    async def send(self, place: Target, _path: str, _body: bytes, _headers: Mapping[str, str]) -> Answer:
        """See `engines.Sender`."""
        name = place.row.target_id
        if not self.asked:
            self.during()
        self.asked.append(name)
        status = self.answers[name]
        if status is None:
            raise TargetUnreachable("refused")
        return cast("Answer", Answered(status, self.headers))


class World:
    """A route table, a picker and one request."""

    def __init__(self, answers: Mapping[str, int | None]) -> None:
        self.routes = RouteTable()
        self.engines = Engines(answers)
        picker = Picker(PlainCooldowns(), Rules(base=60.0))
        self.routes.listen(picker.synchronise)
        self.answers = EngineAnswers(self.engines, picker, Metrics(), self.routes.routes.get)
        self.sent: list[Message] = []

    def becomes(self, *names: str) -> Prepared:
        """These targets are ready."""
        key, _, prepared = self.routes.parse(route(targets=[target(name) for name in names]))
        self.routes.apply({key: prepared}, ())
        return prepared

    def ask(self, prepared: Prepared) -> int:
        """The status that the caller gets; ApiError."""

        async def send(message: Message) -> None:
            self.sent.append(message)

        async def receive() -> Message:
            return {"type": "http.disconnect"}

        exchange = Exchange({"method": "POST", "path": CHAT, "headers": []}, receive, send)
        exchange.model = "tiny"
        asyncio.run(self.answers.answer(exchange, prepared, b"{}"))
        return exchange.status


def test_what_is_unavailable_is_passed_by_however_much_of_it_there_is() -> None:
    """A target that drains or is gone has done nothing with the request: the next one gets it."""
    names = [f"draining-{number}" for number in range(4)] + [f"gone-{number}" for number in range(4)]
    answers: dict[str, Any] = {name: 503 if name.startswith("draining") else None for name in names}
    world = World(answers | {"alive": 200})
    assert world.ask(world.becomes(*names, "alive")) == 200
    assert world.engines.asked[-1] == "alive"
    assert len(set(world.engines.asked)) == len(world.engines.asked)


def test_what_fails_is_tried_three_times_at_most() -> None:
    """It may have worked on the request, and the request may be what it fails of."""
    world = World(dict.fromkeys("abcdef", 500))
    with pytest.raises(ApiError) as raised:
        world.ask(world.becomes(*"abcdef"))
    assert (raised.value.status, len(world.engines.asked)) == (502, 3)


def test_the_next_target_is_chosen_by_the_table_as_it_is_then() -> None:
    """A request that began under an older table gets to a target that is only in the newer."""
    world = World({"old": None, "new": 200})
    began = world.becomes("old")
    world.engines.during = lambda: world.becomes("new")
    assert world.ask(began) == 200
    assert world.engines.asked == ["old", "new"]


def test_a_route_that_has_gone_meanwhile_takes_nothing_from_the_request() -> None:
    """It goes on with the targets that it began with."""
    world = World({"one": None, "two": 200})
    began = world.becomes("one", "two")
    world.engines.during = lambda: world.routes.apply({}, ["tiny"])
    assert world.ask(began) == 200


@pytest.mark.parametrize("said", ["²", "9" * 5000, "-1", "many", ""])
def test_a_load_that_is_no_number_is_passed_over(said: str) -> None:
    """Whatever an engine says of what it has to do, its answer goes back."""
    world = World({"one": 200, "two": 200})
    world.engines.headers = {LOAD_HEADER: said}
    assert world.ask(world.becomes("one", "two")) == 200
