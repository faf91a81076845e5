"""DynamoDB streams and the mappings that follow them: order within a shard, retries, bisecting, checkpoints, the on-failure queue."""

import zlib
from dataclasses import dataclass, field
from typing import Any

from tests.fabric.aws.table import Record
from tests.fabric.clock import moment
from tests.fabric.delivery.agenda import Ground, Outcome, Thing
from tests.fabric.topology import StreamMapping, Topology

SHARDS = 2
"""Of every table; a partition's records are all in one of them."""
KEPT_SECONDS = 86_400.0
BACK_OFF, LONGEST = 1.0, 60.0


@dataclass
class Batch:
    """Records that are handed over together, and how often they were."""

    records: list[Record]
    attempts: int = 0


@dataclass(eq=False)
class Shard(Thing):
    """One shard as its mapping reads it. `parts`: a batch that failed, and what it was cut into; they come before everything else."""

    mapping: StreamMapping | None = None
    backlog: list[Record] = field(default_factory=list)
    parts: list[Batch] = field(default_factory=list)
    running: bool = False


class Streams:
    """Every stream that some function follows."""

    def __init__(self, ground: Ground, topology: Topology) -> None:
        self._ground = ground
        self._shards: dict[str, list[Shard]] = {}
        for table, mapping in topology.stream_mappings.items():
            self._shards[table] = [Shard("stream", f"{mapping.function} <- shard {n}", 0.0, self, mapping=mapping) for n in range(SHARDS)]

    def changed(self, record: Record) -> None:
        """A table has changed: the record waits in its shard, unless the mapping's filter does not want it."""
        shards = self._shards.get(record.table)
        if not shards or not _wanted(shards[0].mapping, record):
            return
        shard = shards[zlib.crc32(record.keys["pk"]["S"].encode()) % len(shards)]
        if not shard.backlog and not shard.parts:
            shard.due = max(shard.due, self._ground.clock.seconds)
        shard.backlog.append(record)

    def things(self) -> list[Thing]:
        """The shards that have something to tell; one whose batch is being worked on has to wait."""
        return [s for shards in self._shards.values() for s in shards if (s.backlog or s.parts) and not s.running]

    def deliver(self, thing: Thing) -> str:
        """Hand over the next batch of the shard."""
        shard, mapping = _known(thing)
        batch = self._next(shard, mapping)
        if not batch.records:
            return "nothing left: older than a day"
        shard.running = True
        try:
            last = 0 <= mapping.attempts <= batch.attempts
            outcome = self._ground.invoke(mapping.function, {"Records": [record.document() for record in batch.records]}, last=last)
        finally:
            shard.running = False
        left = remaining(outcome, [f"{record.number:021d}" for record in batch.records], partial=mapping.partial)
        told = f"{len(batch.records)} record(s): {outcome}"
        if left is None:
            return told
        rest = batch.records[left:]
        progressed = left > 0
        self._retry(shard, mapping, Batch(rest, 0 if progressed else batch.attempts), outcome, whole=not progressed and not _names(outcome))
        return f"{told}, {len(rest)} of them again"

    def duplicate(self, thing: Thing) -> None:
        """The checkpoint of the next batch gets lost: it is handed over again."""
        shard, mapping = _known(thing)
        batch = self._next(shard, mapping)
        if batch.records:
            shard.parts = [Batch(list(batch.records)), batch, *shard.parts]

    def drop(self, thing: Thing) -> None:
        """The next batch is lost, as after a day."""
        self._next(*_known(thing))

    def _next(self, shard: Shard, mapping: StreamMapping) -> Batch:
        """Take the next batch off the shard. Records older than a day are gone."""
        oldest = self._ground.clock.seconds - KEPT_SECONDS
        shard.backlog = [record for record in shard.backlog if record.at >= oldest]
        while shard.parts:
            part = shard.parts.pop(0)
            part.records = [record for record in part.records if record.at >= oldest]
            if part.records:
                return part
        batch = Batch(shard.backlog[: mapping.batch])
        del shard.backlog[: mapping.batch]
        return batch

    def _retry(self, shard: Shard, mapping: StreamMapping, batch: Batch, outcome: Outcome, *, whole: bool) -> None:
        """What failed comes again: cut in two where that is asked for, which is no attempt; else as it is, until it has had all of them."""
        now = self._ground.clock.seconds
        if whole and mapping.bisects and len(batch.records) > 1:
            middle = len(batch.records) // 2
            shard.parts = [Batch(batch.records[:middle], batch.attempts), Batch(batch.records[middle:], batch.attempts), *shard.parts]
            shard.due = now + BACK_OFF
            return
        batch.attempts += 1
        if 0 <= mapping.attempts < batch.attempts:
            self._give_up(mapping, batch, outcome)  # all that is left of it, good records too: the sweep announces those
            return
        shard.parts = [batch, *shard.parts]
        shard.due = now + min(LONGEST, BACK_OFF * 2 ** (batch.attempts - 1))

    def _give_up(self, mapping: StreamMapping, batch: Batch, outcome: Outcome) -> None:
        """Tell the on-failure queue where the records are: not what they say."""
        told = {
            "version": "1.0",
            "timestamp": moment(self._ground.clock.seconds, "milliseconds"),
            "requestContext": {
                "condition": "RetryAttemptsExhausted",
                "approximateInvokeCount": batch.attempts,
                "functionArn": mapping.function,
            },
            "responseContext": {"functionError": outcome.error or "Unhandled"},
            "DDBStreamBatchInfo": {
                "startSequenceNumber": f"{batch.records[0].number:021d}",
                "endSequenceNumber": f"{batch.records[-1].number:021d}",
                "batchSize": len(batch.records),
                "streamArn": mapping.table,
            },
        }
        self._ground.dead(mapping.dead_letters, mapping.function, told)


def remaining(outcome: Outcome, numbers: list[str], *, partial: bool) -> int | None:
    """From which record on the batch has to come again; None = it is done.

    With partial answers the lowest number named is the checkpoint; an answer that names none of the batch fails it as a whole.
    """
    if not outcome.fine:
        return 0
    named = _names(outcome)
    if not partial or not named:
        return None
    known = [numbers.index(name) for name in named if name in numbers]
    return min(known) if known else 0


def _names(outcome: Outcome) -> list[str]:
    answer = outcome.answer if isinstance(outcome.answer, dict) else {}
    return [str(item.get("itemIdentifier")) for item in answer.get("batchItemFailures") or ()]


def _wanted(mapping: StreamMapping | None, record: Record) -> bool:
    if mapping is None or not mapping.filters:
        return mapping is not None
    seen: dict[str, Any] = {"eventName": record.name, "dynamodb": {"Keys": record.keys, "NewImage": record.image}}
    return any(meets(seen) for meets in mapping.meets)


def _known(thing: Thing) -> tuple[Shard, StreamMapping]:
    assert isinstance(thing, Shard)
    assert thing.mapping is not None
    return thing, thing.mapping
