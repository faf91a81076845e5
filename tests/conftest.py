"""One fresh platform for every test that needs a whole one, started by the README's own command; and what a hurried run leaves out."""

import gc
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import pytest

from tests.grouping import ACCOUNT

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.scheduler import Scheduling

    from tests.e2e.platform import Platform, Started
    from tests.emulator.privilege.records import Recorder

RECORDER: "Final[pytest.StashKey[Recorder]]" = pytest.StashKey()
FIRST = "tests/e2e/test_dead_letters.py::"
"""What needs alarms that do not ring: each does for five minutes after a letter, and tests of faults make functions give up."""
LAST = (
    "::test_an_operation_settles_though_the_platform_was_killed",
    "::test_the_router_goes_on_while_the_control_plane_is_dead",
    "::test_down_stops_everything",
    f"{ACCOUNT}::",
)
"""What kills the platform, what leaves it dead, what stops it, what counts everything that was used on any: in this order."""
DEEP = {
    "tests/emulator/faults/": "a storm of faults over a whole platform takes minutes; the fabric's campaign injects more of them",
    "tests/emulator/kills/": "killed processes have to come back, each in its own time",
    "tests/emulator/load/": "a flood of events wants the machine for itself",
    "tests/emulator/history/test_concurrent_clients.py": "a history has to be long to mean anything",
    "test_a_crash_at_any_call_changes_nothing": "rare ways to calls; tests/fabric/sweep comes to the others over the whole platform",
    "a_crash_at_every_call": "tests/fabric/sweep comes to the same calls of access, registry and routing",
}
"""What runs only where there is time for the whole proof, and why: not with SLIPWAY_PROOF_SCALE below 1."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: "Producer") -> "Scheduling":
    """Tests that share something are one worker's."""
    from tests.grouping import Grouped

    return Grouped(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What the others need comes before what takes it away. What is left out is counted as deselected."""
    if float(os.environ.get("SLIPWAY_PROOF_SCALE", "1")) < 1:
        left_out = [item for item in items if any(part in item.nodeid for part in DEEP)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    return -1 if item.nodeid.startswith(FIRST) else max((place for place, name in enumerate(LAST, 1) if name in item.nodeid), default=0)


def pytest_collection_finish() -> None:
    """Modules and tests stay to the end: to look through them for garbage again and again takes a tenth of all the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Before the platform may go, it is written down that this test has used it."""
    if recorder := item.config.stash.get(RECORDER, None):
        recorder.note(item.nodeid)


@pytest.fixture(scope="session")
def started(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Started]":
    """A platform that `make up` has brought up; `make down` at the end, whatever happened."""
    from tests.e2e.platform import Platform, Started
    from tests.emulator.privilege.records import Recorder

    platform = Platform(tmp_path_factory.mktemp("slipway"))
    try:
        output = platform.up()
        if any(item.nodeid.startswith(ACCOUNT) for item in request.session.items):
            request.config.stash[RECORDER] = Recorder(platform)
        yield Started(platform, output)
    finally:
        platform.run("make down")


@pytest.fixture
def platform(started: "Started") -> "Platform":
    """The running platform."""
    return started.platform
