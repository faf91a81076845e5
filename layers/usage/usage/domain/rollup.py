"""Sums of a day: what one caller used of one version of a model, through one group."""

from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Self


@dataclass(frozen=True)
class Used:
    """A row of sums. Tokens and images are counts, times milliseconds; `day` in UTC. `priced_as` is empty for engines of ours."""

    day: str
    subject: str
    group: str
    model_id: str
    version: str
    priced_as: str = ""
    token_id: str = ""
    hosting: str = "hosted"
    requests: int = 0
    failed: int = 0
    broken_off: int = 0
    estimated: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    images: int = 0
    audio_ms: int = 0
    characters: int = 0
    first_tokens: int = 0
    first_token_ms: int = 0
    duration_ms: int = 0
    held_ms: int = 0

    def plus(self, other: "Used") -> Self:
        """The sums of both, under this one's names."""
        return replace(self, **{name: getattr(self, name) + getattr(other, name) for name in SUMMED})

    @property
    def place(self) -> tuple[str, str, str, str, str]:
        """What tells it from the other rows of its day."""
        return self.model_id, self.version, self.group, self.priced_as, self.subject


SUMMED = tuple(field.name for field in fields(Used) if field.type in {int, "int"})
TOLD = SUMMED[: SUMMED.index("first_tokens")]
"""The sums that events tell; times are told as means by `GET /usage` alone."""


@dataclass(frozen=True)
class Asked:
    """Days with both ends included, dimensions in order, and filters (None = all)."""

    first: date | None
    last: date | None
    group_by: tuple[str, ...]
    model: str | None = None
    version: str | None = None
    token: str | None = None
    group: str | None = None

    def admits(self, used: Used) -> bool:
        """Whether the row is asked for."""
        return (
            self.model in {None, used.model_id}
            and self.version in {None, used.version}
            and self.token in {None, used.subject, used.token_id or None}
            and self.group in {None, used.group}
        )
