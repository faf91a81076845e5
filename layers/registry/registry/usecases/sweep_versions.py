"""What was recorded and never announced is told after all, so that nothing depends on the stream."""

from registry.ports import Announcer


class SweepVersions:
    """Answers what was done, for the log."""

    def __init__(self, announcer: Announcer) -> None:
        self._announcer = announcer

    def __call__(self) -> dict[str, int]:
        """Publish what is overdue; `Transient` if the bus does not take it."""
        return {"announced": self._announcer.announce_forgotten()}
