"""What every door does around its call."""

import functools
from collections.abc import Callable
from typing import Any

from kit.errors import Refused
from kit.observability import logger, metrics, tracer

Handler = Callable[[dict[str, Any], Any], Any]


def opened(function: Callable[..., Any]) -> Callable[[Handler], Handler]:
    """Make a handler around `function`, after which it is named: traced, its metrics flushed after each call."""

    def dress(handler: Handler) -> Handler:
        named = functools.wraps(function)(handler)
        traced: Handler = tracer.capture_lambda_handler(capture_response=False, capture_error=False)(named)
        return _measured(traced)

    return dress


def _measured(function: Handler) -> Handler:
    """Flush the metrics after each call, if there are any: Powertools warns of an empty set, which is no fault here."""

    @functools.wraps(function)
    def handler(message: dict[str, Any], context: Any) -> Any:
        try:
            return function(message, context)
        finally:
            if metrics.metric_set:
                metrics.flush_metrics()

    return handler


def final(call: Callable[[], None]) -> None:
    """A refusal will be refused again however often it is delivered: say so once and let the message go."""
    try:
        call()
    except Refused as error:
        logger.warning("refused", extra={"code": error.code, "reason": error.message})


def log_context(correlation_id: str, context: Any, **keys: str) -> None:
    """What each log line of this call carries, and by what its trace is found."""
    logger.clear_state()
    logger.append_keys(correlation_id=correlation_id, function_request_id=getattr(context, "aws_request_id", None), **keys)
    tracer.put_annotation("correlation_id", correlation_id)  # traces are found by it, as log lines are
