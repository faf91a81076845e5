"""A router tells of the load that it sees on a model."""

from dataclasses import replace

from kit.clock import iso, parse
from kit.errors import InvalidRequest
from serving.domain.change import Cause
from serving.domain.scaling import Load
from serving.usecases.counting import Counting

ACTOR = "autoscaler"


class OnLoadObserved:
    """Keeps the router's word, and lets the number of copies follow the load. Words that come late or twice change nothing."""

    def __init__(self, counting: Counting) -> None:
        self._counting = counting

    def __call__(self, model_id: str, load: Load, last_request_at: str | None, correlation_id: str, event_id: str) -> None:
        """`last_request_at` is what that router knows. InvalidRequest for moments that are none."""
        try:
            told = replace(load, observed_at=iso(parse(load.observed_at)))
            last = iso(parse(last_request_at)) if last_request_at else None
        except ValueError as error:
            raise InvalidRequest("moment-unreadable", f"{load.router_id} gave a moment that is none: {error}") from error
        self._counting.hear(model_id, told, last, Cause(ACTOR, correlation_id, event_id))
