"""A fresh serving for each test."""

from collections.abc import Iterator

import pytest

from tests.functional.serving.world import Serving, serving_world


@pytest.fixture
def serving() -> Iterator[Serving]:
    """Serving in a small AWS."""
    with serving_world() as found:
        yield found
