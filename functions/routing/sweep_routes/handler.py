"""Facts of routing that were never announced are announced after all.

Trigger: schedule, every five minutes. Takes: nothing. Emits: whatever was forgotten for over a minute.
On failure: the next run tries again; the context's dead letters count failed invocations.
"""

from collections.abc import Mapping

from kit.door.schedule import schedule
from routing import wiring


@schedule
def handler() -> Mapping[str, int]:
    """Sweep once."""
    return wiring.sweep_routes()()
