"""Each rule of delivery by itself, as AWS documents it. Names of pages are those of docs.aws.amazon.com."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests.fabric.aws.dynamodb import DynamoDb
from tests.fabric.clock import VirtualClock
from tests.fabric.delivery.agenda import Ground, Outcome, Thing
from tests.fabric.delivery.bus import Bus
from tests.fabric.delivery.invocations import Invocations
from tests.fabric.delivery.patterns import matches
from tests.fabric.delivery.queues import Queues, failed
from tests.fabric.delivery.schedules import Schedules
from tests.fabric.delivery.streams import Streams, remaining
from tests.fabric.topology import Topology, topology

_TABLE, _STREAM = "ServingModelTable", "ServingAnnounceModelChangesFunction"
_QUEUE, _WORKER = "ServingOnModelRequestedQueue", "ServingOnModelRequestedFunction"
_REACTION = "ServingOnRouteChangedFunction"
_BROKEN = Outcome(error="Transient", message="no")


@dataclass
class _World:
    """A ground whose functions do what a test says, and what came of it."""

    behaves: Callable[[str, Any], Outcome] = lambda *_: Outcome()
    clock: VirtualClock = field(default_factory=VirtualClock)
    runs: list[tuple[str, Any]] = field(default_factory=list)
    dead: list[tuple[str, str, Any]] = field(default_factory=list)

    def ground(self) -> Ground:
        """What deliveries stand on."""
        return Ground(self.clock, random.Random(0), self._invoke, lambda *told: self.dead.append(told), lambda _: None)

    def _invoke(self, name: str, event: Any, *, last: bool = False) -> Outcome:
        self.runs.append((name, event))
        return self.behaves(name, event)

    def exhaust(self, things: Callable[[], list[Thing]], most: int = 60) -> None:
        """Deliver whatever comes, in its own time, until nothing is left."""
        for _ in range(most):
            if not (found := things()):
                return
            thing = min(found, key=lambda one: one.due)
            self.clock.move_to(thing.due)
            thing.home.deliver(thing)
        message = "there is no end to it"
        raise AssertionError(message)


# ── streams ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _streams(world: _World, stack: Topology | None = None) -> tuple[Streams, DynamoDb]:
    streams = Streams(world.ground(), stack or topology())
    tables = DynamoDb(lambda: world.clock.seconds, streams.changed)
    tables.create(_TABLE)
    return streams, tables


def _record(tables: DynamoDb, pk: str, number: int) -> None:
    item = {"pk": {"S": pk}, "sk": {"S": f"LEDGER#{number:012d}"}, "n": {"N": str(number)}}
    tables.call("PutItem", {"TableName": _TABLE, "Item": item})


def _numbers(event: Any) -> list[int]:
    return [int(record["dynamodb"]["NewImage"]["n"]["N"]) for record in event["Records"]]


def _poison(number: int, *, partial: bool) -> Callable[[str, Any], Outcome]:
    """A function that never gets past this record: it says so by name, or just fails."""

    def behaves(_: str, event: Any) -> Outcome:
        numbers = _numbers(event)
        if number not in numbers:
            return Outcome(answer={"batchItemFailures": []})
        if not partial:
            return _BROKEN
        stuck = event["Records"][numbers.index(number)]["dynamodb"]["SequenceNumber"]
        return Outcome(answer={"batchItemFailures": [{"itemIdentifier": stuck}]})

    return behaves


def test_a_partition_is_told_in_order() -> None:
    """Streams.html: for each item that is modified, the records appear in the order of the modifications; Lambda reads a shard in order."""
    world = _World()
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
    world = _World()
    streams, tables = _streams(world)
    tables.call("PutItem", {"TableName": _TABLE, "Item": {"pk": {"S": "MODEL#a"}, "sk": {"S": "MODEL"}}})
    _record(tables, "MODEL#a", 1)
    tables.call("DeleteItem", {"TableName": _TABLE, "Key": {"pk": {"S": "MODEL#a"}, "sk": {"S": f"LEDGER#{1:012d}"}}})
    world.exhaust(streams.things)
    assert [_numbers(event) for _, event in world.runs] == [[1]]


@pytest.mark.parametrize(
    ("answer", "from_record"),
    [
        (Outcome(answer={"batchItemFailures": []}), None),
        (Outcome(answer=None), None),
        (Outcome(answer={"batchItemFailures": [{"itemIdentifier": "b"}, {"itemIdentifier": "c"}]}), 1),
        (Outcome(answer={"batchItemFailures": [{"itemIdentifier": "x"}]}), 0),
        (_BROKEN, 0),
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
    world = _World(_poison(5, partial=False))
    streams, tables = _streams(world)
    for number in range(9):
        _record(tables, "MODEL#a", number)
    world.exhaust(streams.things, most=200)
    through = [number for _, event in world.runs if 5 not in (numbers := _numbers(event)) for number in numbers]
    assert through == [0, 1, 2, 3, 4, 6, 7, 8]
    ((queue, whence, told),) = world.dead
    assert (queue, whence) == ("ServingDeadLetters", _STREAM)
    assert told["DDBStreamBatchInfo"]["batchSize"] == 1
    assert told["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert "NewImage" not in json.dumps(told)  # the message says where the records are, not what they say
    assert sum(_numbers(event) == [5] for _, event in world.runs) == 9  # once, and eight times more


def test_a_shard_waits_for_its_poison_and_other_shards_do_not() -> None:
    """with-ddb.html: Lambda retries the batch, and goes on in that shard only when it is through or given up."""
    world = _World(_poison(1, partial=True))
    streams, tables = _streams(world)
    for number in range(3):
        _record(tables, "MODEL#a", number)
    tables.call("PutItem", {"TableName": _TABLE, "Item": {"pk": {"S": "MODEL#d"}, "sk": {"S": "LEDGER#7"}, "n": {"N": "7"}}})
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
    world = _World()
    streams, tables = _streams(world)
    _record(tables, "MODEL#a", 1)
    world.clock.move_to(86_401.0)
    _record(tables, "MODEL#a", 2)
    world.exhaust(streams.things)
    assert [_numbers(event) for _, event in world.runs] == [[2]]


def test_while_a_batch_is_worked_on_its_shard_is_not_read() -> None:
    """with-ddb.html: one batch at a time for each shard (ParallelizationFactor 1)."""
    seen = []
    world = _World()
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


# ── the bus ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _put(bus: Bus, detail_type: str = "RouteChanged", source: str = "slipway.routing", **detail: Any) -> None:
    entry = {"EventBusName": topology().bus, "Source": source, "DetailType": detail_type, "Detail": json.dumps(detail)}
    assert bus.call("PutEvents", {"Entries": [entry]})["FailedEntryCount"] == 0


def test_every_target_of_every_rule_that_matches_gets_the_event() -> None:
    """eb-rules.html: an event may match many rules, and each sends it on by itself."""
    world, handed = _World(), []
    bus = Bus(world.ground(), topology(), lambda target, event, _: handed.append((target.name, event["id"])))
    _put(bus, "ModelRequested", "slipway.serving", data={"hosting": "hosted"})
    world.exhaust(bus.things)
    names = [name for name, _ in handed]
    assert {_QUEUE, "RegistryOnModelRequestedFunction", "UsageOnFactAnnouncedFunction", "ServingArmScheduleFunction"} == set(names)
    assert len({identity for _, identity in handed}) == 1


def test_an_event_that_is_put_again_has_another_id() -> None:
    """API_PutEventsResultEntry: the id is the bus's own, new for each entry; a retried PutEvents is another event to everybody."""
    world = _World()
    bus = Bus(world.ground(), topology(), lambda *_: None)
    _put(bus)
    _put(bus)
    assert len({event["id"] for event in bus.seen}) == 2


