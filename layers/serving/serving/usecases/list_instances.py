"""List the region's instance types with GPUs."""

from dataclasses import asdict, dataclass
from typing import Any

from kit.caller import Caller
from kit.errors import InvalidRequest, Violation
from kit.paging import seal, unseal
from serving.domain.feasibility import fit_on
from serving.domain.fit import Fit
from serving.domain.instances import InstanceType, Offer
from serving.domain.model import Model
from serving.ports import Artifacts, Instances, Store
from serving.usecases import plan_views
from serving.usecases.views import visible_model


@dataclass(frozen=True)
class InstanceFilter:
    """Which types. `memory_min` is of all accelerators of an instance together, in GiB; `fits_model` names a model that they hold."""

    gpus_min: int | None = None
    memory_min: float | None = None
    family: str | None = None
    fits_model: str | None = None
    offered: bool | None = None

    def admits(self, one: InstanceType, offer: Offer) -> bool:
        """Whether the type is asked for (whether a model fits is asked elsewhere)."""
        return (
            (self.gpus_min is None or one.accelerators >= self.gpus_min)
            and (self.memory_min is None or one.accelerators * one.memory_gib >= self.memory_min)
            and self.family in {None, one.family}
            and (self.offered is None or (offer.has(one.instance_type) is not False) is self.offered)
        )


class ListInstances:
    """Pages by name. What is not known (price, offer, quota) is null, and the answer says where the rest comes from."""

    def __init__(self, store: Store, artifacts: Artifacts, instances: Instances) -> None:
        self._store, self._artifacts, self._instances = store, artifacts, instances

    def __call__(self, caller: Caller, wanted: InstanceFilter, limit: int, next_token: str | None) -> dict[str, Any]:
        """`{"items", "next_token", …}`; NotFound for a model that the caller may not see."""
        question = {"list": "instances", **asdict(wanted)}
        after = unseal(next_token, question, r"[a-z0-9.-]{1,64}")
        model = visible_model(self._store, caller, wanted.fits_model) if wanted.fits_model else None
        if model and model.hosting != "hosted":
            problem = Violation("fits_model", "not-for-provider-models", "a third party serves this model")
            raise InvalidRequest("validation-failed", "1 field(s) are not acceptable", violations=[problem])
        offer = self._instances.offer()
        fits = self._fits(model, offer)
        kept = [one for one in offer.types if wanted.admits(one, offer) and (fits is None or one.instance_type in fits)]
        rest = sorted((one for one in kept if after is None or one.instance_type > after), key=lambda one: one.instance_type)
        page = rest[:limit]
        return {
            "items": [plan_views.instance_type(one, offer, fits[one.instance_type] if fits else None) for one in page],
            "next_token": seal(page[-1].instance_type, question) if len(rest) > limit else None,
            "region": offer.region,
            "source": offer.source,
            "as_of": offer.as_of,
            "currency": "USD",
            "price_region": offer.price_region,
            "price_source": offer.price_source,
            "priced_on": offer.price_as_of,
            "quotas": [plan_views.quota(one) for one in offer.quotas.values()],
        }

    def _fits(self, model: Model | None, offer: Offer) -> dict[str, Fit] | None:
        """Verdicts of the types that hold the model, by name; None where no model was named."""
        if model is None:
            return None
        facts = self._artifacts.facts(model.spec)
        verdicts = {one.instance_type: fit_on(model.spec, facts, one) for one in offer.types}
        return {name: found for name, found in verdicts.items() if found is not None and found.verdict in {"fits", "tight"}}
