"""Whether there is room for more copies, and what copies cost, where no API is asked."""

from serving.adapters.catalogue import Snapshot
from serving.domain.cost import cost
from serving.domain.instances import Offer
from serving.domain.model import Spec


class ListPrices:
    """`ports.Prices` by the list that comes with this package: prices of a day and of one region, of the cheapest type that is bought."""

    def __init__(self, known: Snapshot, allowed: tuple[str, ...]) -> None:
        day, region = known.as_of, known.price_region
        self._offer = Offer(region, "snapshot", day, region, "snapshot", day, known.fargate, known.types, allowed=allowed)

    def hourly(self, spec: Spec, copies: int) -> float | None:
        """See `ports.Prices`."""
        return cost(spec, self._offer, copies).desired


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
