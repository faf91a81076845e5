"""Queues behind bus rules."""

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
    from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response

    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)

    @opened(function)
    def handler(message: dict[str, Any], context: Any) -> Any:
        def one(record: Any) -> None:
            try:
                hand_over(json.loads(record.body), context)
            except Exception:
                logger.exception("a message failed", extra={"message_id": record.message_id})  # the processor reports it and says no word
                raise

        return process_partial_response(event=message, record_handler=one, processor=processor, context=context)

    return handler
