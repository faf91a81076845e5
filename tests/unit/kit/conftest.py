"""One table of our shape in a small AWS."""

from collections.abc import Iterator

import pytest

from kit.aws import client
from kit.table import Table
from tests.fabric.world import create_table, small_aws


@pytest.fixture
def table() -> Iterator[Table]:
    """An empty table."""
    with small_aws({}):
        create_table("kit")
        yield Table(client("dynamodb"), "kit")
