"""Tasks of state machines."""

from collections.abc import Callable
from typing import Any

from kit.door.opening import Handler, log_context, opened


def step(function: Callable[[dict[str, Any]], dict[str, Any]]) -> Handler:
    """A door for a state machine's task. Errors keep their class name: the machine's Retry and Catch read it."""

    @opened(function)
    def handler(message: dict[str, Any], context: Any) -> dict[str, Any]:
        log_context(str(message.get("operation_id", "unknown")), context)
        return function(message)

    return handler
