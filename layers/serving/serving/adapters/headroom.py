"""Whether there is room for more copies, what there is and what copies cost, where no API is asked."""

from dataclasses import replace
from typing import Any

from serving.adapters.catalogue import Snapshot
from serving.domain.cost import cost
from serving.domain.facts import Unread
from serving.domain.instances import Offer
from serving.domain.model import Spec


class ListPrices:
    """`ports.Prices` by the list that comes with this package: prices of a day and of one region, of the cheapest type that is bought."""

    def __init__(self, known: Snapshot, allowed: tuple[str, ...]) -> None:
        self._offer = replace(_listed(known, known.price_region), allowed=allowed)

    def hourly(self, spec: Spec, copies: int) -> float | None:
        """See `ports.Prices`."""
        return cost(spec, self._offer, copies).desired


class ListedInstances:
    """`ports.Instances` by the same list, for commands that ask for no other copies. `place` is what the environment buys (`Offer`)."""

    def __init__(self, known: Snapshot, region: str, **place: Any) -> None:
        self._known = _listed(known, region)
        self._offer = replace(self._known, **place)

    def offer(self, *, quotas: bool = True, prices: bool = True) -> Offer:
        """See `ports.Instances`; no quota is known here."""
        del quotas, prices
        return self._offer

    def known(self) -> Offer:
        """See `ports.Instances`."""
        return self._known


class NoFiles:
    """`ports.Artifacts` where files do not matter."""

    def facts(self, spec: Spec) -> Unread:
        """See `ports.Artifacts`."""
        del spec
        return Unread("no other copies are asked for")


class FargateHeadroom:
    """`ports.Headroom` where nothing is known of GPUs: Fargate has room, a second GPU is not counted on."""

    def surge_fits(self, spec: Spec) -> tuple[bool, str]:
        """See `ports.Headroom`."""
        if int(spec["accelerator"]["gpus"]):
            return False, "the copies need GPUs, and nothing says that there are more than those in use"
        return True, "the copies need no GPU: Fargate runs new ones beside the old"

    def hourly(self, spec: Spec, copies: int) -> float | None:
        """See `ports.Headroom`; no price is known here."""
        del spec, copies
        return None


def _listed(known: Snapshot, region: str) -> Offer:
    return Offer(region, "snapshot", known.as_of, known.price_region, "snapshot", known.as_of, known.fargate, known.types)
