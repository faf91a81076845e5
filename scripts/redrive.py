"""Shows what a context has given up and, when told to, delivers it again: `python scripts/redrive.py QUEUE_URL [--send]`.

A dead-letter queue here takes what several senders gave up, and SQS itself can only move back what came from another queue
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html). So each letter is taken to where it
was going: a rule's or a schedule's target, a function, or the queue that it came from. Consumers know an event by its own id, so that one
delivered twice does no harm. A letter is deleted once its delivery was accepted, and never before.

Letters of a table's stream hold no fact, only its place in the stream: the sweep has announced it since. They are dropped with `--send`.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

HIDDEN_SECONDS = 300  # from whoever reads next; long enough to deliver what one run takes
_PER_CALL = 10
_WIDTHS = (14, 34, 44, 28)


@dataclass(frozen=True)
class Letter:
    """One message that was given up. `target` is the ARN of the function or queue that it was on its way to; None: nothing to deliver."""

    receipt: str
    sender: str
    target: str | None
    payload: str
    error: str

    @property
    def event(self) -> dict[str, Any]:
        """The event inside, as far as it is one."""
        content = json.loads(self.payload or "{}")
        return content if isinstance(content, dict) else {}

    @property
    def about(self) -> tuple[str, str]:
        """What it is called, and the operation or request that it belongs to."""
        detail = self.event.get("detail") or {}
        return str(self.event.get("detail-type", "")), str((detail.get("metadata") or {}).get("correlation_id", ""))


def read(message: dict[str, Any]) -> Letter:
    """The letter in a message as ReceiveMessage answers it, with all attributes."""
    attributes = {name: value["StringValue"] for name, value in message.get("MessageAttributes", {}).items() if "StringValue" in value}
    receipt, body = message["ReceiptHandle"], message["Body"]
    if "TARGET_ARN" in attributes:
        sender = "schedule" if "SCHEDULE_ARN" in attributes else "rule"
        return Letter(receipt, sender, attributes["TARGET_ARN"], body, attributes.get("ERROR_CODE", ""))
    if source := message.get("Attributes", {}).get("DeadLetterQueueSourceArn"):
        return Letter(receipt, "queue", source, body, "received too often")
    content = json.loads(body)
    about = content.get("requestContext", {}) if isinstance(content, dict) else {}
    if "DDBStreamBatchInfo" in content:
        return Letter(receipt, "stream", None, "", str(about.get("condition", "")))
    if "functionArn" in about:
        error = (content.get("responsePayload") or {}).get("errorType") or about.get("condition", "")
        return Letter(receipt, "function", str(about["functionArn"]), json.dumps(content["requestPayload"]), str(error))
    return Letter(receipt, "unknown", None, body, "")


def letters(sqs: Any, queue_url: str, most: int) -> Iterator[Letter]:
    """Up to so many letters, each hidden from others meanwhile."""
    taken = 0
    while taken < most:
        answer = sqs.receive_message(
            QueueUrl=queue_url,
            MaxNumberOfMessages=min(_PER_CALL, most - taken),
            VisibilityTimeout=HIDDEN_SECONDS,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        )
        if not answer.get("Messages"):
            return
        for message in answer["Messages"]:
            taken += 1
            yield read(message)


def deliver(letter: Letter, sqs: Any, functions: Any) -> bool:
    """Take it to its target; whether it may be deleted. Errors of AWS are raised: the letter then stays where it is."""
    if letter.target is None:
        return letter.sender == "stream"
    service, _, rest = letter.target.split(":", 2)[2].partition(":")
    if service == "sqs":
        _, account, name = rest.split(":")
        url = sqs.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody=letter.payload)
    elif service == "lambda":
        functions.invoke(FunctionName=letter.target, InvocationType="Event", Payload=letter.payload.encode())
    else:
        return False
    return True


def main(arguments: list[str]) -> int:
    """Show, and with `--send` deliver; 1 if a letter could not be understood."""
    import boto3

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("queue_url", help="of the context's dead letters")
    parser.add_argument("--send", action="store_true", help="deliver them again; without it they are shown")
    parser.add_argument("--most", type=int, default=100, help="letters in this run")
    parser.add_argument("--endpoint-url", help="not AWS's own: an emulator's")
    given = parser.parse_args(arguments)
    sqs, functions = (boto3.client(name, endpoint_url=given.endpoint_url) for name in ("sqs", "lambda"))
    left = 0
    seen = list(letters(sqs, given.queue_url, given.most))
    for letter in seen:
        print(
            "  ".join(text[:width].ljust(width) for text, width in zip((letter.sender, *letter.about, letter.error), _WIDTHS, strict=True))
        )
        delivered = given.send and deliver(letter, sqs, functions)
        if delivered:
            sqs.delete_message(QueueUrl=given.queue_url, ReceiptHandle=letter.receipt)
        else:
            left += given.send
            sqs.change_message_visibility(QueueUrl=given.queue_url, ReceiptHandle=letter.receipt, VisibilityTimeout=0)
    print(f"{len(seen)} letter(s){f', {len(seen) - left} delivered' if given.send else ' shown'}")
    return 1 if left else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
