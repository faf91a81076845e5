"""Facts recorded in the model table are told to the bus.

Trigger: the table's stream, inserted rows whose `sk` begins with `LEDGER#`. Takes: the ledger row. Emits: the event in it.
On failure: retried from the failed row, eight attempts with bisecting, then the context's dead letters; the sweep tells it later.
"""

from kit.door.stream import stream
from kit.row import Row
from serving.wiring import reactions


@stream
def handler(row: Row) -> None:
    """Announce one row."""
    reactions.announce_model_changes()(row)
