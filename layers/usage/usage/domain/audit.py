"""An audit entry, and the time in which entries are sought."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
"""Nothing was recorded before."""

_SUBJECTS = ("model_id", "token_id")


@dataclass(frozen=True)
class Entry:
    """One fact: who, what, about what, why, and what differs since. `about` is `model:…` or `token:…`, None for facts about neither."""

    event_id: str
    event_type: str
    occurred_at: str
    producer: str
    actor: str
    correlation_id: str
    causation_id: str | None
    causation_type: str | None
    about: str | None
    data: Mapping[str, Any]
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


@dataclass(frozen=True)
class Wanted:
    """Which entries, in which order. `since` is included, `until` is not; None = from the beginning, without an end."""

    actor: str | None = None
    model_id: str | None = None
    event_type: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    newest_first: bool = True

    @property
    def begins(self) -> datetime:
        """When the time begins in which there can be entries."""
        return max(self.since or BEGINNING, BEGINNING)

    def admits(self, entry: Entry) -> bool:
        """Whether the entry is asked for (time is the store's business)."""
        return (
            self.actor in {None, entry.actor}
            and self.event_type in {None, entry.event_type}
            and (self.model_id is None or entry.about == about_model(self.model_id))
        )


def about_model(model_id: str) -> str:
    """What entries about this model are about."""
    return f"model:{model_id}"


def subject_of(data: Mapping[str, Any]) -> str | None:
    """What a fact with these data is about."""
    return next((f"{name.removesuffix('_id')}:{data[name]}" for name in _SUBJECTS if data.get(name)), None)


def told(data: Mapping[str, Any]) -> dict[str, Any]:
    """The fact's data without the whole wish: where that has changed, before and after say how."""
    return {name: value for name, value in data.items() if name != "model"}


def months(since: datetime, until: datetime, *, newest_first: bool) -> Iterator[str]:
    """`2026-11` for each month that the time touches, in that order."""
    first, last = since.astimezone(UTC), until.astimezone(UTC)
    numbers = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    for number in reversed(numbers) if newest_first else numbers:
        yield f"{number // 12:04d}-{number % 12 + 1:02d}"
