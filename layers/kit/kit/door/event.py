"""Bus rules whose target is a function."""

from collections.abc import Callable
from typing import Any

from kit.door.opening import Handler, final, log_context, opened
from kit.envelope import Envelope, unwrap


def event(function: Callable[[Envelope], None]) -> Handler:
    """A door for a bus rule whose target is this function. A refusal is final (logged); anything else is raised and delivered again."""

    @opened(function)
    def handler(message: dict[str, Any], context: Any) -> None:
        take(message, function, context)

    return handler


def raw_event(function: Callable[[dict[str, Any]], None]) -> Handler:
    """A door for a rule on AWS's own events, which carry no envelope of ours. Refusals and errors as in `event`."""

    @opened(function)
    def handler(message: dict[str, Any], context: Any) -> None:
        log_context(message["id"], context, event_type=message["detail-type"])
        final(lambda: function(message))

    return handler


def take(message: dict[str, Any], function: Callable[[Envelope], None], context: Any) -> None:
    """Unwrap one event of ours and hand it over."""
    envelope = unwrap(message["detail-type"], message["detail"])
    log_context(envelope.metadata.correlation_id, context, event_id=envelope.metadata.id, event_type=envelope.event_type)
    final(lambda: function(envelope))
