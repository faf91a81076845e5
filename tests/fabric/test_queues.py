"""Each rule by which queues deliver, as AWS documents it. Names of pages are those of docs.aws.amazon.com."""

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.fabric.deliveries import BROKEN, QUEUE, World
from tests.fabric.delivery.agenda import Outcome
from tests.fabric.delivery.queues import Queues, failed
from tests.fabric.topology import Topology, topology


def _queues(world: World, stack: Topology | None = None) -> Queues:
    return Queues(world.ground(), stack or topology())


def test_messages_that_fail_come_back_and_the_others_do_not() -> None:
    """services-sqs-errorhandling.html: with partial answers only the messages named become visible again, after the visibility time-out."""
    world = World(lambda _, event: Outcome(answer={"batchItemFailures": [{"itemIdentifier": event["Records"][0]["messageId"]}]}))
    queues = _queues(world)
    sent = [queues.send(QUEUE, json.dumps(number), "x") for number in range(3)]
    queues.receive(QUEUE, sent)
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
        (BROKEN, {"a", "b"}),
    ],
)
def test_an_answer_decides_what_stays_in_the_queue(answer: Outcome, kept: set[str]) -> None:
    """services-sqs-errorhandling.html: empty is a success; an error or an unknown identifier fails the whole batch."""
    assert failed(answer, ["a", "b"], partial=True) == kept


def test_after_five_receipts_a_message_is_redriven() -> None:
    """sqs-dead-letter-queues.html: a message received more often than maxReceiveCount moves to the dead-letter queue."""
    world = World(lambda *_: BROKEN)
    queues = _queues(world)
    queues.send(QUEUE, '{"a": 1}', "x")
    world.exhaust(queues.things)
    assert len(world.runs) == 5
    assert [event["Records"][0]["attributes"]["ApproximateReceiveCount"] for _, event in world.runs] == ["1", "2", "3", "4", "5"]
    assert world.dead == [("ServingDeadLetters", QUEUE, {"a": 1})]
    assert world.clock.seconds == 5 * 180.0


def test_a_message_may_come_twice_under_one_id() -> None:
    """standard-queues-at-least-once-delivery.html: on rare occasions a copy is delivered again."""
    world = World()
    queues = _queues(world)
    message = queues.send(QUEUE, "{}", "x")
    queues.duplicate(message)
    world.exhaust(queues.things)
    assert [record["messageId"] for _, event in world.runs for record in event["Records"]] == ["message-1", "message-1"]


def test_messages_nobody_takes_in_time_are_deleted() -> None:
    """sqs-basic-architecture.html, MessageRetentionPeriod: SQS deletes messages that are older; not to the dead letters."""
    world = World()
    queues = _queues(world)
    queues.send("ServingOnLoadObservedQueue", "{}", "x")
    world.clock.move_to(3601.0)
    world.exhaust(queues.things)
    assert (world.runs, world.dead) == ([], [])


def test_no_more_batches_at_a_time_than_the_mapping_allows() -> None:
    """services-sqs-scaling.html, MaximumConcurrency: no more functions at a time; other messages wait unreceived."""
    stack = topology()
    mappings = {**stack.queue_mappings, QUEUE: replace(stack.queue_mappings[QUEUE], concurrency=2)}
    world = World()
    queues = _queues(world, replace(stack, queue_mappings=mappings))
    deepest = []

    def behaves(_: str, __: Any) -> Outcome:
        deepest.append(len(queues.things()))
        if queues.things():
            queues.receive(QUEUE, sent[-1:])
        return Outcome()

    world.behaves = behaves
    sent = [queues.send(QUEUE, "{}", "x") for _ in range(3)]
    queues.receive(QUEUE, sent[:1])
    assert deepest == [3, 0]
