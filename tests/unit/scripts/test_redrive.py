"""Dead letters go to where they were going, whoever gave them up, and are deleted only then."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from scripts import redrive

EVENT = {"detail-type": "ModelRequested", "detail": {"metadata": {"correlation_id": "op-1"}, "data": {}}}
FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:on_model_requested"
QUEUE = "arn:aws:sqs:eu-west-1:123456789012:work"


def _message(body: Any, attributes: dict[str, str] | None = None, source: str | None = None) -> dict[str, Any]:
    given = {name: {"StringValue": value, "DataType": "String"} for name, value in (attributes or {}).items()}
    own = {"DeadLetterQueueSourceArn": source} if source else {}
    return {"ReceiptHandle": "r", "Body": json.dumps(body), "MessageAttributes": given, "Attributes": own}


@pytest.mark.parametrize(
    ("message", "sender", "target", "payload", "error"),
    [
        (_message(EVENT, {"RULE_ARN": "r", "TARGET_ARN": FUNCTION, "ERROR_CODE": "THROTTLING"}), "rule", FUNCTION, EVENT, "THROTTLING"),
        (_message({}, {"SCHEDULE_ARN": "s", "TARGET_ARN": FUNCTION, "ERROR_CODE": "X"}), "schedule", FUNCTION, {}, "X"),
        (_message(EVENT, source=QUEUE), "queue", QUEUE, EVENT, "received too often"),
        (
            _message({"requestContext": {"functionArn": FUNCTION}, "requestPayload": EVENT, "responsePayload": {"errorType": "Transient"}}),
            "function",
            FUNCTION,
            EVENT,
            "Transient",
        ),
    ],
    ids=["rule", "schedule", "queue", "function"],
)
def test_a_letter_knows_its_way(message: dict[str, Any], sender: str, target: str, payload: Any, error: str) -> None:
    """By what each sender leaves beside it."""
    letter = redrive.read(message)
    assert (letter.sender, letter.target, json.loads(letter.payload), letter.error) == (sender, target, payload, error)
    assert letter.about == (("ModelRequested", "op-1") if payload else ("", ""))


def test_a_streams_letter_holds_nothing_to_deliver() -> None:
    """Its facts are in the table, and the sweep has announced them; it may go."""
    letter = redrive.read(_message({"requestContext": {"condition": "RetryAttemptsExhausted"}, "DDBStreamBatchInfo": {"shardId": "1"}}))
    assert (letter.sender, letter.target, letter.error) == ("stream", None, "RetryAttemptsExhausted")
    assert redrive.deliver(letter, None, None)


def test_a_letter_that_nobody_knows_stays() -> None:
    """It is shown, and left to a person."""
    letter = redrive.read(_message({"something": "else"}))
    assert letter.sender == "unknown"
    assert not redrive.deliver(letter, None, None)


class Functions:
    """Lambda, as far as it is asked."""

    def __init__(self) -> None:
        self.invoked: list[tuple[str, Any]] = []
        self.refuses = False

    def invoke(self, *, FunctionName: str, InvocationType: str, Payload: bytes) -> None:  # noqa: N803 - boto3's names
        if self.refuses:
            raise ConnectionError
        assert InvocationType == "Event"
        self.invoked.append((FunctionName, json.loads(Payload)))


@pytest.fixture(autouse=True)
def _small_aws() -> Iterator[None]:
    with mock_aws():
        yield


def _world(monkeypatch: pytest.MonkeyPatch) -> tuple[Any, str, str, Functions]:
    for name, value in {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "eu-west-1"}.items():
        monkeypatch.setenv(name, value)
    sqs, functions = boto3.client("sqs"), Functions()
    made = boto3.client
    monkeypatch.setattr(boto3, "client", lambda name, **rest: functions if name == "lambda" else made(name, **rest))
    letters, work = (sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("letters", "work"))
    return sqs, letters, work, functions


def _count(sqs: Any, url: str) -> int:
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return int(found["ApproximateNumberOfMessages"]) + int(found["ApproximateNumberOfMessagesNotVisible"])


def _leave(sqs: Any, url: str, target: str) -> None:
    told = {"TARGET_ARN": {"StringValue": target, "DataType": "String"}}
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps(EVENT), MessageAttributes=told)


def test_letters_are_shown_and_stay(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Reading changes nothing: the next reader sees them at once."""
    sqs, letters, _, functions = _world(monkeypatch)
    _leave(sqs, letters, FUNCTION)
    assert redrive.main([letters]) == 0
    assert redrive.main([letters]) == 0
    assert capsys.readouterr().out.count("ModelRequested") == 2
    assert (_count(sqs, letters), functions.invoked) == (1, [])


def test_letters_are_delivered_and_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    """One to a function, one to a queue."""
    sqs, letters, work, functions = _world(monkeypatch)
    _leave(sqs, letters, FUNCTION)
    _leave(sqs, letters, QUEUE)
    assert redrive.main([letters, "--send"]) == 0
    assert functions.invoked == [(FUNCTION, EVENT)]
    assert json.loads(sqs.receive_message(QueueUrl=work)["Messages"][0]["Body"]) == EVENT
    assert _count(sqs, letters) == 0


def test_a_letter_whose_delivery_fails_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is deleted after its delivery was accepted, never before."""
    sqs, letters, _, functions = _world(monkeypatch)
    _leave(sqs, letters, FUNCTION)
    functions.refuses = True
    with pytest.raises(ConnectionError):
        redrive.main([letters, "--send"])
    assert _count(sqs, letters) == 1
