"""Where lives begin: models come into service in whatever order things happen, and a copy of them lives as the original would."""

import random

import pytest

from tests.evidence import counted, scaled
from tests.fabric.copies import freeze, thaw
from tests.fabric.model.asking import STANDING
from tests.fabric.model.people import People
from tests.fabric.model.standing import arrange


@pytest.mark.parametrize("standing", [one for one in STANDING if one], ids="+".join)
def test_models_come_into_service_in_any_order(standing: tuple[str, ...]) -> None:
    """Nothing goes wrong, and everything comes in another order each time: all are in service, and no invariant is broken on the way."""
    chance = random.Random("/".join(standing))
    for _ in range(scaled(20)):
        arrange(chance.getrandbits(32), standing)
        counted("arrangements", 1, standing="+".join(standing))


def test_a_copy_lives_like_its_original() -> None:
    """The same seed from the same state: the same trace to the letter, on the original and on two copies, none of which knows another."""
    first = arrange(7, ("m1", "claude"))
    frozen = freeze(first)
    traces = [_lived(people) for people in (first, thaw(frozen), thaw(frozen))]
    assert traces[0] == traces[1] == traces[2]
    assert len(traces[0]) > 100


def _lived(people: People) -> list[str]:
    """A stop, a deletion and what comes of them."""
    fabric = people.fabric
    fabric.reseed(11)
    with fabric:
        people.command("owner", "stop_model", "POST", "/models/m1/stop")
        fabric.live(90)
        people.command("owner", "delete_model", "DELETE", "/models/claude")
        fabric.settle()
        people.seen.look()
    return list(fabric.log)
