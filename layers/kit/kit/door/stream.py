"""Streams of tables."""

from collections.abc import Callable
from typing import Any

from kit.door.opening import Handler, log_context, opened
from kit.observability import count, logger
from kit.table import Row, decode


def stream(function: Callable[[Row], None]) -> Handler:
    """A door for a table's stream, called with each new row in order. The first that fails stops its batch, which is retried from there.

    Powertools' batch processor would go on behind the failure and so announce later facts before earlier ones.
    """

    @opened(function)
    def handler(message: dict[str, Any], context: Any) -> dict[str, Any]:
        log_context("stream", context)
        for record in message["Records"]:
            try:
                row = decode(record["dynamodb"]["NewImage"])
                function(row)
                count(str(row.document.get("event_type", "Row")))
            except Exception:  # noqa: BLE001 - the mapping retries from this record, bisects, and at last hands it to the dead letters
                logger.exception("a record failed", extra={"event_id": record.get("eventID")})
                return {"batchItemFailures": [{"itemIdentifier": record["dynamodb"]["SequenceNumber"]}]}
        return {"batchItemFailures": []}

    return handler
