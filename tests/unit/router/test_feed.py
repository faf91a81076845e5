"""Following a table: differences, gaps, poison, regressions, disk."""

import asyncio
import os
import stat
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from router.choosing.asked import NOTHING
from router.choosing.memory import PlainCooldowns
from router.choosing.picker import Picker
from router.feed import SourceUnavailable
from router.settings import Settings
from tests.evidence import counted
from tests.unit.router.fakes import Followed, route, target


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


def _at(followed: Followed, revision: int, version: str) -> None:
    """The table stands at another revision, with one row of its own."""
    followed.source.revision = revision
    followed.source.rows = {"aa": route("aa", revision, version=version)}


def test_a_head_that_went_back_is_never_believed_by_who_has_followed(tmp_path: Path) -> None:
    """However often it is seen: the table held stays, every look is counted, and people are told; once it has risen again all is well."""

    async def work() -> None:
        followed = Followed(tmp_path)
        for revision in (1, 2, 3):
            followed.source.write("aa", route("aa", revision, version="2.0.0"))
        await followed.follower.step()
        _at(followed, 1, "1.0.0")
        for _ in range(50):
            assert not await followed.follower.step()
        assert (followed.store.routes["aa"].route.version, followed.follower.revision) == ("2.0.0", 3)
        assert (followed.refused("went-back"), followed.alarms) == (50.0, 1)
        followed.source.revision = 3
        followed.source.write("aa", route("aa", 4, version="3.0.0"))
        assert await followed.follower.step()
        assert followed.store.routes["aa"].route.version == "3.0.0"

    _run(work)


def test_what_the_disk_kept_is_given_up_for_a_table_that_stays_behind_it(tmp_path: Path) -> None:
    """A router that starts knows no better: twice nothing happens, the third time the table was restored or made anew."""

    async def work() -> None:
        first = Followed(tmp_path)
        for revision in (1, 2, 3):
            first.source.write("aa", route("aa", revision, version="2.0.0"))
        await first.follower.step()
        await first.follower._save()
        again = Followed(tmp_path, first.source)
        assert again.follower.restore()
        _at(again, 1, "1.0.0")
        for _ in range(2):
            assert not await again.follower.step()
            assert again.store.routes["aa"].route.version == "2.0.0"
        assert await again.follower.step()
        assert (again.store.routes["aa"].route.version, again.follower.revision) == ("1.0.0", 1)
        _at(again, 0, "0.1.0")
        assert [await again.follower.step() for _ in range(5)] == [False] * 5

    _run(work)


@pytest.mark.parametrize(("left", "reason"), [(0, "empty"), (9, "most-rows-gone"), (30, "too-many-rows")])
def test_a_table_that_is_suddenly_empty_or_huge_is_refused_as_a_whole(tmp_path: Path, left: int, reason: str) -> None:
    """Read in full, it has lost all or most of what was held, or grown beyond every bound: nothing of it is taken, and people are told."""

    async def work() -> None:
        followed = Followed(tmp_path, most_rows=25)
        for number in range(20):
            followed.source.write(f"model-{number}", route(f"model-{number}", number + 1))
        await followed.follower.step()
        held = followed.store.keys()
        followed.source.rows = {f"model-{number}": route(f"model-{number}", 21) for number in range(left)}
        followed.source.revision += 1
        for _ in range(10):
            assert not await followed.follower.step()
        assert (followed.store.keys(), followed.follower.revision, followed.refused(reason)) == (held, 20, 10.0)
        assert followed.alarms == 1

    _run(work)


def test_rows_that_leave_one_by_one_leave(tmp_path: Path) -> None:
    """The ledger says so: the last model may be deleted."""

    async def work() -> None:
        followed = Followed(tmp_path)
        for number in range(20):
            followed.source.write(f"model-{number}", route(f"model-{number}", number + 1))
        await followed.follower.step()
        for number in range(20):
            followed.source.write(f"model-{number}", None)
        assert await followed.follower.step()
        assert (followed.store.keys(), followed.alarms) == (set(), 0)

    _run(work)


def test_a_head_that_leaps_or_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """Every change moves it by one; a million at once were made by nobody, and would let no true head be believed afterwards."""

    async def work() -> None:
        followed = Followed(tmp_path)
        followed.source.write("aa", route("aa", 1))
        await followed.follower.step()
        followed.source.revision = 10**9
        assert not await followed.follower.step()
        followed.source.garbled = True
        assert not await followed.follower.step()
        assert (followed.refused("leapt"), followed.refused("unreadable-head"), followed.follower.revision) == (1.0, 1.0, 1)

    _run(work)


def test_people_are_reminded_while_a_refusal_lasts(tmp_path: Path) -> None:
    """Once a minute, not at every look: an alarm that is told once would fall silent while the table is still wrong."""

    async def work() -> None:
        now = 0.0
        followed = Followed(tmp_path, clock=lambda: now)
        followed.source.write("aa", route("aa", 1))
        await followed.follower.step()
        followed.source.revision = 0
        for _ in range(10 * 60):
            await followed.follower.step()
            now += 1.0
        assert followed.alarms == 10

    _run(work)


def test_nobody_notices_an_hour_without_a_control_plane(tmp_path: Path) -> None:
    """Looks fail, ever less often but at least four times a minute of virtual time; requests find their targets; then it follows on."""

    async def work() -> None:
        now, picked, looks = 0.0, 0, 0
        followed = Followed(tmp_path, clock=lambda: now, idle_seconds=0.5)
        picker = Picker(PlainCooldowns(), clock=lambda: now)
        followed.store.listen(picker.synchronise)
        followed.source.write("aa", route("aa", 1, targets=[target("one"), target("two")]))
        await followed.follower.step()
        followed.source.dead = True
        while now < 3600.0:
            with pytest.raises(SourceUnavailable) as dead:
                await followed.follower.step()
            followed.follower._note_failure(dead.value)
            pause = followed.follower.delay()
            assert pause <= 15.0
            for _ in range(10):
                seat = picker.pick(followed.store.routes["aa"])
                assert seat is not None
                picker.done(seat, NOTHING)
                picked += 1
            now, looks = now + pause, looks + 1
        assert looks >= 240
        assert picked == looks * 10
        counted("requests_without_control_plane", picked)
        followed.source.dead = False
        followed.source.write("aa", route("aa", 2, version="2.0.0"))
        assert await followed.follower.step()
        assert followed.store.routes["aa"].route.version == "2.0.0"

    _run(work)


def test_a_change_is_followed_within_a_second_of_its_commit(tmp_path: Path) -> None:
    """At rest the table is looked at every 0.7 s: whenever a change is committed, the look that finds it comes within that."""
    followed = Followed(tmp_path, idle_seconds=Settings.follow_routes_seconds, clock=lambda: 100.0)
    assert followed.follower.delay() == 0.7
    followed.follower.hurry()
    assert followed.follower.delay() == 0.2


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
