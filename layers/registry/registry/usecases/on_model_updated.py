"""A hosted model's wish has changed: is the version that it wants now what it claims to be, and who may see it?"""

from contracts.model import HostedModel
from contracts.serving import ModelUpdated
from kit.envelope import Envelope
from registry.usecases.examination import Examination

_CONCERNS = frozenset({"version", "artifact", "allowed_groups"})


class OnModelUpdated(Examination):
    """Answers whether anything was written. Changes that concern neither the artefact nor its audience are passed over."""

    def __call__(self, updated: ModelUpdated, envelope: Envelope) -> bool:
        """React to the event."""
        if not isinstance(updated.model, HostedModel) or not _CONCERNS & updated.changes.keys():
            return False
        return self.examine(updated.model, envelope)
