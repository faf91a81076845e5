"""The form in which every event of ours travels: `detail = {"metadata": …, "data": …}`."""

from dataclasses import dataclass
from typing import Any

from kit.clock import Clock, iso
from kit.errors import Broken
from kit.ids import Ids

SOURCE_PREFIX = "slipway."
_OPTIONAL = frozenset({"causation_type", "change"})


@dataclass(frozen=True)
class Cause:
    """Why something happens: who asked, which operation it belongs to, which event led to it and what that is called."""

    actor: str
    correlation_id: str
    causation_id: str | None = None
    causation_type: str | None = None


@dataclass(frozen=True)
class Fact:
    """Something that happened, not yet wrapped: the event's name, its version and its data (JSON types only)."""

    event_type: str
    data: dict[str, Any]
    version: str = "1.0"


@dataclass(frozen=True)
class Metadata:
    """Everything about an event but what happened. `id` (ULID) is the key that consumers deduplicate on.

    `change` is what differs: `{"before", "after"}`, each holding the differing parts only; None where no ledger knows.
    """

    id: str
    version: str
    occurred_at: str
    producer: str
    environment: str
    correlation_id: str
    causation_id: str | None
    actor: str
    causation_type: str | None = None
    change: dict[str, Any] | None = None


@dataclass(frozen=True)
class Envelope:
    """A received or recorded event."""

    event_type: str
    metadata: Metadata
    data: dict[str, Any]

    @property
    def source(self) -> str:
        """`slipway.<context>`."""
        return SOURCE_PREFIX + self.metadata.producer

    def detail(self) -> dict[str, Any]:
        """The bus's `detail`."""
        metadata = {name: value for name, value in vars(self.metadata).items() if value is not None or name not in _OPTIONAL}
        return {"metadata": metadata, "data": self.data}

    def cause(self) -> Cause:
        """The cause of whatever this event makes happen."""
        return Cause(self.metadata.actor, self.metadata.correlation_id, self.metadata.id, self.event_type)


class Wrapper:
    """Wraps facts of one producer in one environment."""

    def __init__(self, producer: str, environment: str, clock: Clock, ids: Ids) -> None:
        self.producer, self.environment = producer, environment
        self._clock, self._ids = clock, ids

    def wrap(self, fact: Fact, cause: Cause) -> Envelope:
        """A new envelope with a fresh id."""
        metadata = Metadata(
            id=self._ids.new(),
            version=fact.version,
            occurred_at=iso(self._clock.now()),
            producer=self.producer,
            environment=self.environment,
            correlation_id=cause.correlation_id,
            causation_id=cause.causation_id,
            actor=cause.actor,
            causation_type=cause.causation_type,
        )
        return Envelope(fact.event_type, metadata, fact.data)


def unwrap(event_type: str, detail: dict[str, Any]) -> Envelope:
    """The envelope in a bus event; `Broken("event-malformed")` if it is not one of ours."""
    try:
        return Envelope(
            event_type, Metadata(**{name: detail["metadata"].get(name) for name in Metadata.__dataclass_fields__}), detail["data"]
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise Broken(
            "event-malformed", f"{event_type} lacks its envelope: {error}", "Only Slipway's own functions publish on this bus."
        ) from error
