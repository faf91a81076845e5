"""Which targets are watched, under which wish, and what is known of how far they are."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from contracts.engine_status import EngineStatus
from contracts.routing import Route, RouteHealthObserved
from router.probe import Means, Prober
from router.routes import Prepared, RouteTable, Target
from router.surface.answers import Whole
from router.upstream import TargetUnreachable
from tests.unit.router.fakes import route, target

OURS, OTHERS = {"name": "openai", "model": "gpt-5"}, {"name": "openai", "model": "gpt-6"}


class World:
    """Engines and a third party that say what the test wants them to."""

    def __init__(self) -> None:
        self.status: dict[str, Any] | None = None
        self.looks = 0
        self.asked: list[Route] = []
        self.told: list[RouteHealthObserved] = []
        self.prober = Prober(
            Means(read_status=self._read, sender=self, providers=self, report=self.told.append, router_id="r", probe_seconds=0.001)
        )

    async def _read(self, _target: Target) -> EngineStatus | None:
        self.looks += 1
        if self.status is None:
            return None
        said = {"progress": None, "since": "2026-01-01T00:00:00Z", "model_id": "tiny", "version": "1.0.0", "in_flight": 0, "failure": None}
        return EngineStatus.model_validate(said | {"engine": {"kind": "mock", "version": "1"}} | self.status)

    async def send(self, *_: Any) -> Any:
        """No engine takes a request here."""
        raise TargetUnreachable("no")

    async def answer(self, route: Route, path: str, document: Mapping[str, Any]) -> Whole:
        """The third party answers."""
        self.asked.append(route)
        return Whole(b"{}")

    def follow(self, **changes: Any) -> None:
        """The route table changes."""
        key, _, prepared = RouteTable().parse(route(**changes))
        routes: dict[str, Prepared] = {key: prepared}
        self.prober.synchronise(routes)

    async def look(self) -> None:
        """Wait until the engine has been looked at once more."""
        before = self.looks
        async with asyncio.timeout(10):
            while self.looks < before + 2:  # noqa: ASYNC110 - the first of the two may have begun before
                await asyncio.sleep(0.001)


@asynccontextmanager
async def _world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.prober.close()


def _run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(work())


@pytest.mark.parametrize(
    ("status", "stage"),
    [
        (None, "instance"),
        ({"phase": "fetching", "progress": 0.42}, "weights 42%"),
        ({"phase": "fetching"}, "weights"),
        ({"phase": "verifying", "progress": 0.1}, "weights 100%"),
        ({"phase": "loading", "progress": 0.5}, "warming"),
        ({"phase": "ready"}, "warming"),
    ],
)
def test_how_far_a_start_is(status: dict[str, Any] | None, stage: str) -> None:
    """In four words, for those who wait; before there is a target it is being scheduled."""

    async def work() -> None:
        async with _world() as world:
            world.status = status
            assert world.prober.stage("tiny") == "scheduling"
            world.follow(state="probing", targets=[target("one", status="probing")])
            await world.look()
            assert world.prober.stage("tiny") == stage
            assert world.prober.stage("other") == "scheduling"

    _run(work)


def test_an_engine_is_watched_on_through_an_update() -> None:
    """A newer wish does not begin the probing anew; what is seen from then on is told under its generation."""

    async def work() -> None:
        async with _world() as world:
            world.status = {"phase": "loading"}
            world.follow(state="probing", targets=[target("one", status="probing")])
            await world.look()
            (probe,) = world.prober._probes.values()
            world.follow(state="probing", generation=2, targets=[target("one", status="probing")])
            assert list(world.prober._probes.values()) == [probe]
            world.status = {"phase": "warming"}
            await world.look()
            assert [(told.generation, told.phase) for told in world.told] == [(1, "loading"), (2, "warming")]

    _run(work)


@pytest.mark.parametrize("state", ["closed", "asleep"])
def test_nothing_is_watched_for_a_model_out_of_service(state: str) -> None:
    """A route that closes, or goes to sleep, ends its probes."""

    async def work() -> None:
        async with _world() as world:
            world.follow(state="probing", targets=[target("one", status="probing")])
            await world.look()
            world.follow(state=state, targets=[target("one", status="probing")])
            assert world.prober._probes == {}

    _run(work)


def test_a_candidate_is_asked_in_its_own_way() -> None:
    """The provider that shall take over gets the probe; the one that answers now is left alone."""

    async def work() -> None:
        async with _world() as world:
            rows = [
                {"target_id": "provider", "version": "1.0.0", "kind": "provider", "status": "ready"},
                {"target_id": "provider-g2", "version": "1.0.0", "kind": "provider", "status": "probing", "provider": OTHERS},
            ]
            world.follow(hosting="provider", generation=2, provider=OURS, targets=rows)
            async with asyncio.timeout(10):
                while not world.told:  # noqa: ASYNC110 - a plain list
                    await asyncio.sleep(0.001)
            assert [asked.provider.model for asked in world.asked if asked.provider] == ["gpt-6"]
            assert [(told.target_id, told.generation, told.observed) for told in world.told] == [("provider-g2", 2, "ready")]

    _run(work)


def test_a_provider_is_asked_anew_by_another_generation() -> None:
    """Its probe says nothing of how it is to be asked now."""

    async def work() -> None:
        async with _world() as world:
            row = {"target_id": "provider", "version": "1.0.0", "kind": "provider", "status": "probing"}
            world.follow(hosting="provider", state="probing", provider=OURS, targets=[row])
            (before,) = world.prober._probes.values()
            world.follow(hosting="provider", state="probing", generation=2, provider=OURS, targets=[row])
            (after,) = world.prober._probes.values()
            assert after is not before

    _run(work)
