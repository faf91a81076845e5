"""Routing's handlers over a small AWS."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import pytest

from routing import wiring
from tests.fabric.wire import Context, bus_event, envelope_of
from tests.fabric.world import create_table, forget, small_aws
from tests.functional.routing.samples import ulid

React = Callable[..., None]


@contextmanager
def routing_world() -> Iterator[React]:
    """A fresh route table; what is given delivers an event to the function that reacts to it."""
    with small_aws({"ROUTE_TABLE": "routes", "POWERTOOLS_SERVICE_NAME": "routing"}):
        forget(wiring)
        create_table("routes")

        def react(function: str, event_type: str, data: dict[str, Any], number: int = 1, producer: str = "serving") -> None:
            handler = import_module(f"functions.routing.{function}.handler").handler
            handler(bus_event(envelope_of(event_type, data, producer=producer, event_id=ulid(number))), Context())

        yield react
    forget(wiring)


@pytest.fixture
def react() -> Iterator[React]:
    """Deliver an event: function, event type, data, number of the event."""
    with routing_world() as deliver:
        yield deliver
