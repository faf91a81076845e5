"""Limits and budgets of tokens, groups and models, that `access` owns and routers hold to."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from contracts.common import BASE32_ID_PATTERN, MODEL_ID_PATTERN, Contract, EventContract, Page
from contracts.spending import MICRO, Limit, Period, micro_dollars

LIMITS_PARTITION = "LIMITS"
LIMIT_PREFIX = "LIMIT#"
SUBJECT_PATTERNS = {
    "token": BASE32_ID_PATTERN,
    "group": r"^[A-Za-z0-9][A-Za-z0-9._:@/-]{0,127}$",
    "model": MODEL_ID_PATTERN,
}
"""What an id of each kind looks like."""

Kind = Literal["token", "group", "model"]
Unit = Literal["usd", "tokens"]
MOST_USD = 1_000_000_000


def _whole_micro_dollars(usd: float) -> float:
    micro = micro_dollars(usd)
    if abs(micro - usd * MICRO) > 1e-3:  # noqa: PLR2004 - what is left of a decimal fraction in a binary one
        message = "takes at most six decimal places"
        raise ValueError(message)
    return micro / MICRO


Usd = Annotated[float, Field(ge=0, le=MOST_USD), AfterValidator(_whole_micro_dollars)]
Count = Annotated[int, Field(ge=1, le=10**12)]


class Budget(Contract):
    """What may be spent within a day or a month of UTC: US dollars or tokens."""

    period: Literal["day", "month"] = Field(examples=["month"])
    usd: Usd | None = Field(
        default=None,
        description="US dollars, at most six decimal places; models without a price are refused (403 `model_not_priced`)",
        examples=[250.0],
    )
    tokens: Count | None = Field(default=None, description="tokens in and out together")

    @model_validator(mode="after")
    def _one_unit(self) -> Self:
        if (self.usd is None) == (self.tokens is None):
            message = "takes either usd or tokens"
            raise ValueError(message)
        return self

    @property
    def unit(self) -> Unit:
        """What is counted."""
        return "tokens" if self.usd is None else "usd"

    @property
    def amount(self) -> int:
        """Tokens, or micro-dollars."""
        return self.tokens if self.tokens is not None else micro_dollars(self.usd or 0.0)


class Prices(Contract):
    """What a model's tokens count for in budgets of money: US dollars for a million of them."""

    input_usd: Usd = Field(examples=[0.5])
    output_usd: Usd = Field(examples=[1.5])
    cached_input_usd: Usd | None = Field(default=None, description="input that was found in a cache; null = as input")


class SetLimits(Contract):
    """`PUT /limits/{subject_kind}/{subject_id}`: what is left out (or null) is not limited. It holds over all routers together."""

    requests_per_minute: Count | None = None
    tokens_per_minute: Count | None = Field(default=None, description="in and out together")
    concurrency: Count | None = Field(default=None, description="requests under way at a time")
    max_tokens: Count | None = Field(default=None, description="the most tokens that one request may ask for")
    max_choices: Count | None = Field(default=None, description="the most answers (`n`) that one request may ask for")
    budgets: list[Budget] = Field(default_factory=list, max_length=4)
    prices: Prices | None = Field(
        default=None, description="of models only; budgets of money need them, but for third parties' models that have a list price"
    )

    @model_validator(mode="after")
    def _budgets_differ(self) -> Self:
        if len({(budget.period, budget.unit) for budget in self.budgets}) < len(self.budgets):
            message = "budgets takes one budget of each period and unit"
            raise ValueError(message)
        return self

    def in_period(self, period: Period) -> Limit | None:
        """What is limited in a period of this kind: (requests or places, tokens, micro-dollars); None if nothing is."""
        if period == "minute":
            limit: Limit = (self.requests_per_minute, self.tokens_per_minute, None)
        elif period == "now":
            limit = (self.concurrency, None, None)
        else:
            amounts = {budget.unit: budget.amount for budget in self.budgets if budget.period == period}
            limit = (None, amounts.get("tokens"), amounts.get("usd"))
        return None if limit == (None, None, None) else limit


class SubjectLimits(SetLimits):
    """Limits as they are kept, and as routers follow them. `generation` rises with every change of any limits."""

    kind: Kind = Field(examples=["group"])
    subject_id: str = Field(min_length=1, max_length=128, examples=["research"])
    generation: int = Field(ge=1)
    updated_by: str = Field(examples=["oidc:ada"])
    updated_at: str

    @property
    def key(self) -> str:
        """The row's key behind its prefix."""
        return f"{self.kind}#{self.subject_id}"


class BudgetState(Contract):
    """How a budget stands in the period that runs. US dollars or tokens, as the budget says; `spent + reserved + left` is the budget,
    unless more than it was spent. What routers know and have not said yet (seconds) is in `reserved`."""

    period: Literal["day", "month"]
    unit: Unit
    starts_at: str
    ends_at: str
    budget: float
    spent: float
    reserved: float = Field(description="leased to routers for what is under way and comes next")
    left: float


class LimitsState(SubjectLimits):
    """Limits, and what is spent and left."""

    periods: list[BudgetState]


class ListLimits(Page):
    """`GET /limits`: all, or of one kind, by kind and id."""

    kind: Kind | None = None


class LimitsList(Contract):
    """One page of limits; `next_token` is null on the last."""

    items: list[SubjectLimits]
    next_token: str | None


class _LimitsEvent(EventContract):
    source: ClassVar[str] = "slipway.access"

    kind: Kind = Field(examples=["group"])
    subject_id: str = Field(examples=["research"])


class LimitsChanged(_LimitsEvent):
    """What a token, a group or a model may use has changed; `limits` null = it is not limited any more."""

    generation: int = Field(ge=1, examples=[7])
    limits: SubjectLimits | None = Field(
        examples=[
            {
                "kind": "group",
                "subject_id": "research",
                "generation": 7,
                "updated_by": "oidc:ada",
                "updated_at": "2026-01-01T00:00:00.000Z",
                "requests_per_minute": 600,
                "budgets": [{"period": "month", "usd": 250.0}],
            }
        ]
    )


class BudgetThresholdCrossed(_LimitsEvent):
    """50, 80 or 100 % of a budget are spent; once each for every period and budget. What dead routers had leased counts as spent."""

    period: Literal["day", "month"] = Field(examples=["month"])
    starts_at: str = Field(examples=["2026-01-01T00:00:00.000Z"])
    ends_at: str = Field(examples=["2026-02-01T00:00:00.000Z"])
    unit: Unit = Field(examples=["usd"])
    threshold: Literal[50, 80, 100] = Field(examples=[80])
    budget: float = Field(description="US dollars or tokens, as `unit` says", examples=[250.0])
    spent: float = Field(description="as of the write that crossed it", examples=[200.4])


EVENTS: tuple[type[EventContract], ...] = (LimitsChanged, BudgetThresholdCrossed)
