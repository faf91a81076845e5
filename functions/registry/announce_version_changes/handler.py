"""Facts recorded in the version table are told to the bus.

Trigger: the table's stream, inserted rows whose `sk` begins with `LEDGER#`. Takes: the ledger row. Emits: the event in it.
On failure: retried from the failed row, eight attempts with bisecting, then the context's dead letters; the sweep tells it later.
"""

from kit.door.stream import stream
from kit.row import Row
from registry import wiring


@stream
def handler(row: Row) -> None:
    """Announce one row."""
    wiring.announce_version_changes()(row)
