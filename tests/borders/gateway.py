"""The management API in this process: what API Gateway's HTTP API documents of itself, in front of the real authorizer and handlers.

Routes come from `contracts.api.ROUTES`, events have payload format 2.0. What the service answers itself is what its documentation says:
401 without the identity source, 403 to whom the authorizer does not let in, 404 for no route, 500 for a function that raised.
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

import base64
import itertools
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any
from urllib.parse import parse_qsl, unquote

from contracts.api import ROUTES, ApiRoute
from tests.fabric.wire import Context

_TEXT = ("text/", "application/json", "application/javascript", "application/xml", "application/x-www-form-urlencoded")
_JSON = {"content-type": "application/json"}
Environ = Mapping[str, Any]


@dataclass(frozen=True)
class Reply:
    """An answer as the caller gets it; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body decoded."""
        return json.loads(self.body)


def routed(method: str, path: str) -> tuple[ApiRoute, dict[str, str]] | None:
    """The route that takes this request, the one with the fewest variables before others, and what its variables are."""
    words = path.split("/")
    fitting = []
    for route in ROUTES:
        names = route.path.split("/")
        if route.method == method and len(names) == len(words) and all(_fits(*pair) for pair in zip(names, words, strict=True)):
            found = {name[1:-1]: unquote(word) for name, word in zip(names, words, strict=True) if name.startswith("{")}
            fitting.append((len(found), route, found))
    if not fitting:
        return None
    _, route, found = min(fitting, key=lambda one: one[0])
    return route, found


def _fits(name: str, word: str) -> bool:
    return bool(word) if name.startswith("{") else name == word


class Gateway:
    """Sends requests through authorizer and handler. `raised` remembers errors that left a function: there must never be one."""

    def __init__(self) -> None:
        self.raised: list[BaseException] = []
        self._numbers = itertools.count(1)

    def send(self, method: str, path: str, *, query: str = "", headers: Iterable[tuple[str, str]] = (), body: bytes = b"") -> Reply:
        """One request; `path` and `query` as they are on the wire, percent-encoded."""
        found = routed(method, path)
        if found is None:
            return _own(404, "Not Found")
        route, variables = found
        event = self._event(route, path, variables, query, _joined(headers), body)
        try:
            if route.scope is not None:
                refusal = self._authorized(event)
                if refusal is not None:
                    return refusal
            handler = import_module(f"functions.{route.context}.{route.function}.handler").handler
            return _answered(handler(event, Context()))
        except Exception as error:  # noqa: BLE001 - whatever leaves a function is what the service answers 500 to
            self.raised.append(error)
            return _own(500, "Internal Server Error")

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> list[bytes]:
        """The same as a WSGI application."""
        path, _, query = str(environ.get("REQUEST_URI") or environ["RAW_URI"]).partition("?")
        headers = [(name[5:].replace("_", "-"), str(value)) for name, value in environ.items() if name.startswith("HTTP_")]
        headers += [("content-type", str(environ["CONTENT_TYPE"]))] if environ.get("CONTENT_TYPE") else []
        reply = self.send(environ["REQUEST_METHOD"], path, query=query, headers=headers, body=environ["wsgi.input"].read())
        start_response(f"{reply.status} -", list(reply.headers.items()))
        return [reply.body]

    def _authorized(self, event: dict[str, Any]) -> Reply | None:
        """Enters the principal into the event, or answers in the function's stead."""
        credential = event["headers"].get("authorization")
        if not credential:
            return _own(401, "Unauthorized")
        asked = {name: value for name, value in event.items() if name not in {"body", "isBase64Encoded"}}
        verdict = import_module("functions.access.authorize_request.handler").handler(
            {**asked, "type": "REQUEST", "identitySource": [credential]}, Context()
        )
        if not verdict["isAuthorized"]:
            return _own(403, "Forbidden")
        event["requestContext"]["authorizer"] = {"lambda": verdict["context"]}
        return None

    def _event(
        self, route: ApiRoute, path: str, variables: Mapping[str, str], query: str, headers: Mapping[str, str], body: bytes
    ) -> dict[str, Any]:
        key = f"{route.method} {route.path}"
        event: dict[str, Any] = {
            "version": "2.0",
            "routeKey": key,
            "rawPath": unquote(path),
            "rawQueryString": query,
            "headers": {"host": "api.example", **headers},
            "requestContext": {
                "apiId": "api",
                "http": {"method": route.method, "path": unquote(path), "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "x"},
                "requestId": f"request-{next(self._numbers)}",
                "routeKey": key,
                "stage": "$default",
            },
            "isBase64Encoded": False,
        }
        if variables:
            event["pathParameters"] = dict(variables)
        if asked := _joined(parse_qsl(query, keep_blank_values=True), lower=False):
            event["queryStringParameters"] = asked
        if body:
            event |= _carried(body, headers.get("content-type", ""))
        return event


def _joined(pairs: Iterable[tuple[str, str]], *, lower: bool = True) -> dict[str, str]:
    """Format 2.0 knows no lists: what comes twice is joined by a comma."""
    joined: dict[str, str] = {}
    for name, value in pairs:
        key = name.lower() if lower else name
        joined[key] = f"{joined[key]},{value}" if key in joined else value
    return joined


def _carried(body: bytes, content_type: str) -> dict[str, Any]:
    """Text types as text, everything else, and what is no text, in base 64."""
    if content_type.lower().startswith(_TEXT):
        try:
            return {"body": body.decode(), "isBase64Encoded": False}
        except UnicodeDecodeError:
            pass  # carried as what it is, below
    return {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}


def _answered(answer: Mapping[str, Any]) -> Reply:
    headers = {name.lower(): str(value) for name, value in answer["headers"].items()}
    return Reply(int(answer["statusCode"]), headers, str(answer["body"]).encode())


def _own(status: int, message: str) -> Reply:
    return Reply(status, _JSON, json.dumps({"message": message}).encode())
