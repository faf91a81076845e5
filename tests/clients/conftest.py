"""One router for all clients."""

from collections.abc import Iterator

import pytest

from tests.clients.estate import Estate, estate


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    """The estate, running."""
    with estate(tmp_path_factory.mktemp("state")) as running:
        yield running
