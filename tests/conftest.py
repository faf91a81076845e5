"""One fresh platform for every test that needs a whole one, started by the README's own command."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.platform import Platform, Started

LAST = ("test_restart.py::", "test_used_and_granted.py::", "::test_down_stops_everything")
"""What counts what everything before has used, and what stops the platform, in this order."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What the others need comes before what takes it away."""
    items.sort(key=lambda item: max((place for place, name in enumerate(LAST, 1) if name in item.nodeid), default=0))


@pytest.fixture(scope="session")
def started(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Started]":
    """A platform that `make up` has brought up; `make down` at the end, whatever happened."""
    from tests.e2e.platform import Platform, Started

    platform = Platform(tmp_path_factory.mktemp("slipway"))
    try:
        yield Started(platform, platform.up())
    finally:
        platform.run("make down")


@pytest.fixture
def platform(started: "Started") -> "Platform":
    """The running platform."""
    return started.platform
