"""What was used and what it cost: batches from routers, the roll-ups of `GET /usage`, and the day's fact. `usage` owns it."""

from datetime import date
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from contracts.audit import NDJSON
from contracts.common import Contract, EventContract, Hosting, ModelId

CSV: Final = "text/csv"
MOST_DAYS: Final = 400

Day = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}$")]
Counted = Annotated[int, Field(ge=0, le=2**53)]
Name = Annotated[str, Field(max_length=300)]
Dimension = Literal["day", "model", "version", "token", "group"]


class Sums(Contract):
    """What requests used together. Tokens and images are counts; the input holds the cached, the output the reasoning tokens."""

    requests: Counted = Field(default=0, examples=[120])
    failed: Counted = Field(default=0, description="of these, answered with an error")
    broken_off: Counted = Field(default=0, description="of these, left by their caller, or cut with their token")
    estimated: Counted = Field(default=0, description="of these, with tokens that are estimated, since the answer told none")
    input_tokens: Counted = Field(default=0, examples=[48_000])
    output_tokens: Counted = Field(default=0, examples=[9_100])
    cached_tokens: Counted = 0
    reasoning_tokens: Counted = 0
    images: Counted = 0
    audio_ms: Counted = 0
    characters: Counted = Field(default=0, description="of text that was spoken")


class UsageRow(Sums):
    """The sums of one caller, group, model and version on one day (UTC), as a router adds them up. Times are sums of milliseconds."""

    day: Day = Field(examples=["2026-11-21"])
    subject: Name = Field(examples=["token:abcdefghijklmn23"])
    token_id: str = Field(default="", max_length=64)
    group: str = Field(default="", max_length=128)
    model_id: ModelId = Field(examples=["smollm2-135m"])
    version: str = Field(default="", max_length=96)
    hosting: Hosting = Field(examples=["hosted"])
    priced_as: Name = Field(default="", description="the third party's model", examples=["openai/gpt-4o-mini"])
    first_tokens: Counted = Field(default=0, description="requests whose first token was timed")
    first_token_ms: Counted = 0
    duration_ms: Counted = 0
    held_ms: Counted = 0


class UsageBatch(Contract):
    """Sums that a router sends at least once. Whoever takes them in does so once for each `id`."""

    id: str = Field(pattern=r"^[0-9A-HJKMNP-TV-Z]{26}-\d{3}$")
    router_id: str = Field(max_length=128)
    rows: list[UsageRow] = Field(min_length=1, max_length=90)


class UsageRecorded(EventContract):
    """What a version of a model was used for since it was told last, of the requests that one router saw on one day. To be added up."""

    source: ClassVar[str] = "slipway.usage"

    model_id: ModelId = Field(examples=["smollm2-135m"])
    version: str = Field(examples=["1.0.0"])
    day: Day = Field(examples=["2026-11-21"])
    router_id: str = Field(examples=["router-0"])
    usage: Sums


EVENTS: tuple[type[EventContract], ...] = (UsageRecorded,)


class UsageItem(Sums):
    """One group of `GET /usage`: the dimensions that were asked for, and the sums. What was not asked for is null."""

    day: Day | None = None
    model: str | None = None
    version: str | None = None
    token: str | None = Field(default=None, description="`token:…`, or `oidc:…` of a person")
    group: str | None = None
    mean_first_token_ms: int | None = None
    mean_duration_ms: int | None = None
    cost_micro_usd: int | None = Field(description="millionths of a US dollar; null where no price is known for any of it")
    unpriced_requests: int = Field(description="requests that are not in the cost, for want of a price")


class UsageTotals(Sums):
    """Of all pages together."""

    cost_micro_usd: int | None
    unpriced_requests: int


class UsagePage(Contract):
    """A page of `GET /usage`."""

    items: list[UsageItem]
    totals: UsageTotals
    next_token: str | None
    prices_as_of: Day = Field(description="the youngest entry of the price table")


class ListUsage(Contract):
    """Query of `GET /usage`. Days are of UTC; both ends are included; at most 400 of them. Without `from` the last 30 days."""

    from_day: Day | None = Field(default=None, alias="from")
    to_day: Day | None = Field(default=None, alias="to")
    group_by: str = Field(default="day,model", pattern=r"^(day|model|version|token|group)(,(day|model|version|token|group)){0,4}$")
    model: ModelId | None = None
    version: str | None = Field(default=None, max_length=96)
    token: str | None = Field(default=None, min_length=1, max_length=300)
    group: str | None = Field(default=None, min_length=1, max_length=128)
    format: Literal["json", "ndjson", "csv"] | None = None
    limit: int = Field(default=100, ge=1, le=1000)
    next_token: str | None = Field(default=None, max_length=2048)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        first, last = (date.fromisoformat(day) if day else None for day in (self.from_day, self.to_day))
        if first and last and not 0 <= (last - first).days < MOST_DAYS:
            raise ValueError(f"`to` must not lie before `from`, nor {MOST_DAYS} days or more behind it")
        return self

    def media(self, accept: str) -> Literal["json", "ndjson", "csv"]:
        """The form of the answer: `format` says so, or it is silent and the Accept header does."""
        if self.format:
            return self.format
        return "csv" if CSV in accept else "ndjson" if NDJSON in accept else "json"
