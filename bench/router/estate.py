"""What our router stands in: its tables, their stand-in for AWS, and the router's own process."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from bench.conditions import ROOT
from bench.router.machine import Cores, Process, answers, free_port
from contracts.limits import LIMIT_PREFIX, LIMITS_PARTITION
from local.settings import interpreter
from tests.functional.router.platform import PEPPER_ARN, Platform, target
from tests.functional.router.stubs import ENGINE_KEY, StubAws

MODEL: Final = "bench"
GROUP: Final = "research"
PLENTY: Final = 10**11
"""Limits that are counted with every request, and never reached."""


class SpendingAws(StubAws):
    """The stand-in of the tests, and conditional writes, which leases are made of."""

    def _PutItem(self, body: dict[str, Any]) -> web.Response:  # noqa: N802 - AWS's name
        return _done() if self._write([body]) else _failed("ConditionalCheckFailedException")

    def _TransactWriteItems(self, body: dict[str, Any]) -> web.Response:  # noqa: N802 - AWS's name
        return _done() if self._write([item["Put"] for item in body["TransactItems"]]) else _failed("TransactionConflictException")

    def _write(self, puts: list[dict[str, Any]]) -> bool:
        placed = [((put["TableName"], put["Item"]["pk"]["S"], put["Item"]["sk"]["S"]), put) for put in puts]
        if not all(self._holds(key, put) for key, put in placed):
            return False
        self.items.update({key: put["Item"] for key, put in placed})
        return True

    def _holds(self, key: tuple[str, str, str], put: dict[str, Any]) -> bool:
        condition, item = put.get("ConditionExpression"), self.items.get(key)
        if condition is None:
            return True
        if condition.startswith("attribute_not_exists"):
            return item is None
        wanted: dict[str, Any] = put["ExpressionAttributeValues"][":r"]
        return item is not None and item.get("revision") == wanted


def _done() -> web.Response:
    return web.Response(text="{}", content_type="application/x-amz-json-1.1")


def _failed(code: str) -> web.Response:
    return web.Response(status=400, text=json.dumps({"__type": code, "message": code}), content_type="application/x-amz-json-1.1")


@dataclass
class Estate:
    """A platform's tables with `models` models, answered at the upstreams' ports, and `tokens` tokens."""

    aws: SpendingAws
    platform: Platform
    models: list[str]
    tokens: list[str]

    @classmethod
    def made(cls, aws: SpendingAws, upstreams: Sequence[int], *, models: int, tokens: int, policy: bool) -> "Estate":
        """Fill the tables. `policy`: requests, tokens, places and money are limited and counted, for model, group and every token."""
        platform = Platform(aws)
        names = [MODEL, *(f"{MODEL}-{number}" for number in range(1, models))]
        for name in names:
            platform.route(name, targets=[target(port, f"t{port}") for port in upstreams], allowed_groups=[GROUP])
        estate = cls(aws, platform, names, [platform.token((GROUP,)) for _ in range(tokens)])
        if policy:
            estate.limit("group", GROUP, budgets=[{"period": "month", "usd": 1e9}, {"period": "day", "tokens": PLENTY}])
            for name in names:
                estate.limit("model", name, concurrency=PLENTY, prices={"input_usd": 0.5, "output_usd": 1.5})
            for token in estate.tokens:
                estate.limit("token", token.split("_")[1], requests_per_minute=PLENTY, tokens_per_minute=PLENTY)
        return estate

    def limit(self, kind: str, subject: str, **limits: Any) -> None:
        """Limit a token, a group or a model."""
        head = self.aws.items.get(("tokens", LIMITS_PARTITION, "HEAD"))
        generation = int(head["revision"]["N"]) + 1 if head else 1
        row = {
            "kind": kind,
            "subject_id": subject,
            "generation": generation,
            "updated_by": "bench",
            "updated_at": "2026-01-01T00:00:00.000Z",
        }
        row |= limits
        key = f"{kind}#{subject}"
        data = {"kind": kind, "subject_id": subject, "generation": generation, "limits": row}
        self.aws.append("tokens", LIMITS_PARTITION, LIMIT_PREFIX + key, row, data)


def environment(aws: StubAws, port: int, state: Path, *, policy: bool) -> dict[str, str]:
    """The router's own, as its container has it; with `policy` it tells its usage too."""
    told = {"USAGE_QUEUE_URL": f"{aws.url}/000000000000/usage"} if policy else {}
    return told | {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in ("serving_image", "layers/contracts")),
        "AWS_ENDPOINT_URL": aws.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "ENVIRONMENT": "local",
        "ROUTE_TABLE": "routes",
        "TOKEN_TABLE": "tokens",
        "SPEND_TABLE": "spend",
        "BUS_NAME": "bus",
        "PEPPER_SECRET_ARN": PEPPER_ARN,
        "ENGINE_API_KEY": ENGINE_KEY,
        "API_BASE_ALLOW_LIST": "127.0.0.1",
        "SLIPWAY_STATE_DIR": str(state),
        "SLIPWAY_LISTEN_HOST": "127.0.0.1",
        "SLIPWAY_LISTEN_PORT": str(port),
        "SLIPWAY_ROUTER_ID": "router-0",
    }


@contextmanager
def router(estate: Estate, cores: Cores, state: Path, *, policy: bool) -> Iterator[tuple[Process, int]]:
    """A running router and its port. What it logs is read by another process, as a container's log is."""
    port = free_port()
    with Process(cores.pinned(["cat"], gateway=False), dict(os.environ), feed=True) as log:
        command = cores.pinned([str(interpreter("router")), "-m", "router"], gateway=True)
        with Process(command, environment(estate.aws, port, state, policy=policy), output=log.feed) as process:
            answers(f"http://127.0.0.1:{port}/health/ready", 120, process)
            yield process, port
