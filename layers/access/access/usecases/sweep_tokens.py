"""What was recorded and never announced is told after all, so that nothing depends on the stream."""

from access.ports import Announcer
from kit.errors import SlipwayError


class SweepTokens:
    """Answers what was done, for the log. `announcers`: one for each table that facts of access are recorded in."""

    def __init__(self, *announcers: Announcer) -> None:
        self._announcers = announcers

    def __call__(self) -> dict[str, int]:
        """Publish what is overdue; `Transient` if the bus does not take it, once every table was looked at."""
        announced, failure = 0, None
        for announcer in self._announcers:
            try:
                announced += announcer.announce_forgotten()
            except SlipwayError as error:
                failure = failure or error
        if failure:
            raise failure
        return {"announced": announced}