def test_a_target_that_refuses_is_tried_again_and_then_the_dead_letters_have_it() -> None:
    """eb-rule-retry-policy.html and eb-rule-dlq.html: MaximumRetryAttempts with back-off, then the target's own queue."""
    world, handed = _World(), []
    bus = Bus(world.ground(), topology(), lambda target, _, __: handed.append(target.name))
    _put(bus)
    (delivery,) = bus.waiting
    delivery.refused = 99  # type: ignore[attr-defined]  # it is a Delivery
    world.exhaust(bus.things)
    assert handed == []
    assert delivery.attempts == 5  # type: ignore[attr-defined]
    ((queue, whence, event),) = world.dead
    assert (queue, whence, event["detail-type"]) == ("ServingDeadLetters", _REACTION, "RouteChanged")


def test_a_target_that_comes_back_in_time_gets_the_event() -> None:
    """eb-rule-retry-policy.html: retries end with the first success."""
    world, handed = _World(), []
    bus = Bus(world.ground(), topology(), lambda target, _, __: handed.append(target.name))
    _put(bus)
    bus.waiting[0].refused = 3  # type: ignore[attr-defined]
    world.exhaust(bus.things)
    assert handed == [_REACTION]
    assert world.clock.seconds > 3


@pytest.mark.parametrize(
    ("pattern", "event", "met"),
    [
        ({"source": ["a"]}, {"source": "a"}, True),
        ({"source": ["a", "b"]}, {"source": "c"}, False),
        ({"source": ["a"]}, {}, False),
        ({"detail": {"group": [{"prefix": "service:slipway-"}]}}, {"detail": {"group": "service:slipway-x"}}, True),
        ({"detail": {"group": [{"prefix": "service:slipway-"}]}}, {"detail": {"group": "family:x"}}, False),
        ({"resources": [{"prefix": "arn:x"}]}, {"resources": ["arn:y", "arn:x/1"]}, True),
        ({"state": [{"anything-but": ["open"]}]}, {"state": "closed"}, True),
        ({"state": [{"anything-but": "open"}]}, {"state": "open"}, False),
        ({"state": [{"anything-but": {"prefix": "op"}}]}, {"state": "open"}, False),
        ({"state": [{"anything-but": ["open"]}]}, {}, False),
        ({"state": [{"exists": False}]}, {}, True),
        ({"a": {"b": [{"exists": False}]}}, {}, True),
        ({"state": [{"exists": True}]}, {"state": None}, True),
        ({"asleep": [True]}, {"asleep": True}, True),
        ({"asleep": [True]}, {"asleep": 1}, False),
        ({"n": [{"numeric": [">", 0, "<=", 5]}]}, {"n": 5}, True),
        ({"n": [{"numeric": [">", 0]}]}, {"n": "5"}, False),
        ({"name": [{"suffix": ".gguf"}, {"equals-ignore-case": "X"}]}, {"name": "x"}, True),
        ({"$or": [{"a": [1]}, {"b": [2]}]}, {"b": 2}, True),
        ({"a": [1], "b": [2]}, {"a": 1, "b": 3}, False),
    ],
)
def test_patterns_match_as_documented(pattern: Any, event: Any, met: bool) -> None:
    """eb-create-pattern-operators.html: each operator, $or, and that all fields must match."""
    assert matches(pattern, event) is met


