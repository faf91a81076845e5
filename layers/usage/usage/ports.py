"""What the use cases need from outside."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from kit.envelope import Envelope
from usage.domain.audit import Entry, Wanted
from usage.domain.cost import Prices
from usage.domain.hosts import Ran, Standing
from usage.domain.rollup import Used


class Audit(Protocol):
    """Usage's own table."""

    def record(self, entry: Entry) -> bool:
        """Keep the entry; answers whether it was not there yet."""
        ...

    def entries(self, wanted: Wanted, now: datetime, after: str | None) -> Iterator[Entry]:
        """Entries of that time, about that model if one is named, in order, beyond the id `after`; other filters are not applied."""
        ...


class Taken(Exception):
    """The batch had been taken in before."""


class Rollups(Protocol):
    """Sums by day, and how many copies stand."""

    def add(self, batch_id: str, rows: Sequence[Used]) -> None:
        """Add the rows to the sums, once for a batch: Taken where that was done, Contended where others write to the same sums now."""
        ...

    def used(self, day: str) -> Iterator[Used]:
        """Every row of the day."""
        ...

    def hosts(self, day: str) -> Iterator[Ran]:
        """How long copies ran on the day, as far as it was told."""
        ...

    def standings(self) -> Iterator[tuple[str, Standing]]:
        """What stands now, by model."""
        ...

    def stand(self, model_id: str, standing: Standing, reckon: Callable[[Standing], list[Ran]]) -> None:
        """From now on that stands; what ran until then (`reckon` of what stood) is added to its days. A word older than what is
        known counts for nothing; Contended where another came at the same time."""
        ...


class PriceTable(Prices, Protocol):
    """Dated prices."""

    @property
    def as_of(self) -> str:
        """From when the youngest hold."""
        ...

    def of_copies(self, day: str) -> Mapping[str, Any]:
        """What `domain.hosts.hourly` reads."""
        ...


class Announcer(Protocol):
    """The bus."""

    def publish(self, envelopes: Sequence[Envelope]) -> None:
        """Put all on the bus, at least once; Transient otherwise."""
        ...
