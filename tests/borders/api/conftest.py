"""One estate for the tests of a module, as it was made for each. No longer: others in this process make an AWS of their own."""

from collections.abc import Iterator

import pytest

from tests.borders.estate import Estate, estate


@pytest.fixture(scope="module")
def kept() -> Iterator[Estate]:
    """The estate."""
    with estate() as made:
        yield made


@pytest.fixture
def home(kept: Estate) -> Iterator[Estate]:
    """The estate as it was made."""
    kept.restore()
    kept.gateway.raised.clear()
    yield kept
    kept.restore()
