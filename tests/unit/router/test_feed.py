"""Following a table: differences, gaps, poison, regressions, disk."""

import asyncio
import os
import stat
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from router.feed import SourceUnavailable
from tests.unit.router.fakes import Followed, route


def _run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(work())


def test_differences_are_applied_without_reading_everything_again(tmp_path: Path) -> None:
    """After the first full read, changes come from the ledger; nothing is read while the head stands still."""

    async def work() -> None:
        followed = Followed(tmp_path)
        followed.source.write("aa", route("aa", 1))
        assert await followed.follower.step()
        followed.source.write("bb", route("bb", 2))
        followed.source.write("aa", None)
        assert await followed.follower.step()
        assert not await followed.follower.step()
        assert followed.store.keys() == {"bb"}
        assert (followed.source.full_reads, followed.follower.revision) == (1, 3)

    _run(work)


def test_a_gap_in_the_ledger_means_a_full_read(tmp_path: Path) -> None:
    """A missing ledger row and a distance beyond 500 both read the rows themselves, removals included."""

    async def work() -> None:
        followed = Followed(tmp_path)
        followed.source.write("aa", route("aa", 1))
        await followed.follower.step()
        followed.source.write("aa", None)
        followed.source.write("bb", route("bb", 3))
        del followed.source.ledger[1]
        await followed.follower.step()
        assert (followed.store.keys(), followed.source.full_reads) == ({"bb"}, 2)
        for revision in range(4, 505):
            followed.source.write("bb", route("bb", revision))
        await followed.follower.step()
        assert (followed.store.revision_of("bb"), followed.source.full_reads) == (504, 3)

    _run(work)


@pytest.mark.parametrize(
    "poison",
    [{}, {"model_id": "aa"}, route("other", 2), route("aa", 2, targets=[{"target_id": "x"}]), route("aa", 2, allowed_groups="research")],
    ids=["empty", "bare", "other-key", "bad-target", "bad-groups"],
)
def test_poison_is_refused_and_the_old_row_stays(tmp_path: Path, poison: dict[str, Any]) -> None:
    """A row that cannot be used is counted, logged by key only, and changes nothing else of its batch."""

    async def work() -> None:
        followed = Followed(tmp_path)
        followed.source.write("aa", route("aa", 1))
        await followed.follower.step()
        followed.source.write("aa", poison)
        followed.source.write("bb", route("bb", 3))
        await followed.follower.step()
        assert followed.store.keys() == {"aa", "bb"}
        assert (followed.store.revision_of("aa"), followed.poison()) == (1, 1.0)
        assert b'"key":"aa"' in followed.out.getvalue()

    _run(work)


def test_poison_survives_a_full_read_too(tmp_path: Path) -> None:
    """A row that became unreadable keeps its last good form even when everything is read again."""

    async def work() -> None:
        followed = Followed(tmp_path)
        followed.source.write("aa", route("aa", 1))
        await followed.follower.step()
        followed.source.write("aa", {"broken": True})
        followed.source.ledger.clear()
        await followed.follower.step()
        assert followed.store.revision_of("aa") == 1

    _run(work)


def test_an_older_row_never_replaces_a_newer_one(tmp_path: Path) -> None:
    """A row's revision only rises."""

    async def work() -> None:
        followed = Followed(tmp_path)
        followed.source.write("aa", route("aa", 9, version="2.0.0"))
        await followed.follower.step()
        followed.source.write("aa", route("aa", 3, version="1.0.0"))
        await followed.follower.step()
        assert followed.store.routes["aa"].route.version == "2.0.0"

    _run(work)


def test_a_head_that_went_back_is_believed_only_when_it_stays(tmp_path: Path) -> None:
    """Twice nothing happens; the third time the table was restored, and its rows are taken as they are."""

    async def work() -> None:
        followed = Followed(tmp_path)
        for revision in (1, 2, 3):
            followed.source.write("aa", route("aa", revision, version="2.0.0"))
        await followed.follower.step()
        followed.source.revision = 1
        followed.source.rows = {"aa": route("aa", 1, version="1.0.0")}
        for _ in range(2):
            assert not await followed.follower.step()
            assert followed.store.routes["aa"].route.version == "2.0.0"
        assert await followed.follower.step()
        assert (followed.store.routes["aa"].route.version, followed.follower.revision) == ("1.0.0", 1)

    _run(work)


def test_fields_that_a_newer_writer_adds_are_ignored(tmp_path: Path) -> None:
    """An older router goes on understanding a newer control plane."""

    async def work() -> None:
        followed = Followed(tmp_path)
        followed.source.write("aa", route("aa", 1, invented_later=True))
        await followed.follower.step()
        assert followed.store.keys() == {"aa"}

    _run(work)


def test_what_was_held_is_served_while_the_table_is_dead_and_looks_back_off(tmp_path: Path) -> None:
    """A failing read changes nothing; the pause grows and stays within its bound."""

    async def work() -> None:
        followed = Followed(tmp_path)
        followed.source.write("aa", route("aa", 1))
        await followed.follower.step()
        followed.source.dead = True
        with pytest.raises(SourceUnavailable):
            await followed.follower.step()
        task = asyncio.create_task(followed.follower.run())
        while followed.follower._errors == 0:  # noqa: ASYNC110 - the loop under test has no event for it
            await asyncio.sleep(0)
        task.cancel()
        assert followed.store.keys() == {"aa"}
        followed.follower._errors = 10
        assert all(7.5 <= followed.follower.delay() <= 15.0 for _ in range(50))

    _run(work)


def test_it_follows_closely_while_something_is_under_way(tmp_path: Path) -> None:
    """Five times a second after a hurry, once a second at rest."""

    async def work() -> None:
        followed = Followed(tmp_path)
        assert followed.follower.delay() == 1.0
        followed.follower.hurry()
        assert followed.follower.delay() == 0.2

    _run(work)


def test_the_table_on_disk_is_private_and_only_for_its_own_table(tmp_path: Path) -> None:
    """Saved atomically with mode 600, loaded at the next start, ignored by a router of another table or when torn."""

    async def work() -> None:
        followed = Followed(tmp_path)
        followed.source.write("aa", route("aa", 1))
        await followed.follower.step()
        await followed.follower._save()
        assert os.listdir(tmp_path) == ["routes.json"]  # noqa: PTH208 - names alone
        assert stat.S_IMODE((tmp_path / "routes.json").stat().st_mode) == 0o600
        again = Followed(tmp_path)
        assert again.follower.restore()
        assert (again.follower.loaded, again.follower.revision, again.store.keys()) == (True, 1, {"aa"})
        assert not Followed(tmp_path, table="another").follower.restore()
        (tmp_path / "routes.json").write_bytes(b'{"schema":')
        assert not Followed(tmp_path).follower.restore()

    _run(work)


def test_a_disk_that_is_full_stops_nothing(tmp_path: Path) -> None:
    """Not being able to save is a warning."""

    async def work() -> None:
        blocked = tmp_path / "file"
        blocked.write_text("in the way")
        followed = Followed(blocked)
        followed.source.write("aa", route("aa", 1))
        await followed.follower.step()
        await followed.follower._save()
        assert b"table not kept on disk" in followed.out.getvalue()

    _run(work)
