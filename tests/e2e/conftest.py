"""The README's own commands, and what they lead to, on one platform."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything here; generous timeouts."""
    for item in items:
        if HERE in item.path.parents:
            for mark in (pytest.mark.e2e, pytest.mark.emulator, pytest.mark.timeout(1200)):
                item.add_marker(mark)
