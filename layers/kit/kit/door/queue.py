"""Queues behind bus rules.

Powertools' batch processor would do the same; importing it takes 40 ms, a seventh of a bare function's import, for it knows every other
kind of batch as well.
"""

import json
from collections.abc import Callable
from typing import Any

from kit.door.event import take
from kit.door.opening import Handler, final, log_context, opened
from kit.envelope import Envelope
from kit.observability import logger


def queue(function: Callable[[Envelope], None]) -> Handler:
    """A door for a queue fed by a bus rule. Each message stands alone: those that fail come back, the others do not."""
    return _queue(function, lambda message, context: take(message, function, context))


def raw_queue(function: Callable[[dict[str, Any]], None]) -> Handler:
    """A door for a queue fed by AWS's own events, which carry no envelope of ours."""

    def hand_over(message: dict[str, Any], context: Any) -> None:
        log_context(message["id"], context)
        final(lambda: function(message))

    return _queue(function, hand_over)


def _queue(function: Callable[..., None], hand_over: Callable[[dict[str, Any], Any], None]) -> Handler:
    @opened(function)
    def handler(message: dict[str, Any], context: Any) -> dict[str, Any]:
        failed = []
        for record in message["Records"]:
            try:
                hand_over(json.loads(record["body"]), context)
            except Exception:  # noqa: BLE001 - whatever it is, the others of the batch are not to blame
                logger.exception("a message failed", extra={"message_id": record["messageId"]})
                failed.append({"itemIdentifier": record["messageId"]})
        return {"batchItemFailures": failed}

    return handler
