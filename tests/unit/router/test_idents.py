"""Identifiers and moments, of which most is computed once for many."""

import re
from datetime import UTC, datetime, timedelta

from router.idents import iso, ulid


def test_identifiers_differ_and_sort_by_time() -> None:
    """Though their random parts are drawn for many at once."""
    made = [ulid() for _ in range(5_000)]
    assert len(set(made)) == len(made)
    assert all(re.fullmatch("[0-9A-HJKMNP-TV-Z]{26}", one) for one in made)
    assert [one[:10] for one in made] == sorted(one[:10] for one in made)


def test_moments_are_of_now() -> None:
    """Though what stands before the milliseconds is written once a second."""
    for _ in range(100):
        before = datetime.now(UTC)
        told = iso()
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", told)
        assert before - timedelta(milliseconds=1) < datetime.fromisoformat(told) <= datetime.now(UTC)
