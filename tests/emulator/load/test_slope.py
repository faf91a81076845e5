"""The soak's judgement: what grows is told from what wavers."""

import json
import random
from pathlib import Path

import pytest

from bench.soak import LIMIT_PER_HOUR, rows, slope


def samples(per_hour: float, noise: float, minutes: int = 10) -> list[tuple[float, float]]:
    """A process of 100 MiB, looked at every five seconds."""
    dice = random.Random("slope")
    return [(second, 100 + per_hour * second / 3600 + dice.gauss(0, noise)) for second in range(0, minutes * 60, 5)]


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_a_leak_is_found(noise: float) -> None:
    """Half of its size an hour is more than is borne."""
    assert slope(samples(50, noise)) > LIMIT_PER_HOUR


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_what_wavers_is_no_leak(noise: float) -> None:
    """Neither is what shrinks."""
    assert abs(slope(samples(0, noise))) < LIMIT_PER_HOUR
    assert slope(samples(-50, noise)) < 0


def test_rows_are_weighed_and_streams_are_not(tmp_path: Path) -> None:
    """A hundred times the rows weigh about a hundred times as much; what a stream holds is no row, and is judged."""
    file = tmp_path / "state" / "emulator" / "dynamodb.json"
    file.parent.mkdir(parents=True)

    def weighed(count: int, records: int) -> float:
        tables = {"t": {"items": {f"{number:04}": {"sk": {"S": "x" * 1000}} for number in range(count)}}}
        file.write_text(json.dumps({"payload": {"tables": tables, "slipway_streams": ["y" * 1000] * records}}))
        return rows(tmp_path)

    one = weighed(10, 0)
    assert weighed(10, 1000) == one
    assert 99 * one < weighed(1000, 0) < 101 * one
