"""Marks for everything that needs a platform: generous timeouts."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole platforms take their time on a busy machine; what needs none (the checker of histories) is marked like its neighbours."""
    for item in items:
        if HERE in item.path.parents and item.path.relative_to(HERE).parts[0] != "conformance":
            for mark in (pytest.mark.emulator, pytest.mark.timeout(1200)):
                item.add_marker(mark)
