"""Marks for everything that needs an emulator; one worker, generous timeouts."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent


BESIDE = frozenset({"faults", "history", "kills", "load"})
"""What is done to a platform of its own, beside the end-to-end tests on theirs."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole platforms take their time on a busy machine; what needs none (the checker of histories) is marked like its neighbours.

    The conformance tests have an emulator of their own. What one group uses is one worker's, so that two can run side by side.
    """
    for item in items:
        if HERE not in item.path.parents:
            continue
        folder = item.path.relative_to(HERE).parts[0]
        if folder == "conformance":
            item.add_marker(pytest.mark.xdist_group("conformance"))
            continue
        for mark in (pytest.mark.emulator, pytest.mark.timeout(1200), pytest.mark.xdist_group("beside" if folder in BESIDE else "e2e")):
            item.add_marker(mark)
