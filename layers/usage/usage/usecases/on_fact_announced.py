"""Some context has announced a fact: it is kept for those who audit."""

from kit.envelope import Envelope
from usage.domain.audit import Entry, subject_of, told
from usage.ports import Audit


class OnFactAnnounced:
    """Each event once, however often it is delivered. Contexts never read one another's ledgers; what a fact changed travels with it."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    def __call__(self, envelope: Envelope) -> bool:
        """Answers whether it was new."""
        metadata, change = envelope.metadata, envelope.metadata.change or {}
        entry = Entry(
            event_id=metadata.id,
            event_type=envelope.event_type,
            occurred_at=metadata.occurred_at,
            producer=metadata.producer,
            actor=metadata.actor,
            correlation_id=metadata.correlation_id,
            causation_id=metadata.causation_id,
            causation_type=metadata.causation_type,
            about=subject_of(envelope.data),
            data=told(envelope.data),
            before=change.get("before"),
            after=change.get("after"),
        )
        return self._audit.record(entry)
