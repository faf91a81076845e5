"""What the management API takes and answers: usage. Generated from its OpenAPI document by `make contracts`: do not edit."""

from typing import NotRequired, TypedDict


class UsageItem(TypedDict):
    """One group of `GET /usage`: the dimensions that were asked for, and the sums."""

    requests: NotRequired[int]
    failed: NotRequired[int]
    broken_off: NotRequired[int]
    estimated: NotRequired[int]
    input_tokens: NotRequired[int]
    output_tokens: NotRequired[int]
    cached_tokens: NotRequired[int]
    reasoning_tokens: NotRequired[int]
    images: NotRequired[int]
    audio_ms: NotRequired[int]
    characters: NotRequired[int]
    day: NotRequired[str | None]
    model: NotRequired[str | None]
    version: NotRequired[str | None]
    token: NotRequired[str | None]
    group: NotRequired[str | None]
    mean_first_token_ms: NotRequired[int | None]
    mean_duration_ms: NotRequired[int | None]
    cost_micro_usd: int | None
    unpriced_requests: int


class UsagePage(TypedDict):
    """A page of `GET /usage`."""

    items: list["UsageItem"]
    totals: "UsageTotals"
    next_token: str | None
    prices_as_of: str


class UsageTotals(TypedDict):
    """Of all pages together."""

    requests: NotRequired[int]
    failed: NotRequired[int]
    broken_off: NotRequired[int]
    estimated: NotRequired[int]
    input_tokens: NotRequired[int]
    output_tokens: NotRequired[int]
    cached_tokens: NotRequired[int]
    reasoning_tokens: NotRequired[int]
    images: NotRequired[int]
    audio_ms: NotRequired[int]
    characters: NotRequired[int]
    cost_micro_usd: int | None
    unpriced_requests: int
