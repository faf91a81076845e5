"""The HTTP API: from a request to its function and back, by the template's routes, with the real authorizer for those who bring a token."""

import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from tests.fabric.delivery.agenda import Invoke
from tests.fabric.topology import Lambda, Topology
from tests.fabric.wire import http_event

Answer = tuple[int, Any, dict[str, str]]
_AUTHORIZER = "access/authorize_request"


class Gateway:
    """The management API's front."""

    def __init__(self, topology: Topology, invoke: Invoke, note: Callable[[str], None]) -> None:
        self._topology, self._invoke, self._note = topology, invoke, note

    def request(self, function: str, method: str, path: str, caller: Mapping[str, Any], **more: Any) -> Answer:
        """Status, body and headers. `token` (text) is shown to the authorizer, whose word counts in the place of `caller`."""
        found = self._topology.function(function)
        given = self._parameters(found, method, path)
        token = more.pop("token", None)
        principal: Mapping[str, Any] | None = caller
        if token is not None:
            refused, principal = self._authorised(method, path, token)
            if refused:
                self._note(f"http: {method} {path} → {refused[0]}")
                return refused
        event = http_event(method, path, principal=principal, path_parameters=given, **more)
        outcome = self._invoke(found.name, event)
        if not outcome.fine:
            answer: Answer = 500, {"message": "Internal Server Error"}, {}
        else:
            told = outcome.answer
            answer = told["statusCode"], json.loads(told["body"]) if told["body"] else None, told["headers"]
        about = answer[1] or {}
        word = about.get("operation_id") or about.get("code") or "" if isinstance(about, dict) else ""
        self._note(f"http: {method} {path} → {answer[0]} {word}".rstrip())
        return answer

    def _authorised(self, method: str, path: str, token: str) -> tuple[Answer | None, Mapping[str, Any] | None]:
        event = http_event(method, path, headers={"authorization": f"Bearer {token}"})
        outcome = self._invoke(self._topology.function(_AUTHORIZER).name, event)
        if not outcome.fine:
            return (500, {"message": "Internal Server Error"}, {}), None
        if not outcome.answer["isAuthorized"]:
            return (403, {"message": "Forbidden"}, {}), None
        return None, json.loads(outcome.answer["context"]["principal"])

    def _parameters(self, found: Lambda, method: str, path: str) -> dict[str, str]:
        """What the route's braces hold; ValueError for a path that is not this function's."""
        if found.route is None or found.route[0] != method:
            message = f"{found.folder} answers {found.route}, not {method} {path}"
            raise ValueError(message)
        match = _form(found.route[1]).fullmatch(path)
        if match is None:
            message = f"{found.folder} answers {found.route}, not {method} {path}"
            raise ValueError(message)
        return match.groupdict()


@cache
def _form(route: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(route)))
