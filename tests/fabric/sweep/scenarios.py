"""What happens to platforms before functions of theirs die: each scenario is a story that runs through some of them.

A story may go on where another has ended: then it is played on a copy of that platform, and only what itself tells is swept.
"""

from tests.fabric.sweep import changes, cut_short, data_plane, trouble
from tests.fabric.sweep.lives import created, deleted, replaced, started, stopped
from tests.fabric.sweep.stage import Stage
from tests.fabric.sweep.telling import AFTER, SCENARIOS, scenario

__all__ = ["AFTER", "SCENARIOS"]

TOLD_IN = (changes, cut_short, data_plane, trouble)
"""Modules that tell stories, besides `lives`: to be imported is to have told them."""


@scenario
def hosted_life(stage: Stage) -> None:
    """All of a life in one go: what has died early meets what is asked for later, before any sweep has come."""
    for part in (created, replaced, stopped, started, deleted):
        part(stage)
