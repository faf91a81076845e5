"""One serving engine for the tests that only ask."""

from collections.abc import Iterator

import pytest

from tests.functional.engine.harness import Engine


@pytest.fixture(name="serving", scope="module")
def _serving() -> Iterator[Engine]:
    with Engine({}) as engine:
        engine.wait_for_phase("ready")
        yield engine
