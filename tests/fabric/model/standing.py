"""Platforms on which some models stand already, each arranged once in a process and copied for every life that begins on it."""

from functools import cache

from tests.fabric.copies import freeze, thaw
from tests.fabric.model.invariants import ALWAYS
from tests.fabric.model.people import People
from tests.fabric.model.seen import Seen
from tests.fabric.platform import Fabric

VARIANTS = 4
"""How many arrangements there are of the same models, each with things in another order."""


def begun(seed: int, standing: tuple[str, ...]) -> People:
    """A platform of one's own, on which these models are in service; what happens from now on is decided by the seed."""
    people: People = thaw(_arranged(seed % VARIANTS, standing))
    people.fabric.reseed(seed)
    return people


def forget_all() -> None:
    """The product has been changed: what was arranged with it is not to be used any more."""
    _arranged.cache_clear()


def arrange(seed: int, standing: tuple[str, ...]) -> People:
    """The same without a copy: from nothing, with a seed of its own. AssertionError unless all come into service."""
    fabric = Fabric(seed)
    fabric.quotas.value = 4.0  # there is no second set of GPUs
    people = People(fabric, Seen(fabric, ALWAYS))
    with fabric:
        for model_id in standing:
            people.command("owner", "create_model", "POST", "/models", body=people.wish(model_id))
        fabric.run()
        people.seen.look()
        for model_id in standing:
            status = (people.seen.model(model_id) or {})["status"]
            trace = "\n".join(fabric.log)
            assert status == "InService", f"nothing has gone wrong, and {model_id} is {status} (seed {seed}):\n{trace}"
    return people


@cache
def _arranged(variant: int, standing: tuple[str, ...]) -> bytes:
    return freeze(arrange(variant, standing))
