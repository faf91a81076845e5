"""What operators do with dead letters: they give each back to where it came from, as `docs/runbooks` says."""

import json
from typing import Any

from tests.fabric.platform import Fabric


def give_back(fabric: Fabric) -> int:
    """Take every letter out of the dead-letter queues and send it on its way again; how many there were.

    Those of sweeps are thrown away, as the next tick does the same; so are those of streams, which say where records were and not what
    they said: their sweep announces what was not announced.
    """
    count = 0
    for name, kept in fabric.queues.messages.items():
        if name in fabric.topology.queue_mappings:
            continue
        letters = [json.loads(message.body) for message in kept]
        kept.clear()
        count += len(letters)
        for letter in letters:
            _send(fabric, letter["from"], letter["what"])
    return count


def come_to_rest(fabric: Fabric) -> None:
    """Faults end, everything is delivered, dead letters are given back once, and every context's sweep has been there, rare as some are."""
    fabric.settle()
    written = fabric.tables.changes
    given_back = give_back(fabric)  # what had to wait too long while faults lasted; what comes back now is there by a mistake
    fabric.sweep()
    if given_back or fabric.tables.changes != written:
        fabric.settle()


def _send(fabric: Fabric, whence: str, what: Any) -> None:
    if "DDBStreamBatchInfo" in what or whence in {sweep.function for sweep in fabric.topology.sweeps}:
        return
    if whence in fabric.topology.queues:
        fabric.queues.send(whence, json.dumps(what), "given back")
        return
    fabric.invocations.accept(whence, what.get("requestPayload", what), "given back")
