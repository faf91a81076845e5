"""Putting events on the bus."""

import json
from collections.abc import Sequence
from typing import Any

from kit.envelope import Envelope
from kit.errors import Broken, Transient

_MAX_ENTRIES = 10  # PutEvents' own limit
_MAX_BYTES = 1_000_000  # PutEvents takes 1 MiB in all; some room is left for the entry's other fields


class Bus:
    """One EventBridge bus."""

    def __init__(self, client: Any, name: str) -> None:
        self._client, self._name = client, name

    def publish(self, envelopes: Sequence[Envelope]) -> None:
        """Put every envelope on the bus, in order, at least once. `Transient` names those the bus refused; send them again."""
        for batch in _batches(envelopes):
            entries = [
                {"EventBusName": self._name, "Source": e.source, "DetailType": e.event_type, "Detail": json.dumps(e.detail())}
                for e in batch
            ]
            answer = self._put(entries)
            taken = answer.get("Entries", ())
            if len(taken) != len(batch):
                raise Transient("bus-unreachable", f"the bus answered for {len(taken)} of {len(batch)} events")
            refused = [e.metadata.id for e, result in zip(batch, taken, strict=True) if not result.get("EventId")]
            if refused:
                raise Transient(
                    "events-not-accepted", f"the bus refused {len(refused)} of {len(batch)} events", details={"event_ids": refused}
                )

    def _put(self, entries: list[dict[str, str]]) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return self._client.put_events(Entries=entries)
        except (BotoCoreError, ClientError) as error:
            raise Transient("bus-unreachable", f"the bus did not take {len(entries)} events: {type(error).__name__}") from error


def _batches(envelopes: Sequence[Envelope]) -> list[list[Envelope]]:
    batches: list[list[Envelope]] = []
    size = 0
    for envelope in envelopes:
        length = len(json.dumps(envelope.detail()))
        if length > _MAX_BYTES:
            raise Broken("event-too-large", f"{envelope.event_type} {envelope.metadata.id} has {length} bytes")
        if not batches or len(batches[-1]) == _MAX_ENTRIES or size + length > _MAX_BYTES:
            batches.append([])
            size = 0
        batches[-1].append(envelope)
        size += length
    return batches
