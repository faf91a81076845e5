"""The soak's judgement: what grows is told from what wavers."""

import random

import pytest

from bench.soak import LIMIT_PER_HOUR, slope


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