def test_an_operator_that_nobody_interprets_is_an_error() -> None:
    """A pattern in the template that uses more than is interpreted here must not match by accident."""
    with pytest.raises(ValueError, match="wildcard"):
        matches({"a": [{"wildcard": "x*"}]}, {"a": "xy"})


# ── queues ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _queues(world: _World, stack: Topology | None = None) -> Queues:
    return Queues(world.ground(), stack or topology())


def test_messages_that_fail_come_back_and_the_others_do_not() -> None:
    """services-sqs-errorhandling.html: with partial answers only the messages named become visible again, after the visibility time-out."""
    world = _World(lambda _, event: Outcome(answer={"batchItemFailures": [{"itemIdentifier": event["Records"][0]["messageId"]}]}))
    queues = _queues(world)
    sent = [queues.send(_QUEUE, json.dumps(number), "x") for number in range(3)]
    queues.receive(_QUEUE, sent)
    assert queues.things() == sent[:1]
    assert sent[0].due == 180.0


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        (Outcome(answer={"batchItemFailures": []}), set()),
        (Outcome(answer=None), set()),
        (Outcome(answer={"batchItemFailures": [{"itemIdentifier": "b"}]}), {"b"}),
        (Outcome(answer={"batchItemFailures": [{"itemIdentifier": "nobody"}]}), {"a", "b"}),
        (Outcome(answer={"batchItemFailures": [{"itemIdentifier": None}]}), {"a", "b"}),
        (_BROKEN, {"a", "b"}),
    ],
)
def test_an_answer_decides_what_stays_in_the_queue(answer: Outcome, kept: set[str]) -> None:
    """services-sqs-errorhandling.html: empty is a success; an error or an unknown identifier fails the whole batch."""
    assert failed(answer, ["a", "b"], partial=True) == kept


