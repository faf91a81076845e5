"""What is wanted is compared with what is there, and repaired.

Trigger: schedule, every minute. Takes: nothing. Emits: forgotten facts, `CapacityChanged`, `ModelFailed` past a deadline.
On failure: the next run tries again; the context's dead letters count failed invocations.
"""

from collections.abc import Mapping

from kit.door.schedule import schedule
from serving.wiring import sweeps


@schedule
def handler() -> Mapping[str, int]:
    """Sweep once."""
    return sweeps.sweep_models()()
