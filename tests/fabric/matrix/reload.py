"""H8: a router that follows the route table: its real feed, table, state on disk and choice of targets, over a table in memory."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from router.feed import Change, SourceUnavailable
from tests.fabric.matrix.cells import Hop
from tests.unit.router.fakes import FakeSource, Followed, route, target
from tests.unit.router.test_engines import World

RELOAD = Hop("H8", "table → router")


def _follow(work: Callable[[Followed], Coroutine[Any, Any, int]], prepare: Callable[[Path], None] = lambda _: None) -> int:
    """Work with a follower that knows one route."""

    async def run() -> int:
        with TemporaryDirectory() as folder:
            prepare(Path(folder))
            followed = Followed(Path(folder))
            followed.source.write("aa", route("aa", 1))
            await followed.follower.step()
            try:
                return await work(followed)
            finally:
                followed.executor.shutdown()

    return asyncio.run(run())


def _version(followed: Followed, model_id: str = "aa") -> str:
    version: str = followed.store.routes[model_id].route.version
    return version


async def _refused(followed: Followed, times: int = 3) -> int:
    """The table cannot be read, so often; what is held stays."""
    followed.source.dead = True
    for _ in range(times):
        with pytest.raises(SourceUnavailable):
            await followed.follower.step()
    assert followed.store.keys() == {"aa"}
    followed.source.dead = False
    followed.source.write("aa", route("aa", 2, version="2.0.0"))
    await followed.follower.step()
    assert _version(followed) == "2.0.0"
    return times


@RELOAD.cell
def duplicate() -> int:
    """A head that has not moved reads nothing, and the same change told twice changes nothing."""

    async def work(followed: Followed) -> int:
        assert not await followed.follower.step()
        followed.source.write("aa", route("aa", 1))
        await followed.follower.step()
        assert (followed.store.revision_of("aa"), followed.source.full_reads) == (1, 1)
        return followed.source.revision - 1

    return _follow(work)


@RELOAD.cell
def reorder() -> int:
    """A row that is older than the one held is refused, though it comes later."""

    async def work(followed: Followed) -> int:
        followed.source.write("aa", route("aa", 9, version="2.0.0"))
        await followed.follower.step()
        followed.source.write("aa", route("aa", 3))
        await followed.follower.step()
        assert _version(followed) == "2.0.0"
        return 9 - 3

    return _follow(work)


@RELOAD.cell
def loss() -> int:
    """A change whose ledger row is missing means that all rows are read anew."""

    async def work(followed: Followed) -> int:
        followed.source.write("aa", None)
        followed.source.write("bb", route("bb", 3))
        del followed.source.ledger[1]
        await followed.follower.step()
        assert followed.store.keys() == {"bb"}
        return followed.source.full_reads - 1

    return _follow(work)


@RELOAD.cell
def delay() -> int:
    """While it has not followed yet, a router that routes to an engine which is gone goes on to one that is there, by the newest table."""
    world = World({"old": None, "new": 200})
    began = world.becomes("old")
    world.engines.during = lambda: world.becomes("new")
    assert world.ask(began) == 200
    assert world.engines.asked == ["old", "new"]
    return world.engines.asked.count("old")


@RELOAD.cell
def poison() -> int:
    """Rows that cannot be used are refused and counted, the ones before them stay, and the others of the batch are taken."""

    async def work(followed: Followed) -> int:
        for bad in ({}, {"model_id": "aa"}, route("other", 2), route("aa", 2, targets=[{"target_id": "x"}])):
            followed.source.write("aa", bad)
            followed.source.write("bb", route("bb", followed.source.revision + 1))
            await followed.follower.step()
        assert followed.store.keys() == {"aa", "bb"}
        assert followed.store.revision_of("aa") == 1
        return int(followed.poison())

    return _follow(work)


@RELOAD.cell
def throttling() -> int:
    """A table that is throttled changes nothing of what is served, and is asked less often until it answers."""

    async def work(followed: Followed) -> int:
        followed.follower._errors = 4
        assert followed.follower.delay() > 1.0
        return await _refused(followed)

    return _follow(work)


@RELOAD.cell
def partial_batch() -> int:
    """While one router of two has followed and the other has not, both serve: the targets of both tables are answered for."""

    async def work(followed: Followed) -> int:
        source = followed.source
        with TemporaryDirectory() as folder:
            other = Followed(Path(folder), source)
            source.write("aa", route("aa", 2, version="2.0.0", targets=[target("one"), target("two", version="2.0.0")]))
            await other.follower.step()
            ready = [{each.row.target_id for each in one.store.routes["aa"].ready} for one in (followed, other)]
            other.executor.shutdown()
        assert ready == [{"one"}, {"one", "two"}]
        return other.follower.revision - followed.follower.revision

    return _follow(work)


@RELOAD.cell
def crash_between_writes() -> int:
    """A router that dies while it keeps its table finds the last whole one when it starts; torn files are not read."""

    async def work(followed: Followed) -> int:
        await followed.follower._save()
        folder = followed.follower._state._path
        (folder / ".routes.torn").write_bytes(b'{"schema":')  # what a rename has not replaced yet
        again = Followed(folder)
        assert again.follower.restore()
        (folder / "routes.json").write_bytes(b'{"schema":')
        torn = Followed(folder)
        assert not torn.follower.restore()
        for one in (again, torn):
            one.executor.shutdown()
        assert again.store.keys() == {"aa"}
        return len(list(folder.glob("*routes*")))

    return _follow(work)


@RELOAD.cell
def timeout_after_success() -> int:
    """A reading whose answer was lost is done again, from where the router stands: nothing is skipped or taken twice."""

    class Lost(FakeSource):
        """Its first answer about changes never comes."""

        lost = 0

        def changes(self, after: int, up_to: int) -> list[Change]:
            """See `feed.Source`."""
            if not self.lost:
                self.lost += 1
                raise SourceUnavailable("no answer")
            return super().changes(after, up_to)

    async def work(followed: Followed) -> int:
        source = Lost()
        source.revision, source.rows, source.ledger = followed.source.revision, followed.source.rows, followed.source.ledger
        followed.follower._source = source
        source.write("bb", route("bb", 2))
        with pytest.raises(SourceUnavailable):
            await followed.follower.step()
        assert await followed.follower.step()
        assert (followed.store.keys(), followed.follower.revision) == ({"aa", "bb"}, 2)
        return source.lost

    return _follow(work)


@RELOAD.cell
def stale_read() -> int:
    """A head older than what is held is refused by who has followed the table; who has only its disk believes it when it stays so."""

    async def work(followed: Followed) -> int:
        followed.source.write("aa", route("aa", 2, version="2.0.0"))
        await followed.follower.step()
        await followed.follower._save()
        followed.source.revision = 1
        for _ in range(5):
            assert not await followed.follower.step()
        again = Followed(followed.follower._state._path, followed.source)
        assert again.follower.restore()
        believed = [await again.follower.step() for _ in range(3)]
        again.executor.shutdown()
        assert (_version(followed), followed.follower.revision) == ("2.0.0", 2)
        assert (believed, again.follower.revision) == ([False, False, True], 1)
        return int(followed.refused("went-back"))

    return _follow(work)


@RELOAD.cell
def clock_skew() -> int:
    """Following and cooling down go by a clock that only rises: rows dated in another century are taken, and an ejection lasts."""

    async def work(followed: Followed) -> int:
        followed.source.write("aa", route("aa", 2, created_at="1999-01-01T00:00:00.000Z", version="2.0.0"))
        await followed.follower.step()
        assert _version(followed) == "2.0.0"
        assert followed.follower.delay() <= 1.0
        return int(followed.store.routes["aa"].route.created_at < "2000")

    return _follow(work)


@RELOAD.cell
def region_5xx() -> int:
    """With the control plane dead a restarted router serves from the table on its disk, and follows again when it is back."""

    async def work(followed: Followed) -> int:
        await followed.follower._save()
        again = Followed(followed.follower._state._path, followed.source)
        followed.source.dead = True
        assert again.follower.restore()
        assert again.follower.loaded
        fired = await _refused(again)
        again.executor.shutdown()
        return fired

    return _follow(work)


@RELOAD.cell
def quota() -> int:
    """More changes at once than a router reads one by one are read as a whole."""

    async def work(followed: Followed) -> int:
        for revision in range(2, 520):
            followed.source.write("bb", route("bb", revision))
        await followed.follower.step()
        assert followed.store.revision_of("bb") == 519
        return followed.source.full_reads - 1

    return _follow(work)
