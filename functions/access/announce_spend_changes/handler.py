"""Facts that routers recorded in the spend table are told to the bus.

Trigger: the table's stream, inserted rows whose `sk` begins with `LEDGER#`. Takes: the ledger row. Emits: the event in it.
On failure: retried from the failed row, eight attempts with bisecting, then the context's dead letters; the sweep tells it later.
"""

from access import wiring
from kit.door.stream import stream
from kit.row import Row


@stream
def handler(row: Row) -> None:
    """Announce one row."""
    wiring.announce_spend_changes()(row)
