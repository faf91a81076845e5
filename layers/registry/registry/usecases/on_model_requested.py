"""A hosted model is wanted: is its version what it claims to be?"""

from contracts.model import HostedModel
from contracts.serving import ModelRequested
from kit.envelope import Envelope
from registry.usecases.examination import Examination


class OnModelRequested(Examination):
    """Answers whether anything was written. Every request is answered once."""

    def __call__(self, requested: ModelRequested, envelope: Envelope) -> bool:
        """React to the event."""
        return isinstance(requested.model, HostedModel) and self.examine(requested.model, envelope)
