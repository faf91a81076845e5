"""How long copies of engines have run, and at which price: reckoned from one word about their number to the next."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

SECONDS_AN_HOUR = 3600


@dataclass(frozen=True)
class Standing:
    """The copies of a model since a moment: version → how many. `hourly`: micro-USD an hour for one; None = the price is not known."""

    since: datetime
    copies: Mapping[str, int] = field(default_factory=dict)
    hourly: int | None = None


@dataclass(frozen=True)
class Ran:
    """Copies of a version on a day: seconds of all together, and the price of these in micro-USD an hour times seconds, so that no
    rounding adds up. `unpriced_seconds` are those of which no price is known."""

    day: str
    model_id: str
    version: str
    seconds: int = 0
    priced: int = 0
    unpriced_seconds: int = 0

    def plus(self, other: "Ran") -> "Ran":
        """Both together."""
        return Ran(
            self.day,
            self.model_id,
            self.version,
            self.seconds + other.seconds,
            self.priced + other.priced,
            self.unpriced_seconds + other.unpriced_seconds,
        )


def ran(model_id: str, standing: Standing, until: datetime) -> list[Ran]:
    """What has run since the standing was told, day by day."""
    return [
        Ran(
            day,
            model_id,
            version,
            count * seconds,
            count * seconds * (standing.hourly or 0),
            0 if standing.hourly is not None else count * seconds,
        )
        for day, seconds in _days(standing.since, until)
        for version, count in sorted(standing.copies.items())
        if count and seconds
    ]


def _days(since: datetime, until: datetime) -> Iterator[tuple[str, int]]:
    moment = since.astimezone(UTC)
    while moment < until:
        midnight = (moment + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        end = min(midnight, until)
        yield moment.date().isoformat(), int(end.timestamp()) - int(moment.timestamp())
        moment = end


def hourly(accelerator: Mapping[str, Any] | None, prices: Mapping[str, Any]) -> int | None:
    """Micro-USD an hour for one copy, at a day's prices: its part of the cheapest instance that it could run on; None = not known.

    A copy without GPU is a Fargate task. `plan` chooses in the same way, with what it knows of the region besides.
    """
    gpus = int((accelerator or {}).get("gpus") or 0)
    if not gpus or accelerator is None:
        found: int = prices["fargate_task"]
        return found
    wanted, memory = set(accelerator.get("instance_types") or ()), float(accelerator.get("gpu_memory_gib") or 0.0)
    fitting = [
        one["hourly"] * gpus // one["accelerators"]
        for one in prices["instances"]
        if one["accelerators"] >= gpus and one["memory_gib"] >= memory and (not wanted or one["instance_type"] in wanted)
    ]
    return min(fitting, default=None)


def together(parts: list[Ran]) -> dict[tuple[str, str, str], Ran]:
    """The sums by day, model and version."""
    sums: dict[tuple[str, str, str], Ran] = {}
    for part in parts:
        key = part.day, part.model_id, part.version
        sums[key] = sums[key].plus(part) if key in sums else part
    return sums
