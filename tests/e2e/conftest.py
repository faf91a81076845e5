"""One fresh platform for all end-to-end tests, started by the README's own command."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.platform import Platform

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything here; generous timeouts, one worker. What stops the platform comes last."""
    mine = [item for item in items if HERE in item.path.parents]
    for item in mine:
        for mark in (pytest.mark.e2e, pytest.mark.emulator, pytest.mark.timeout(1200), pytest.mark.xdist_group("e2e")):
            item.add_marker(mark)
    items.sort(key=lambda item: item.path.name == "test_restart.py" and HERE in item.path.parents)


class Started:
    """The platform, and what `make up` said."""

    def __init__(self, platform: Platform, output: str) -> None:
        self.platform, self.output = platform, output


@pytest.fixture(scope="session")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """A platform that `make up` has brought up; `make down` at the end, whatever happened."""
    platform = Platform(tmp_path_factory.mktemp("slipway"))
    try:
        yield Started(platform, platform.up())
    finally:
        platform.run("make down")


@pytest.fixture
def platform(started: Started) -> Platform:
    """The running platform."""
    return started.platform
