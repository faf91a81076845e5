"""What a command would do to a model, before it is done: changes, copies, GPUs, room, money, and what to mind."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from serving.domain.cost import NOTHING, Cost, bought, cost
from serving.domain.facts import ModelFacts, Unread
from serving.domain.feasibility import Complaint, Feasibility, feasibility, refusals
from serving.domain.fields import ChangeClass, FieldChange, strongest
from serving.domain.instances import Offer, gpus_of, instances_for, surge
from serving.domain.memory import asked
from serving.domain.model import Spec

_FEE = "ECS Managed Instances add a management fee, 8 to 12 % by what others have measured, that the Price List does not contain"


@dataclass(frozen=True)
class Wish:
    """A wish and how many copies of it are wanted at a moment; `spec` None = there is no model."""

    spec: Spec | None
    copies: int = 0

    @property
    def gpus(self) -> int:
        """GPUs of all those copies."""
        return gpus_of(self.spec) * self.copies if self.spec else 0


@dataclass(frozen=True)
class Plan:
    """What `command` would do. `room`: whether a second set of copies fits beside the first, where copies are replaced."""

    command: str
    before: Wish
    after: Wish
    changes: tuple[FieldChange, ...]
    change_class: ChangeClass | None
    restarts: bool
    room: tuple[bool, str] | None
    feasibility: Feasibility | None
    refused: tuple[Complaint, ...]
    cost_before: Cost
    cost_after: Cost
    offer: Offer
    warnings: tuple[str, ...]


def plan(
    command: str,
    before: Wish,
    after: Wish,
    changes: tuple[FieldChange, ...],
    facts: ModelFacts | Unread,
    offer: Offer,
    *,
    in_service: bool,
    serves: bool,
) -> Plan:
    """Put together. `in_service`: copies run now; `serves`: copies run the wish after the command, now or after the next start."""
    change_class = strongest(changes)
    hosted = after.spec is not None and after.spec["hosting"] == "hosted"
    restarts = in_service and hosted and change_class is ChangeClass.RESTART
    found = feasibility(after.spec, facts, offer) if serves and after.spec else None
    room = surge(after.spec, offer) if restarts and after.spec else None
    return Plan(
        command,
        before,
        after,
        changes,
        change_class,
        restarts,
        room,
        found,
        tuple(refusals(after.spec, facts, offer)) if serves and after.spec else (),
        _cost(before, offer),
        _cost(after, offer),
        offer,
        tuple(_warnings(after, found, room, offer)),
    )


def _cost(wish: Wish, offer: Offer) -> Cost:
    return cost(wish.spec, offer, wish.copies) if wish.spec else NOTHING


def _warnings(after: Wish, found: Feasibility | None, room: tuple[bool, str] | None, offer: Offer) -> Iterator[str]:
    spec = after.spec
    if spec is None or spec["hosting"] != "hosted":
        return
    if room and not room[0]:
        yield f"copies are replaced in place, with an outage: {room[1]}"
    if found:
        yield from _of_fit(found)
    yield from _of_prices(spec, offer)
    if gpus_of(spec):
        yield from _of_gpus(spec, offer)


def _of_fit(found: Feasibility) -> Iterator[str]:
    if found.fit.verdict == "unknown":
        yield f"whether it fits is not known: {found.fit.reason}"
    if found.fit.verdict in {"tight", "no"}:
        yield f"on {found.on}: {found.fit.reason}"
    if found.fit.verdict == "no" and (others := [one.instance_type for one in found.holding if one.eligible]):
        yield f"the cheapest type would be bought, and only others hold it: name {', '.join(others[:3])} in accelerator.instance_types"


def _of_prices(spec: Mapping[str, Any], offer: Offer) -> Iterator[str]:
    if offer.price_region != offer.region:
        yield f"prices are those of {offer.price_region} on {offer.price_as_of[:10]}, and the model runs in {offer.region}"
    elif offer.price_source == "snapshot":
        yield f"prices are those of {offer.price_as_of[:10]}"
    if gpus_of(spec) and offer.capacity == "ManagedInstances":
        yield _FEE


def _of_gpus(spec: Mapping[str, Any], offer: Offer) -> Iterator[str]:
    gpus, kind = gpus_of(spec), bought(spec, offer)
    if offer.capacity == "None":
        yield "this environment has no GPU capacity: no copy can start"
    if offer.offered is None:
        yield f"what the region offers could not be asked; types are those of {offer.as_of[:10]}"
    ask = asked(spec)
    together = ask.tensor_parallel * ask.pipeline_parallel
    if ask.engine == "vllm" and together < gpus:
        yield f"the engine uses {together} of a task's {gpus} GPUs: raise engine.arguments.tensor_parallel_size, or ask for fewer"
    if kind is None:
        return
    if (idle := kind.accelerators - kind.tasks(gpus) * gpus) > 0:
        yield f"{idle} of the {kind.accelerators} GPUs of a {kind.instance_type} stay idle"
    left, most = offer.left(kind), instances_for(int(spec["capacity"]["max"]), gpus, kind)
    if left is not None and left < most:
        yield f"the quota {kind.quota_code} has room for {left} more {kind.instance_type}, and capacity.max needs {most} in all"
