"""What no consumer can take is given up to its context's dead letters, and that context's alarm rings."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.platform import Platform, eventually

CONTEXTS = ("Access", "Registry", "Routing", "Serving")
POISON = "01JPOISONPOISONPOISONPOISON"[:26]
METADATA = {
    "id": POISON,
    "version": "1.0",
    "occurred_at": "2026-01-01T00:00:00.000Z",
    "producer": "serving",
    "environment": "local",
    "correlation_id": POISON,
    "causation_id": None,
    "actor": "nobody",
}
"""An envelope in order, around nothing that an event of its type may be."""
RECEIVES = 5


@pytest.fixture
def hurried(platform: Platform) -> Iterator[Platform]:
    """The queue shows a message again after a second instead of three minutes; nothing else of its retries is changed."""
    sqs, url = platform.aws("sqs"), platform.physical("ServingOnModelDeletionRequestedQueue")
    before = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "1"})
    yield platform
    sqs.set_queue_attributes(QueueUrl=url, Attributes=before)
    for context in CONTEXTS:
        sqs.purge_queue(QueueUrl=platform.physical(f"{context}DeadLetters"))


def alarms(platform: Platform) -> dict[str, dict[str, Any]]:
    """The alarm on each context's dead letters, by context: whichever names that queue."""
    found = platform.aws("cloudwatch").describe_alarms()["MetricAlarms"]
    names = {platform.physical(f"{context}DeadLetters").rsplit("/", 1)[-1]: context for context in CONTEXTS}
    by_queue = [(alarm, {each["Name"]: each["Value"] for each in alarm["Dimensions"]}.get("QueueName", "")) for alarm in found]
    return {names[queue]: alarm for alarm, queue in by_queue if queue in names}


def letters(platform: Platform, context: str) -> list[dict[str, Any]]:
    """What lies of the poison among a context's dead letters, looked at and left there; other tests may have left some of their own."""
    answer = platform.aws("sqs").receive_message(
        QueueUrl=platform.physical(f"{context}DeadLetters"), MaxNumberOfMessages=10, VisibilityTimeout=0, AttributeNames=["All"]
    )
    return [letter for letter in answer.get("Messages", []) if POISON in letter["Body"]]


def test_each_context_has_an_alarm_on_its_own_dead_letters(platform: Platform) -> None:
    """One letter is enough to ring it: more than none, at any moment of five minutes, and silence is no alarm."""
    rules = ("Namespace", "MetricName", "Statistic", "Threshold", "ComparisonOperator", "EvaluationPeriods", "TreatMissingData")
    wanted = ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum", 0.0, "GreaterThanThreshold", 1, "notBreaching")
    found = alarms(platform)
    assert set(found) == set(CONTEXTS)
    for context, alarm in found.items():
        assert tuple(alarm[name] for name in rules) == wanted, context


def test_a_poison_event_ends_among_the_dead_letters_and_rings(hurried: Platform) -> None:
    """Of a malformed deletion request both who hear it give up: serving's queue after five receives, routing after three tries."""
    before = {context: alarm["StateValue"] for context, alarm in alarms(hurried).items()}
    assert "ALARM" not in before.values(), before
    event = {
        "Source": "slipway.serving",
        "DetailType": "ModelDeletionRequested",
        "EventBusName": hurried.values["BUS_NAME"],
        "Detail": json.dumps({"metadata": METADATA, "data": {"model_id": 7}}),
    }
    assert hurried.aws("events").put_events(Entries=[event])["FailedEntryCount"] == 0
    letter, *_ = eventually(lambda: letters(hurried, "Serving"), "serving has given the event up")  # a bus may deliver twice
    assert METADATA in _objects(json.loads(letter["Body"]))
    told, *_ = eventually(lambda: letters(hurried, "Routing"), "routing has given the event up")
    assert METADATA in _objects(json.loads(told["Body"]))

    def ringing() -> set[str]:
        return {context for context, alarm in alarms(hurried).items() if alarm["StateValue"] == "ALARM"}

    eventually(lambda: len(ringing()) > 1, "both alarms ring")
    assert ringing() == {"Serving", "Routing"}
    history = hurried.aws("cloudwatch").describe_alarm_history(AlarmName=alarms(hurried)["Serving"]["AlarmName"])["AlarmHistoryItems"]
    assert any(item["HistorySummary"].endswith("to ALARM") for item in history)
    eventually(lambda: hurried.logged("serving", POISON).count("a message failed") >= RECEIVES, "each try is in the log")


def _objects(document: Any) -> Iterator[Any]:
    """Every object in a document: a letter is the event, or what the bus wrapped round it."""
    if isinstance(document, dict):
        yield document
        for value in document.values():
            yield from _objects(value)
    elif isinstance(document, list):
        for value in document:
            yield from _objects(value)
