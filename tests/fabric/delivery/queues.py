"""SQS and the mappings that empty it: visibility, partial answers, redrive after too many receipts, copies, retention."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.fabric.aws.boundary import ACCOUNT, REGION
from tests.fabric.aws.errors import NotFaked, refusal
from tests.fabric.clock import EPOCH
from tests.fabric.delivery.agenda import Ground, Outcome, Thing
from tests.fabric.topology import Queue, Topology


@dataclass(eq=False)
class Message(Thing):
    """One message of one queue; `due` is when it becomes visible again."""

    queue: str = ""
    number: int = 0
    body: str = ""
    sent: float = 0.0
    receives: int = 0


class Queues:
    """Every queue of the stack; those with a mapping are emptied by its function, the others only keep what is left in them."""

    def __init__(self, ground: Ground, topology: Topology) -> None:
        self._ground, self._topology = ground, topology
        self.messages: dict[str, list[Message]] = {name: [] for name in topology.queues}
        self._running: dict[str, int] = dict.fromkeys(topology.queue_mappings, 0)
        self._numbers = 0

    def call(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """SendMessage: all that anybody here asks of SQS's API."""
        if operation != "SendMessage":
            raise NotFaked(operation)
        name = str(given["QueueUrl"]).rsplit("/", 1)[-1]
        if name not in self.messages:
            raise refusal(operation, "AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.")
        return {"MessageId": f"message-{self.send(name, given['MessageBody'], 'SendMessage').number}"}

    def send(self, queue: str, body: str, about: str) -> Message:
        """One message more."""
        self._numbers += 1
        now = self._ground.clock.seconds
        message = Message("queue", f"{queue} <- {about}", now, self, queue=queue, number=self._numbers, body=body, sent=now)
        self.messages[queue].append(message)
        return message

    def things(self) -> list[Thing]:
        """The messages that some function is to take; none of a queue whose function runs as often at a time as it may."""
        found: list[Thing] = []
        for name, mapping in self._topology.queue_mappings.items():
            if not mapping.concurrency or self._running[name] < mapping.concurrency:
                found += self.messages[name]
        return found

    def deliver(self, thing: Thing) -> str:
        """Receive this message and perhaps others that are visible, and hand them to the function as one batch."""
        assert isinstance(thing, Message)
        return self.receive(thing.queue, [thing, *self._others(thing)])

    def receive(self, name: str, batch: list[Message]) -> str:
        """One batch, by the mapping's rules."""
        queue, mapping = self._topology.queues[name], self._topology.queue_mappings[name]
        now = self._ground.clock.seconds
        taken = []
        for message in batch:
            if now - message.sent > queue.retention:
                self.messages[name].remove(message)  # SQS deletes what nobody took in time, without a word
                continue
            message.receives += 1
            if queue.receives and message.receives > queue.receives:
                self._redrive(queue, message)
                continue
            message.due = now + queue.visibility
            taken.append(message)
        if not taken:
            return "none left"
        self._running[name] += 1
        try:
            last = any(queue.receives and message.receives >= queue.receives for message in taken)
            outcome = self._ground.invoke(mapping.function, {"Records": [self._record(message) for message in taken]}, last=last)
        finally:
            self._running[name] -= 1
        kept = failed(outcome, [f"message-{m.number}" for m in taken], partial=mapping.partial)
        for message in taken:
            if f"message-{message.number}" not in kept and message in self.messages[name]:
                self.messages[name].remove(message)
        return str(outcome) if not outcome.fine or not kept else f"{len(kept)} of {len(taken)} failed"

    def duplicate(self, thing: Thing) -> None:
        """The same message twice: same id, same body."""
        assert isinstance(thing, Message)
        copy = Message("queue", thing.what, thing.due, self, queue=thing.queue, number=thing.number, body=thing.body, sent=thing.sent)
        self.messages[thing.queue].append(copy)

    def drop(self, thing: Thing) -> None:
        """Forget it."""
        assert isinstance(thing, Message)
        self.messages[thing.queue].remove(thing)

    def _others(self, first: Message) -> list[Message]:
        """Up to a batch of other visible messages, chosen at random: standard queues know no order."""
        mapping = self._topology.queue_mappings[first.queue]
        now = self._ground.clock.seconds
        visible = [m for m in self.messages[first.queue] if m is not first and m.due <= now and m.number != first.number]
        if not visible:
            return []
        most = min(mapping.batch - 1, len(visible))
        return self._ground.chance.sample(visible, self._ground.chance.randint(0, most))

    def _redrive(self, queue: Queue, message: Message) -> None:
        self.messages[queue.name].remove(message)
        self._ground.dead(queue.dead_letters, queue.name, json.loads(message.body))

    def _record(self, message: Message) -> dict[str, Any]:
        moment = str(int((EPOCH + message.sent) * 1000))
        return {
            "messageId": f"message-{message.number}",
            "receiptHandle": f"handle-{message.number}-{message.receives}",
            "body": message.body,
            "attributes": {
                "ApproximateReceiveCount": str(message.receives),
                "SentTimestamp": moment,
                "SenderId": "AIDAEXAMPLE",
                "ApproximateFirstReceiveTimestamp": moment,
            },
            "messageAttributes": {},
            "md5OfBody": "d41d8cd98f00b204e9800998ecf8427e",
            "eventSource": "aws:sqs",
            "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{message.queue}",
            "awsRegion": REGION,
        }


def failed(outcome: Outcome, identifiers: list[str], *, partial: bool) -> set[str]:
    """Which messages stay in the queue: all after an error, none after an answer, those named where answers may name some.

    An answer that names one that was not in the batch, or none by name, counts as an error of the whole batch.
    """
    if not outcome.fine:
        return set(identifiers)
    if not partial or not outcome.answer:
        return set()
    named = {item.get("itemIdentifier") for item in outcome.answer.get("batchItemFailures") or ()}
    return named if named.issubset(identifiers) else set(identifiers)
