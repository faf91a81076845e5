"""Access's handlers over a small AWS, and an issuer on the loopback."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from typing import Any

import pytest

from access import wiring
from kit.aws import client
from tests.fabric.wire import Context, http_event
from tests.fabric.world import create_table, forget, small_aws

ADMIN = {"subject": "oidc:root", "kind": "oidc", "groups": [], "scopes": ["admin"]}
ALICE = {"subject": "oidc:alice", "kind": "oidc", "groups": ["research"], "scopes": ["tokens:write", "inference", "models:read"]}
BOB = {"subject": "oidc:bob", "kind": "oidc", "groups": ["research"], "scopes": ["tokens:write", "inference"]}


class House:
    """Access's functions, called as the HTTP API calls them."""

    def call(self, function: str, method: str, path: str, caller: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        """One request; the answer with its body decoded."""
        handler = import_module(f"functions.access.{function}.handler").handler
        answer: dict[str, Any] = handler(http_event(method, path, principal=caller, **more), Context())
        return {**answer, "json": json.loads(answer["body"]) if answer["body"] else None}

    def issue(self, caller: Mapping[str, Any] = ALICE, key: str | None = None, **wish: Any) -> dict[str, Any]:
        """`POST /tokens`."""
        headers = {} if key is None else {"idempotency-key": key}
        return self.call("issue_token", "POST", "/tokens", caller, body={"name": "n", **wish}, headers=headers)

    def revoke(self, token_id: str, caller: Mapping[str, Any] = ALICE, key: str | None = None) -> dict[str, Any]:
        """`DELETE /tokens/{token_id}`."""
        headers = {} if key is None else {"idempotency-key": key}
        path = f"/tokens/{token_id}"
        return self.call("revoke_token", "DELETE", path, caller, path_parameters={"token_id": token_id}, headers=headers)

    def read(self, token_id: str, caller: Mapping[str, Any] = ALICE) -> dict[str, Any]:
        """`GET /tokens/{token_id}`."""
        return self.call("read_token", "GET", f"/tokens/{token_id}", caller, path_parameters={"token_id": token_id})

    def list(self, caller: Mapping[str, Any] = ALICE, **query: str) -> dict[str, Any]:
        """`GET /tokens`."""
        return self.call("list_tokens", "GET", "/tokens", caller, query=query)

    def judge(self, authorization: str | None) -> dict[str, Any]:
        """The authorizer's answer to a header."""
        handler = import_module("functions.access.authorize_request.handler").handler
        headers = {} if authorization is None else {"authorization": authorization}
        event = {**http_event("GET", "/models", headers=headers), "type": "REQUEST", "identitySource": [authorization]}
        answer: dict[str, Any] = handler(event, Context())
        return answer

    def lets_in(self, token: str) -> bool:
        """Whether the bearer of this token gets through."""
        return bool(self.judge(f"Bearer {token}")["isAuthorized"])


@contextmanager
def access_world(environment: Mapping[str, str] | None = None) -> Iterator[House]:
    """A fresh token table and pepper."""
    settings = {
        "TOKEN_TABLE": "tokens",
        "SPEND_TABLE": "spend",
        "PEPPER_SECRET_ARN": "pepper",
        "POWERTOOLS_SERVICE_NAME": "access",
        **(environment or {}),
    }
    with small_aws(settings):
        forget(wiring)
        create_table("tokens")
        create_table("spend")
        client("secretsmanager").create_secret(Name="pepper", SecretString='{"current": "1", "1": "x7Zq0"}')
        yield House()
    forget(wiring)


@pytest.fixture
def house() -> Iterator[House]:
    """Access without an issuer."""
    with access_world() as made:
        yield made


class Issuer:
    """Serves a key set, and counts how often it is asked."""

    def __init__(self) -> None:
        self.keys: list[dict[str, Any]] = []
        self.asked = 0
        issuer = self

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked += 1
                body = json.dumps({"keys": issuer.keys}).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}/jwks.json"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """An OIDC issuer's key set on the loopback."""
    made = Issuer()
    yield made
    made.close()
