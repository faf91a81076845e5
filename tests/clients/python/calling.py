"""What each client script reports: a JSON document of what it has seen. Where and with which key to ask comes from the environment."""

import json
import os
from collections.abc import Callable
from typing import Any

BASE, KEY = os.environ["CLIENT_BASE_URL"], os.environ["CLIENT_KEY"]
WEATHER: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
    "required": ["city", "days"],
    "additionalProperties": False,
}


def failure(work: Callable[[], Any]) -> dict[str, Any] | None:
    """The class of the exception that the client raises, and what it knows of the answer."""
    try:
        work()
    except Exception as error:  # noqa: BLE001 - which it is, is what is asked
        return {"class": type(error).__name__, "status": getattr(error, "status_code", None), "code": getattr(error, "code", None)}
    return None


def report(seen: dict[str, Any]) -> None:
    """Tell the test."""
    print(json.dumps(seen))  # noqa: T201 - read by the test
