"""Marks for everything that needs an emulator; one worker, generous timeouts."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole platforms take their time on a busy machine; what needs none (the checker of histories) is marked like its neighbours.

    The conformance tests have an emulator of their own, so that they can run beside a platform.
    """
    for item in items:
        if (HERE / "conformance") in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("conformance"))
        elif HERE in item.path.parents:
            for mark in (pytest.mark.emulator, pytest.mark.timeout(1200), pytest.mark.xdist_group("e2e")):
                item.add_marker(mark)
