"""Whether a wish can be served at all: where it fits, and what of it is refused because it certainly cannot."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from serving.domain.facts import ModelFacts, Unread
from serving.domain.fit import Fit, fit
from serving.domain.instances import TASK_MEMORY_MIB, InstanceType, Offer, by_price, candidates, gpus_of
from serving.domain.memory import Ask, Room, asked

Complaint = tuple[str, str, str]
"""Path, code and sentence."""

HINTS: Mapping[str, str] = {
    "instance-type-not-offered": "GET /instances lists what the region offers.",
    "instance-type-unknown": "GET /instances lists the types that are known here.",
    "instance-type-not-bought": "Choose another type, or have the environment's GpuInstanceTypes extended.",
    "instance-type-too-small": "Ask for fewer GPUs, or choose a larger type.",
    "gpus-too-few": "Raise accelerator.gpus to tensor_parallel_size x pipeline_parallel_size.",
    "tensor-parallel-uneven": "Choose a tensor_parallel_size that divides the model's attention heads.",
    "context-exceeds-model": "Lower engine.arguments.context_length; POST /models/plan shows the longest that fits.",
    "context-does-not-fit": "Lower engine.arguments.context_length, or choose larger types; POST /models/plan shows the arithmetic.",
    "weights-do-not-fit": "Choose more or larger GPUs; POST /models/plan shows the arithmetic and what would hold it.",
}


@dataclass(frozen=True)
class Holding:
    """A type that holds the model: how well, and whether a task of this wish could be put on it (`eligible`)."""

    instance_type: str
    verdict: str
    max_context: int | None
    max_concurrency: float | None
    eligible: bool


@dataclass(frozen=True)
class Feasibility:
    """The verdict for the type that would be bought (`on`), those for all that could be, and every type that holds the model."""

    fit: Fit
    on: str
    eligible: tuple[Fit, ...]
    holding: tuple[Holding, ...]


def feasibility(spec: Mapping[str, Any], facts: ModelFacts | Unread, offer: Offer) -> Feasibility | None:
    """Of a model's wish; None for one that a third party serves."""
    if spec["hosting"] != "hosted":
        return None
    ask, gpus = asked(spec), gpus_of(spec)
    if not gpus:
        found = _on_fargate(ask, facts)
        return Feasibility(found, "Fargate", (found,), ())
    places = candidates(spec, offer)
    every = by_price(one for one in offer.types if one.tasks(gpus) and offer.has(one.instance_type) is not False)
    verdicts = {one.instance_type: fit(facts, ask, _room(one, ask, gpus)) for one in {*every, *places}}
    holding = tuple(
        Holding(one.instance_type, found.verdict, found.max_context, found.max_concurrency, one in places)
        for one in every
        if (found := verdicts[one.instance_type]).verdict in {"fits", "tight"}
    )
    if not places:
        nowhere = Fit("unknown", f"no instance type that is bought in {offer.region} has {gpus} GPU(s) as asked for")
        return Feasibility(nowhere, "", (), holding)
    eligible = tuple(verdicts[one.instance_type] for one in places)
    return Feasibility(eligible[0], places[0].instance_type, eligible, holding)


def fit_on(spec: Mapping[str, Any], facts: ModelFacts | Unread, kind: InstanceType) -> Fit | None:
    """The verdict for a task of the wish on one type; None if the type cannot take the task's GPUs at all."""
    gpus = max(1, gpus_of(spec))
    ask = asked(spec)
    return fit(facts, ask, _room(kind, ask, gpus)) if kind.tasks(gpus) else None


def refusals(spec: Mapping[str, Any], facts: ModelFacts | Unread, offer: Offer) -> list[Complaint]:
    """What of a wish certainly cannot be: types that the region lacks, GPUs that do not suffice, a context that cannot fit anywhere."""
    if spec["hosting"] != "hosted":
        return []
    found = [*_types(spec, offer), *_parallelism(spec, facts)]
    return found or list(_memory(spec, facts, offer))


def hint(complaints: list[Complaint]) -> str:
    """What to do about them."""
    return " ".join(dict.fromkeys(HINTS[code] for _, code, _ in complaints if code in HINTS))


def _types(spec: Mapping[str, Any], offer: Offer) -> Iterator[Complaint]:
    gpus = gpus_of(spec)
    for place, name in enumerate(spec["accelerator"]["instance_types"]):
        path, known = f"accelerator.instance_types[{place}]", offer.find(name)
        if offer.has(name) is False:
            yield path, "instance-type-not-offered", f"{offer.region} does not offer {name}"
        elif gpus and known is None:
            yield path, "instance-type-unknown", f"{name} is no type with GPUs in the list of {offer.as_of}"
        elif gpus and not offer.buys(name):
            yield path, "instance-type-not-bought", f"this environment buys {', '.join(offer.allowed)} only"
        elif gpus and known and not known.tasks(gpus):
            yield (
                path,
                "instance-type-too-small",
                f"{name} has {known.accelerators} GPU(s) and {known.vcpus} vCPUs, too few for {gpus} GPU(s)",
            )


def _parallelism(spec: Mapping[str, Any], facts: ModelFacts | Unread) -> Iterator[Complaint]:
    ask, gpus = asked(spec), gpus_of(spec)
    path = "engine.arguments.tensor_parallel_size"
    together = ask.tensor_parallel * ask.pipeline_parallel
    if gpus and together > gpus:
        yield path, "gpus-too-few", f"the engine would spread over {together} GPUs and a task has {gpus}"
    if isinstance(facts, ModelFacts) and facts.attention_heads and facts.attention_heads % ask.tensor_parallel:
        yield path, "tensor-parallel-uneven", f"{facts.attention_heads} attention heads cannot be spread over {ask.tensor_parallel} GPUs"


def _memory(spec: Mapping[str, Any], facts: ModelFacts | Unread, offer: Offer) -> Iterator[Complaint]:
    """Only where it fits on none of the types that could be bought, whatever the estimated part of the arithmetic is."""
    found = feasibility(spec, facts, offer)
    if found is None or not found.eligible or not all(one.verdict == "no" and one.certain for one in found.eligible):
        return
    path = "accelerator" if found.fit.code == "weights-do-not-fit" else "engine.arguments.context_length"
    held = [one.instance_type for one in found.holding][:3]
    more = f"; {', '.join(held)} would hold it" if held else ""
    yield path, str(found.fit.code), f"on {found.on}: {found.fit.reason}{more}"


def _on_fargate(ask: Ask, facts: ModelFacts | Unread) -> Fit:
    if ask.engine == "vllm":
        return Fit("unknown", "how much memory vLLM takes without a GPU is not computed here")
    return fit(facts, ask, Room("a task", TASK_MEMORY_MIB / 1024))


def _room(kind: InstanceType, ask: Ask, gpus: int) -> Room:
    """vLLM divides the model itself, so one GPU is looked at; llama.cpp has all of its task's together."""
    if ask.engine == "llama.cpp":
        return Room(f"{gpus} {kind.accelerator}", kind.usable_gib * gpus)
    return Room(f"one {kind.accelerator}", kind.usable_gib)
