"""Faults on every call of the running platform, by seeded dice in the emulator; and what fired."""

import json
from types import TracebackType
from typing import Any, Self

from tests.e2e.platform import Platform, send
from tests.evidence import counted

ROLES = "arn:aws:sts::*:assumed-role/slipway-local-*"
# Throttling as each service calls it.
THROTTLES = {
    "dynamodb:*": "ThrottlingException",
    "events:*": "ThrottlingException",
    "states:*": "ThrottlingException",
    "ecs:*": "ThrottlingException",
    "scheduler:*": "ThrottlingException",
    "secretsmanager:*": "ThrottlingException",
    "s3:*": "SlowDown",
}


def everywhere(rate: float) -> list[dict[str, Any]]:
    """Rules that hit about `rate` of all calls of all roles: throttles, 5xx, broken connections, lost replies and latency, a fifth each.
    Besides: deliveries of rules, invocations before and after their work, and places for tasks.
    """
    share, calls = rate / 5, {"caller": ROLES, "rate": rate / 5}
    rules: list[dict[str, Any]] = [
        {"action": action, "code": code, "status": 503 if code == "SlowDown" else 400, **calls} for action, code in THROTTLES.items()
    ]
    rules += [
        {"action": "*", "code": "InternalServerError", "status": 500, **calls},
        {"action": "*", "when": "reset", **calls},
        {"action": "*", "when": "after", **calls},
        {"action": "*", "delay_seconds": 0.2, **calls},
        {"action": "target", "code": "ThrottlingException", "rate": rate},
        {"action": "lambda:invoke", "code": "Runtime.ExitError", "status": 500, "rate": share},
        {"action": "lambda:invoke", "when": "after", "rate": share},
        {"action": "ecs:placement", "code": "RESOURCE:MEMORY", "rate": rate},
    ]
    return rules


class Injection:
    """`with Injection(platform, rules, seed) as faults: …`: the rules hold inside; afterwards `fired` says how many hit, by kind."""

    def __init__(self, platform: Platform, rules: list[dict[str, Any]], seed: str) -> None:
        self._url, self._rules, self._seed = f"{platform.settings.endpoint}/_slipway/faults", rules, seed
        self.fired: dict[str, int] = {}
        self.calls = 0

    def __enter__(self) -> Self:
        reply = send("POST", f"{self._url}?seed={self._seed}", json.dumps(self._rules).encode())
        assert reply.status == 200, reply.text
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        seen = send("GET", self._url).json
        send("POST", self._url, b"[]")
        self.calls = seen["calls"]
        for row in seen["counts"]:
            self.fired[row["kind"]] = self.fired.get(row["kind"], 0) + row["count"]
        for name, count in self.fired.items():
            counted("faults_injected", count, kind=name, ring="emulator")