def test_after_five_receipts_a_message_is_redriven() -> None:
    """sqs-dead-letter-queues.html: a message received more often than maxReceiveCount moves to the dead-letter queue."""
    world = _World(lambda *_: _BROKEN)
    queues = _queues(world)
    queues.send(_QUEUE, '{"a": 1}', "x")
    world.exhaust(queues.things)
    assert len(world.runs) == 5
    assert [event["Records"][0]["attributes"]["ApproximateReceiveCount"] for _, event in world.runs] == ["1", "2", "3", "4", "5"]
    assert world.dead == [("ServingDeadLetters", _QUEUE, {"a": 1})]
    assert world.clock.seconds == 5 * 180.0


def test_a_message_may_come_twice_under_one_id() -> None:
    """standard-queues-at-least-once-delivery.html: on rare occasions a copy is delivered again."""
    world = _World()
    queues = _queues(world)
    message = queues.send(_QUEUE, "{}", "x")
    queues.duplicate(message)
    world.exhaust(queues.things)
    assert [record["messageId"] for _, event in world.runs for record in event["Records"]] == ["message-1", "message-1"]


def test_messages_nobody_takes_in_time_are_deleted() -> None:
    """sqs-basic-architecture.html, MessageRetentionPeriod: SQS deletes messages that are older; not to the dead letters."""
    world = _World()
    queues = _queues(world)
    queues.send("ServingOnLoadObservedQueue", "{}", "x")
    world.clock.move_to(3601.0)
    world.exhaust(queues.things)
    assert (world.runs, world.dead) == ([], [])


def test_no_more_batches_at_a_time_than_the_mapping_allows() -> None:
    """services-sqs-scaling.html, MaximumConcurrency: no more functions at a time; other messages wait unreceived."""
    stack = topology()
    mappings = {**stack.queue_mappings, _QUEUE: replace(stack.queue_mappings[_QUEUE], concurrency=2)}
    world = _World()
    queues = _queues(world, replace(stack, queue_mappings=mappings))
    deepest = []

    def behaves(_: str, __: Any) -> Outcome:
        deepest.append(len(queues.things()))
        if queues.things():
            queues.receive(_QUEUE, [queues.things()[-1]])  # type: ignore[list-item]  # they are messages
        return Outcome()

    world.behaves = behaves
    first, *_ = [queues.send(_QUEUE, "{}", "x") for _ in range(3)]
    queues.receive(_QUEUE, [first])
    assert deepest == [3, 0]


# ── asynchronous invocations ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_function_that_fails_is_run_twice_more_and_then_its_destination_is_told() -> None:
    """invocation-async-error-handling.html: a minute before the second attempt, two before the third; then the on-failure destination."""
    moments = []

    def behaves(_: str, __: Any) -> Outcome:
        moments.append(world.clock.seconds)
        return _BROKEN

    world = _World(behaves)
    invocations = Invocations(world.ground(), topology())
    invocations.accept(_REACTION, {"a": 1}, "x")
    world.exhaust(invocations.things)
    assert moments == [0.0, 60.0, 180.0]
    ((queue, whence, told),) = world.dead
    assert (queue, whence) == ("ServingDeadLetters", _REACTION)
    assert told["requestPayload"] == {"a": 1}
    assert told["requestContext"] == {"condition": "RetriesExhausted", "approximateInvokeCount": 3, "functionArn": _REACTION}
    assert told["responsePayload"]["errorType"] == "Transient"


