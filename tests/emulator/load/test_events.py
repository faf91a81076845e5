"""Lifecycle events by the thousand through the platform's own path: ledger, stream, bus, queue, and the audit beside it."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from zlib import crc32

import pytest

from kit.ids import Ids
from tests.e2e.platform import Platform, eventually
from tests.evidence import counted, scaled

FACTS, AT_ONCE = 1000, 25
EVENTS, ENTRIES, CALLERS = 2500, 10, 4
"""Five seconds of the goal, 500 events a second, in calls of as many entries as one may have. How fast this machine is, is a figure."""
PREFIX = "flood"
IDS = Ids()


@pytest.fixture
def queue(platform: Platform) -> Iterator[str]:
    """A queue that receives the flood's events from the bus."""
    sqs, events, bus = platform.aws("sqs"), platform.aws("events"), platform.values["BUS_NAME"]
    url = sqs.create_queue(QueueName=PREFIX)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    statement = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [statement]})})
    pattern = {"source": ["slipway.serving"], "detail": {"data": {"model_id": [{"prefix": PREFIX}]}}}
    events.put_rule(Name=PREFIX, EventBusName=bus, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=PREFIX, EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
    yield url
    events.remove_targets(Rule=PREFIX, EventBusName=bus, Ids=["queue"])
    events.delete_rule(Name=PREFIX, EventBusName=bus)
    sqs.delete_queue(QueueUrl=url)


def told(number: int, way: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """An event's metadata and data. The model exists nowhere else."""
    event_id, model_id = IDS.new(), f"{PREFIX}-{way}-{number % 10}"
    now = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
    metadata = {"id": event_id, "version": "1.0", "occurred_at": now, "producer": "serving", "environment": "local",
                "correlation_id": event_id, "causation_id": None, "actor": "load", "causation_type": None, "change": None}  # fmt: skip
    data = {"model_id": model_id, "generation": 1, "revision": number // 10 + 1, "condition": "CapacityAvailable",
            "was": "CapacityUnavailable", "since": now, "running": 1}  # fmt: skip
    return metadata, data


def fact(number: int) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """An event's id, and the rows that a command writes with it: ledger entry and outbox marker."""
    metadata, data = told(number, "ledger")
    event_id, pk, sk = metadata["id"], f"MODEL#{data['model_id']}", f"LEDGER#{data['revision']:012d}"
    document = {"event_type": "ModelRecovered", "metadata": metadata, "data": data, "before": None, "after": None}
    ledger = {"pk": {"S": pk}, "sk": {"S": sk}, "document": {"S": json.dumps(document)}, "event_id": {"S": event_id}}
    marker = {"pk": {"S": f"OUTBOX#{crc32(pk.encode()) % 4}"}, "sk": {"S": event_id}, "document": {"S": json.dumps({"pk": pk, "sk": sk})}}
    return event_id, ledger, marker


def test_no_event_is_lost_in_a_flood(platform: Platform, queue: str) -> None:
    """What the ledger holds arrives on the bus and in the audit; what arrives twice bears the same id; the outbox is empty then."""
    facts = [fact(number) for number in range(scaled(FACTS))]
    table, rows = platform.physical("ServingModelTable"), platform.aws("dynamodb")

    def write(part: list[tuple[str, dict[str, Any], dict[str, Any]]]) -> None:
        for _, ledger, marker in part:
            rows.transact_write_items(TransactItems=[{"Put": {"TableName": table, "Item": item}} for item in (ledger, marker)])

    wanted = {event_id for event_id, _, _ in facts}
    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, [facts[start : start + AT_ONCE] for start in range(0, len(facts), AT_ONCE)]))
    came: Counter[str] = Counter()
    eventually(lambda: take(platform, queue, came) and set(came) >= wanted, f"all {len(wanted)} events arrive", 300)
    through = time.monotonic() - began
    eventually(lambda: wanted <= audited(platform), "all are in the audit", 300)
    eventually(lambda: not (wanted & outbox(platform)), "the outbox is empty", 120)
    lost = len(wanted - set(came))
    counted("ledger_facts_lost", lost, ring="emulator")
    counted("ledger_facts_repeated", sum(came.values()) - len(came), ring="emulator")
    counted("ledger_facts_per_second", round(len(facts) / through), ring="emulator")
    assert lost == 0
    assert set(came) == wanted


def test_the_bus_carries_hundreds_of_events_a_second(platform: Platform, queue: str) -> None:
    """Put straight on it, by several callers at once: every one arrives in a queue, and is kept by the audit's function."""
    events, bus = platform.aws("events"), platform.values["BUS_NAME"]
    entries = []
    for number in range(scaled(EVENTS)):
        metadata, data = told(number, "bus")
        detail = json.dumps({"metadata": metadata, "data": data})
        entries.append({"Source": "slipway.serving", "DetailType": "ModelRecovered", "EventBusName": bus, "Detail": detail})
    wanted = {json.loads(entry["Detail"])["metadata"]["id"] for entry in entries}

    def put(start: int) -> int:
        return int(events.put_events(Entries=entries[start : start + ENTRIES])["FailedEntryCount"])

    began = time.monotonic()
    with ThreadPoolExecutor(CALLERS) as pool:
        refused = sum(pool.map(put, range(0, len(entries), ENTRIES)))
    sent = time.monotonic() - began
    came: Counter[str] = Counter()
    eventually(lambda: take(platform, queue, came) and set(came) >= wanted, f"all {len(wanted)} events arrive", 300)
    eventually(lambda: wanted <= audited(platform), "all are in the audit", 600)
    counted("lifecycle_events_sent", len(wanted), ring="emulator")
    counted("lifecycle_events_lost", len(wanted - set(came)) + refused, ring="emulator")
    counted("lifecycle_events_per_second", round(len(wanted) / sent), ring="emulator")
    assert refused == 0
    assert set(came) == wanted


def take(platform: Platform, url: str, came: Counter[str]) -> bool:
    """Take what has arrived; true."""
    sqs = platform.aws("sqs")
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
        came.update(json.loads(message["Body"])["detail"]["metadata"]["id"] for message in messages)
        entries = [{"Id": str(place), "ReceiptHandle": message["ReceiptHandle"]} for place, message in enumerate(messages)]
        sqs.delete_message_batch(QueueUrl=url, Entries=entries)
    return True


def audited(platform: Platform) -> set[str]:
    """Ids in the audit."""
    return {row["sk"]["S"] for row in platform.rows("UsageAuditTable")}


def outbox(platform: Platform) -> set[str]:
    """Ids that wait to be announced."""
    return {row["sk"]["S"] for row in platform.rows("ServingModelTable") if row["pk"]["S"].startswith("OUTBOX#")}
