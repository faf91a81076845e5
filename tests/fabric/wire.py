"""Real wire payloads: what AWS hands to our functions."""

import json
import marshal
from collections.abc import Mapping, Sequence
from typing import Any

from kit.envelope import Envelope, Metadata


def copied(document: Any) -> Any:
    """JSON's own kinds of values as a new document, of which nothing is shared; ValueError for anything else."""
    return marshal.loads(marshal.dumps(document, 2))  # the version that knows no references


class Context:
    """The runtime's context object, as far as our doors look at it."""

    aws_request_id = "5f0c8a43-0d4b-4b60-b1f1-0c1d2e3f4a5b"
    function_name = "under-test"
    function_version = "$LATEST"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:under-test"


def envelope_of(
    event_type: str,
    data: Mapping[str, Any],
    *,
    producer: str = "serving",
    event_id: str = "01KAHV5X3V8Q4T1N6F2R7C9B0D",
    actor: str = "token:x",
) -> Envelope:
    """An event of ours as another context published it."""
    metadata = Metadata(event_id, "1.0", "2026-01-01T00:00:00.000Z", producer, "test", "01KAHV5X3V8Q4T1N6F2R7C9B0D", None, actor)
    return Envelope(event_type, metadata, dict(data))


def bus_event(envelope: Envelope) -> dict[str, Any]:
    """What a bus rule hands to a function."""
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": envelope.event_type,
        "source": envelope.source,
        "account": "123456789012",
        "time": "2026-01-01T00:00:00Z",
        "region": "eu-west-1",
        "resources": [],
        "detail": json.loads(json.dumps(envelope.detail())),
    }


def queue_event(bodies: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What a queue hands to a function: one message per body."""
    return {
        "Records": [
            {
                "messageId": f"message-{number}",
                "receiptHandle": "handle",
                "body": json.dumps(body),
                "attributes": {
                    "ApproximateReceiveCount": "1",
                    "SentTimestamp": "1767225600000",
                    "SenderId": "AIDAEXAMPLE",
                    "ApproximateFirstReceiveTimestamp": "1767225600001",
                },
                "messageAttributes": {},
                "md5OfBody": "d41d8cd98f00b204e9800998ecf8427e",
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:queue",
                "awsRegion": "eu-west-1",
            }
            for number, body in enumerate(bodies)
        ]
    }


def stream_event(images: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What a table's stream hands to a function: one INSERT per image (DynamoDB JSON)."""
    return {
        "Records": [
            {
                "eventID": f"event-{number}",
                "eventName": "INSERT",
                "eventVersion": "1.1",
                "eventSource": "aws:dynamodb",
                "awsRegion": "eu-west-1",
                "dynamodb": {
                    "ApproximateCreationDateTime": 1767225600.0,
                    "Keys": {"pk": image["pk"], "sk": image["sk"]},
                    "NewImage": dict(image),
                    "SequenceNumber": f"{number + 100}",
                    "SizeBytes": 512,
                    "StreamViewType": "NEW_IMAGE",
                },
                "eventSourceARN": "arn:aws:dynamodb:eu-west-1:123456789012:table/t/stream/2026-01-01T00:00:00.000",
            }
            for number, image in enumerate(images)
        ]
    }


def http_event(
    method: str,
    path: str,
    *,
    principal: Mapping[str, Any] | None = None,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    path_parameters: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """What the HTTP API (payload 2.0) hands to a function; `body` is sent as it is if it is text, else as JSON."""
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": f"{method} {path}",
        "rawPath": path,
        "rawQueryString": "&".join(f"{name}={value}" for name, value in (query or {}).items()),
        "headers": {"content-type": "application/json", "host": "api.example", **(headers or {})},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api",
            "domainName": "api.example",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "curl/8"},
            "requestId": "request-1",
            "routeKey": f"{method} {path}",
            "stage": "$default",
            "time": "01/Jan/2026:00:00:00 +0000",
            "timeEpoch": 1767225600000,
        },
        "isBase64Encoded": False,
    }
    if principal is not None:
        event["requestContext"]["authorizer"] = {"lambda": {"principal": json.dumps(principal)}}
    if body is not None:
        event["body"] = body if isinstance(body, str) else json.dumps(body)
    if path_parameters is not None:
        event["pathParameters"] = dict(path_parameters)
    if query is not None:
        event["queryStringParameters"] = dict(query)
    return event
