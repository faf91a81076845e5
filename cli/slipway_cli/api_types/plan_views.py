"""What the management API takes and answers: plan views. Generated from its OpenAPI document by `make contracts`: do not edit."""

from typing import Any, Literal, TypedDict

HoldingTypeVerdict = Literal["fits", "tight"]
InstanceListSource = Literal["live", "snapshot"]
InstanceListPriceSource = Literal["live", "snapshot"]
ModelFitVerdict = Literal["fits", "tight", "no", "unknown"]
PlanCommand = Literal["create", "update", "start", "stop", "retry", "delete"]
PlanChangeClass = Literal["hot", "rolling", "restart", "fixed"]
PlannedChangeChangeClass = Literal["hot", "rolling", "restart", "fixed"]
PlannedCostSource = Literal["live", "snapshot"]
TypeFitVerdict = Literal["fits", "tight", "no", "unknown"]


class Amounts(TypedDict):
    """USD with the fewest, the wanted and the most copies; null = the price is not known."""

    min: float | None
    desired: float | None
    max: float | None


class Costs(TypedDict):
    """What copies cost, and of what that is made."""

    usd_per_hour: "Amounts"
    usd_per_month: "Amounts"
    basis: str


class Counted(TypedDict):
    """A number now and after the command."""

    before: int
    after: int


class FitLine(TypedDict):
    """One step of the arithmetic; `gib` is null where the result is no size."""

    what: str
    formula: str
    gib: float | None


class HoldingType(TypedDict):
    """An instance type that holds the model."""

    instance_type: str
    verdict: HoldingTypeVerdict
    max_context_length: int | None
    max_concurrency: float | None
    eligible: bool


class InstanceList(TypedDict):
    """One page of instance types, and where what is said of them comes from: the AWS APIs now, or the dated snapshot."""

    items: list["InstanceType"]
    next_token: str | None
    region: str
    source: InstanceListSource
    as_of: str
    currency: Literal["USD"]
    price_region: str
    price_source: InstanceListPriceSource
    priced_on: str
    quotas: list["QuotaState"]


class InstanceType(TypedDict):
    """An instance type with GPUs."""

    instance_type: str
    family: str
    accelerator: str
    accelerators: int
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
    fit: "TypeFit | None"


class ModelFit(TypedDict):
    """Whether the model fits where it would run (`on`: the cheapest type that may be bought, or Fargate), and how that is known."""

    verdict: ModelFitVerdict
    reason: str
    on: str
    lines: list["FitLine"]
    context_length: int | None
    concurrency: int | None
    cache_tokens: int | None
    max_context_length: int | None
    max_concurrency: float | None
    instance_types: list["HoldingType"]


class Plan(TypedDict):
    """What a command would do."""

    model_id: str
    generation: int
    command: PlanCommand
    changes: list["PlannedChange"]
    change_class: PlanChangeClass | None
    restarts: bool
    surge: "Surge | None"
    copies: "Counted"
    gpus: "Counted"
    fit: "ModelFit | None"
    cost: "PlannedCost"
    refused: list["RefusedField"]
    hint: str | None
    warnings: list[str]
    acknowledge: str | None


class PlannedChange(TypedDict):
    """One field: dotted path, old and new value (null = absent), and what the change does to copies that run."""

    path: str
    before: Any
    after: Any
    change_class: PlannedChangeChangeClass


class PlannedCost(TypedDict):
    """Costs now and after the command, at the prices of a region on a day."""

    currency: Literal["USD"]
    price_region: str
    priced_on: str
    source: PlannedCostSource
    before: "Costs"
    after: "Costs"


class QuotaState(TypedDict):
    """A quota of EC2, in vCPUs; null = not known."""

    code: str
    limit_vcpus: float | None
    used_vcpus: float | None
    left_vcpus: float | None


class RefusedField(TypedDict):
    """A field that the command itself would be refused for: it asks for what certainly cannot be."""

    path: str
    code: str
    message: str


class Surge(TypedDict):
    """Whether the new copies fit beside the present ones, so that nothing is interrupted."""

    fits: bool
    reason: str


class TypeFit(TypedDict):
    """Whether a type holds the model that was asked about."""

    verdict: TypeFitVerdict
    reason: str
    max_context_length: int | None
    max_concurrency: float | None
