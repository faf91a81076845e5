"""Schedules, and one-time schedules."""

from collections.abc import Callable, Mapping
from typing import Any

from kit.door.opening import Handler, log_context, opened
from kit.observability import count, logger


def schedule(function: Callable[[], Mapping[str, int]]) -> Handler:
    """A door for a schedule; answers (and logs, and counts) what the sweep mended."""

    @opened(function)
    def handler(message: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - the runtime's signature
        log_context("sweep", context)
        outcome = dict(function())
        count("SweepRepairs", sum(outcome.values()))
        logger.info("swept", extra=outcome)
        return outcome

    return handler


def alarm(function: Callable[[dict[str, Any]], Mapping[str, Any]]) -> Handler:
    """A door for a one-time schedule that we set ourselves, called with what it was set with; answers (and logs) what was done."""

    @opened(function)
    def handler(message: dict[str, Any], context: Any) -> dict[str, Any]:
        log_context("alarm", context)
        outcome = dict(function(message))
        logger.info("alarm rang", extra={"called_with": message, "outcome": outcome})
        return outcome

    return handler
