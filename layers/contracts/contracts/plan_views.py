"""Whole answers to questions asked before doing. Apart from `contracts.planning` because no function needs them."""

from typing import Any, Literal

from pydantic import Field

from contracts.common import Contract, ModelId

Verdict = Literal["fits", "tight", "no", "unknown"]
Source = Literal["live", "snapshot"]


class PlannedChange(Contract):
    """One field: dotted path, old and new value (null = absent), and what the change does to copies that run."""

    path: str
    before: Any
    after: Any
    change_class: Literal["hot", "rolling", "restart", "fixed"]


class Counted(Contract):
    """A number now and after the command."""

    before: int = Field(ge=0)
    after: int = Field(ge=0)


class Surge(Contract):
    """Whether the new copies fit beside the present ones, so that nothing is interrupted."""

    fits: bool
    reason: str


class FitLine(Contract):
    """One step of the arithmetic; `gib` is null where the result is no size."""

    what: str
    formula: str
    gib: float | None


class HoldingType(Contract):
    """An instance type that holds the model. `eligible`: a copy could be put on it, by the wish and by what this environment buys."""

    instance_type: str
    verdict: Literal["fits", "tight"]
    max_context_length: int | None
    max_concurrency: float | None
    eligible: bool


class ModelFit(Contract):
    """Whether the model fits where it would run (`on`: the cheapest type that may be bought, or Fargate), and how that is known.

    `max_context_length` at the asked concurrency (1 if none was asked for); `max_concurrency` requests of `context_length` at a time.
    """

    verdict: Verdict
    reason: str
    on: str
    lines: list[FitLine]
    context_length: int | None
    concurrency: int | None
    cache_tokens: int | None
    max_context_length: int | None
    max_concurrency: float | None
    instance_types: list[HoldingType]


class Amounts(Contract):
    """USD with the fewest, the wanted and the most copies; null = the price is not known."""

    min: float | None
    desired: float | None
    max: float | None


class Costs(Contract):
    """What copies cost, and of what that is made."""

    usd_per_hour: Amounts
    usd_per_month: Amounts
    basis: str


class PlannedCost(Contract):
    """Costs now and after the command, at the prices of a region on a day."""

    currency: Literal["USD"]
    price_region: str
    priced_on: str
    source: Source
    before: Costs
    after: Costs


class RefusedField(Contract):
    """A field that the command itself would be refused for: it asks for what certainly cannot be."""

    path: str
    code: str
    message: str


class Plan(Contract):
    """What a command would do. Nothing has been written.

    `restarts`: containers that run are replaced; `acknowledge` is then what the change has to be sent with, bound to `generation`.
    """

    model_id: ModelId
    generation: int = Field(ge=0, description="of the model now; 0 = there is none")
    command: Literal["create", "update", "start", "stop", "retry", "delete"]
    changes: list[PlannedChange]
    change_class: Literal["hot", "rolling", "restart", "fixed"] | None
    restarts: bool
    surge: Surge | None
    copies: Counted
    gpus: Counted
    fit: ModelFit | None
    cost: PlannedCost
    refused: list[RefusedField]
    hint: str | None
    warnings: list[str]
    acknowledge: str | None


class TypeFit(Contract):
    """Whether a type holds the model that was asked about."""

    verdict: Verdict
    reason: str
    max_context_length: int | None
    max_concurrency: float | None


class InstanceType(Contract):
    """An instance type with GPUs. Memory of each accelerator in GiB, as EC2 says and as frameworks find it free; null = not known.

    `bought_here`: this environment's capacity provider may choose it. `quota_left`: so many more instances the account may run.
    """

    instance_type: str
    family: str
    accelerator: str
    accelerators: int = Field(ge=1)
    accelerator_memory_gib: float
    accelerator_usable_gib: float
    vcpus: int
    memory_gib: float
    architecture: str
    usd_per_hour: float | None
    usd_per_month: float | None
    price_source: str
    offered: bool | None
    bought_here: bool
    quota_code: str
    quota_left: int | None
    fit: TypeFit | None


class QuotaState(Contract):
    """A quota of EC2, in vCPUs; null = not known."""

    code: str
    limit_vcpus: float | None
    used_vcpus: float | None
    left_vcpus: float | None


class InstanceList(Contract):
    """One page of instance types, and where what is said of them comes from: the AWS APIs now, or the dated snapshot."""

    items: list[InstanceType]
    next_token: str | None
    region: str
    source: Source
    as_of: str
    currency: Literal["USD"]
    price_region: str
    price_source: Source
    priced_on: str
    quotas: list[QuotaState]
