"""What the management API takes and answers: limits. Generated from its OpenAPI document by `make contracts`: do not edit."""

from typing import Literal, NotRequired, TypedDict

BudgetPeriod = Literal["day", "month"]
BudgetStatePeriod = Literal["day", "month"]
BudgetStateUnit = Literal["usd", "tokens"]
LimitsStateKind = Literal["token", "group", "model"]
SubjectLimitsKind = Literal["token", "group", "model"]


class Budget(TypedDict):
    """What may be spent within a day or a month of UTC: US dollars or tokens."""

    period: BudgetPeriod
    usd: NotRequired[float | None]
    tokens: NotRequired[int | None]


class BudgetState(TypedDict):
    """How a budget stands in the period that runs."""

    period: BudgetStatePeriod
    unit: BudgetStateUnit
    starts_at: str
    ends_at: str
    budget: float
    spent: float
    reserved: float
    left: float


class LimitsList(TypedDict):
    """One page of limits; `next_token` is null on the last."""

    items: list["SubjectLimits"]
    next_token: str | None


class LimitsState(TypedDict):
    """Limits, and what is spent and left."""

    requests_per_minute: NotRequired[int | None]
    tokens_per_minute: NotRequired[int | None]
    concurrency: NotRequired[int | None]
    max_tokens: NotRequired[int | None]
    max_choices: NotRequired[int | None]
    budgets: NotRequired[list["Budget"]]
    prices: NotRequired["Prices | None"]
    kind: LimitsStateKind
    subject_id: str
    generation: int
    updated_by: str
    updated_at: str
    periods: list["BudgetState"]


class Prices(TypedDict):
    """What a model's tokens count for in budgets of money: US dollars for a million of them."""

    input_usd: float
    output_usd: float
    cached_input_usd: NotRequired[float | None]


class SetLimits(TypedDict):
    """`PUT /limits/{subject_kind}/{subject_id}`: what is left out (or null) is not limited."""

    requests_per_minute: NotRequired[int | None]
    tokens_per_minute: NotRequired[int | None]
    concurrency: NotRequired[int | None]
    max_tokens: NotRequired[int | None]
    max_choices: NotRequired[int | None]
    budgets: NotRequired[list["Budget"]]
    prices: NotRequired["Prices | None"]


class SubjectLimits(TypedDict):
    """Limits as they are kept, and as routers follow them."""

    requests_per_minute: NotRequired[int | None]
    tokens_per_minute: NotRequired[int | None]
    concurrency: NotRequired[int | None]
    max_tokens: NotRequired[int | None]
    max_choices: NotRequired[int | None]
    budgets: NotRequired[list["Budget"]]
    prices: NotRequired["Prices | None"]
    kind: SubjectLimitsKind
    subject_id: str
    generation: int
    updated_by: str
    updated_at: str