def test_an_event_may_be_run_twice_although_nothing_failed() -> None:
    """invocation-async.html: the queue is eventually consistent; an event may be handed over more than once."""
    world = _World()
    invocations = Invocations(world.ground(), topology())
    invocations.duplicate(invocations.accept(_REACTION, {}, "x"))
    world.exhaust(invocations.things)
    assert len(world.runs) == 2


def test_an_event_that_has_grown_too_old_is_given_up() -> None:
    """invocation-async-error-handling.html, MaximumEventAge: no further attempt after it, and the destination is told why."""
    world = _World(lambda *_: _BROKEN)
    invocations = Invocations(world.ground(), topology())
    invocations.accept(_REACTION, {}, "x")
    invocations.waiting[0].due = 3590.0
    world.exhaust(invocations.things)
    assert len(world.runs) == 1
    assert world.dead[0][2]["requestContext"]["condition"] == "EventAgeExceeded"


# ── schedules ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _schedules(world: _World) -> tuple[Schedules, Invocations]:
    ground = world.ground()
    invocations = Invocations(ground, topology())
    return Schedules(ground, topology(), invocations, ("alarms",)), invocations


def _alarm(at: str) -> dict[str, Any]:
    arn = "arn:aws:lambda:eu-west-1:123456789012:function:slipway-test-apply-schedule"
    target = {"Arn": arn, "RoleArn": "r", "Input": '{"model_id": "m1"}'}
    return {"Name": "m1", "GroupName": "alarms", "ScheduleExpression": f"at({at})", "Target": target}


def test_sweeps_come_as_often_as_the_template_says() -> None:
    """schedule-types.html, rate-based: serving's every minute, everybody else's every five."""
    world = _World()
    schedules, invocations = _schedules(world)
    for _ in range(200):
        thing = min(schedules.things(), key=lambda one: one.due)
        if thing.due > 600:
            break
        world.clock.move_to(thing.due)
        schedules.deliver(thing)
        while invocations.waiting:
            invocations.deliver(invocations.waiting[0])
    names = [name for name, _ in world.runs]
    assert names.count("ServingSweepModelsFunction") == 10
    assert names.count("RoutingSweepRoutesFunction") == 2


def test_an_alarm_rings_once_and_is_removed_after_it() -> None:
    """schedule-types.html, one-time, and API_CreateSchedule, ActionAfterCompletion DELETE: it calls, and some time later is gone."""
    world = _World()
    schedules, invocations = _schedules(world)
    schedules.call("CreateSchedule", _alarm("2026-01-01T00:01:00"))
    (alarm,) = schedules.alarms["alarms"].values()
    assert alarm.due == 60.0
    world.clock.move_to(60.0)
    schedules.deliver(alarm)
    invocations.deliver(invocations.waiting[0])
    assert world.runs == [("ServingApplyScheduleFunction", {"model_id": "m1"})]
    assert alarm.due == 120.0
    world.clock.move_to(120.0)
    schedules.deliver(alarm)
    assert schedules.alarms["alarms"] == {}


def test_an_alarm_set_anew_outlives_the_removal_of_the_one_before() -> None:
    """API_UpdateSchedule: a schedule that is updated is another; what was due of the former is not done to it here."""
    world = _World()
    schedules, _ = _schedules(world)
    schedules.call("CreateSchedule", _alarm("2026-01-01T00:01:00"))
    (alarm,) = schedules.alarms["alarms"].values()
    world.clock.move_to(60.0)
    schedules.deliver(alarm)
    schedules.call("UpdateSchedule", _alarm("2026-01-02T00:00:00"))
    schedules.deliver(alarm)
    assert list(schedules.alarms["alarms"]) == ["m1"]
