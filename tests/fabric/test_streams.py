"""Each rule by which a table's stream is delivered, as AWS documents it. Names of pages are those of docs.aws.amazon.com."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.fabric.aws.dynamodb import DynamoDb
from tests.fabric.deliveries import BROKEN, STREAM, TABLE, World
from tests.fabric.delivery.agenda import Outcome
from tests.fabric.delivery.streams import Streams, remaining
from tests.fabric.topology import Topology, topology


def _streams(world: World, stack: Topology | None = None) -> tuple[Streams, DynamoDb]:
    streams = Streams(world.ground(), stack or topology())
    tables = DynamoDb(lambda: world.clock.seconds, streams.changed)
    tables.create(TABLE)
    return streams, tables


def _record(tables: DynamoDb, pk: str, number: int) -> None:
    item = {"pk": {"S": pk}, "sk": {"S": f"LEDGER#{number:012d}"}, "n": {"N": str(number)}}
    tables.call("PutItem", {"TableName": TABLE, "Item": item})


def _numbers(event: Any) -> list[int]:
    return [int(record["dynamodb"]["NewImage"]["n"]["N"]) for record in event["Records"]]


def _poison(number: int, *, partial: bool) -> Callable[[str, Any], Outcome]:
    """A function that never gets past this record: it says so by name, or just fails."""

    def behaves(_: str, event: Any) -> Outcome:
        numbers = _numbers(event)
        if number not in numbers:
            return Outcome(answer={"batchItemFailures": []})
        if not partial:
            return BROKEN
        stuck = event["Records"][numbers.index(number)]["dynamodb"]["SequenceNumber"]
        return Outcome(answer={"batchItemFailures": [{"itemIdentifier": stuck}]})

    return behaves


def test_a_partition_is_told_in_order() -> None:
    """Streams.html: for each item that is modified, the records appear in the order of the modifications; Lambda reads a shard in order."""
    world = World()
    streams, tables = _streams(world)
    for number in range(60):
        _record(tables, "MODEL#a", number)
        _record(tables, "MODEL#b", 100 + number)
    world.exhaust(streams.things)
    told = [number for _, event in world.runs for number in _numbers(event)]
    assert [number for number in told if number < 100] == list(range(60))
    assert [number - 100 for number in told if number >= 100] == list(range(60))
    assert all(len(event["Records"]) <= 25 for _, event in world.runs)


def test_a_filter_keeps_back_what_it_does_not_name() -> None:
    """invocation-eventfiltering.html: records that do not match any filter are not handed over; ours takes new rows of the ledger alone."""
    world = World()
    streams, tables = _streams(world)
    tables.call("PutItem", {"TableName": TABLE, "Item": {"pk": {"S": "MODEL#a"}, "sk": {"S": "MODEL"}}})
    _record(tables, "MODEL#a", 1)
    tables.call("DeleteItem", {"TableName": TABLE, "Key": {"pk": {"S": "MODEL#a"}, "sk": {"S": f"LEDGER#{1:012d}"}}})
    world.exhaust(streams.things)
    assert [_numbers(event) for _, event in world.runs] == [[1]]


@pytest.mark.parametrize(
    ("answer", "from_record"),
    [
        (Outcome(answer={"batchItemFailures": []}), None),
        (Outcome(answer=None), None),
        (Outcome(answer={"batchItemFailures": [{"itemIdentifier": "b"}, {"itemIdentifier": "c"}]}), 1),
        (Outcome(answer={"batchItemFailures": [{"itemIdentifier": "x"}]}), 0),
        (BROKEN, 0),
        (Outcome(crashed=True, error="Runtime.ExitError"), 0),
    ],
)
def test_the_lowest_record_named_is_where_it_goes_on(answer: Outcome, from_record: int | None) -> None:
    """services-ddb-batchfailurereporting.html: the lowest number is the checkpoint; no number is success, an unknown one failure."""
    assert remaining(answer, ["a", "b", "c"], partial=True) == from_record


def test_without_partial_answers_what_a_function_returns_does_not_matter() -> None:
    """services-ddb-batchfailurereporting.html: only with ReportBatchItemFailures is the answer looked at."""
    assert remaining(Outcome(answer={"batchItemFailures": [{"itemIdentifier": "b"}]}), ["a", "b"], partial=False) is None


def test_a_batch_that_fails_is_cut_in_two_until_the_poison_stands_alone() -> None:
    """API_CreateEventSourceMapping, BisectBatchOnFunctionError; MaximumRetryAttempts; OnFailure: everybody else gets through."""
    world = World(_poison(5, partial=False))
    streams, tables = _streams(world)
    for number in range(9):
        _record(tables, "MODEL#a", number)
    world.exhaust(streams.things, most=200)
    through = [number for _, event in world.runs if 5 not in (numbers := _numbers(event)) for number in numbers]
    assert through == [0, 1, 2, 3, 4, 6, 7, 8]
    ((queue, whence, told),) = world.dead
    assert (queue, whence) == ("ServingDeadLetters", STREAM)
    assert told["DDBStreamBatchInfo"]["batchSize"] == 1
    assert told["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert "NewImage" not in json.dumps(told)  # the message says where the records are, not what they say
    assert sum(_numbers(event) == [5] for _, event in world.runs) == 9  # once, and eight times more


def test_a_shard_waits_for_its_poison_and_other_shards_do_not() -> None:
    """with-ddb.html: Lambda retries the batch, and goes on in that shard only when it is through or given up."""
    world = World(_poison(1, partial=True))
    streams, tables = _streams(world)
    for number in range(3):
        _record(tables, "MODEL#a", number)
    tables.call("PutItem", {"TableName": TABLE, "Item": {"pk": {"S": "MODEL#d"}, "sk": {"S": "LEDGER#7"}, "n": {"N": "7"}}})
    shards = streams.things()
    assert len(shards) == 2, "the two partitions were meant to lie in different shards"
    for shard in shards:
        streams.deliver(shard)
    told = [_numbers(event) for _, event in world.runs]
    assert sorted(told) == [[0, 1, 2], [7]]
    (stuck,) = streams.things()
    assert stuck.due > world.clock.seconds
    world.exhaust(streams.things)
    assert [len(_numbers(event)) for _, event in world.runs].count(2) == 8  # retries of what was left
    assert world.dead


def test_records_older_than_a_day_are_gone() -> None:
    """Streams.html: records are kept for 24 hours, then they are removed."""
    world = World()
    streams, tables = _streams(world)
    _record(tables, "MODEL#a", 1)
    world.clock.move_to(86_401.0)
    _record(tables, "MODEL#a", 2)
    world.exhaust(streams.things)
    assert [_numbers(event) for _, event in world.runs] == [[2]]


def test_while_a_batch_is_worked_on_its_shard_is_not_read() -> None:
    """with-ddb.html: one batch at a time for each shard (ParallelizationFactor 1)."""
    seen = []
    world = World()
    streams, tables = _streams(world)

    def behaves(_: str, __: Any) -> Outcome:
        _record(tables, "MODEL#a", 2)
        seen.append(streams.things())
        return Outcome()

    world.behaves = behaves
    _record(tables, "MODEL#a", 1)
    streams.deliver(streams.things()[0])
    assert seen == [[]]
    assert len(streams.things()) == 1
