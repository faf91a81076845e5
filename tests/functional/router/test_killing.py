"""Usage over kills: routers die, the queue forgets and repeats itself, and the sums are what was answered."""

import itertools
import json
import random
import signal
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.evidence import counted, scaled
from tests.fabric import world as fabric
from tests.fabric.wire import Context, http_event
from tests.functional.router.platform import Lives, Platform, target, until
from tests.functional.router.stubs import StubAws, StubEngine
from usage import wiring

CHAT = "/v1/chat/completions"
ASK: dict[str, Any] = {"model": "tiny", "messages": [{"role": "user", "content": "Hello"}]}


class Traffic:
    """Callers who ask one thing after another, each with a token of their own: what each has asked, and what each was answered wholly."""

    def __init__(self, platform: Platform, callers: int) -> None:
        self.tokens = {f"token:{number}": platform.token(principal=f"token:{number}") for number in range(callers)}
        self.asked: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.url = ""
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(principal, token)) for principal, token in self.tokens.items()]

    def __enter__(self) -> "Traffic":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, answers: int) -> None:
        """Until so many more were answered."""
        wanted = self.answered.total() + answers
        until(lambda: self.answered.total() >= wanted)

    def _ask(self, principal: str, token: str) -> None:
        with httpx.Client(headers={"Authorization": f"Bearer {token}"}, timeout=20, trust_env=False) as http:
            for number in itertools.count():
                if self._stop.is_set():
                    return
                if not self.url:
                    self._stop.wait(0.05)
                    continue
                self.asked[principal] += 1
                try:
                    self.answered[principal] += http.post(self.url + CHAT, json=ASK | {"stream": bool(number % 2)}).status_code == 200
                except httpx.TransportError:
                    self._stop.wait(0.05)


@pytest.fixture
def ledger() -> Iterator[Any]:
    """The use case that adds up batches, on a table of its own: delivers bodies as the queue does, and answers the sums by caller."""

    class Ledger:
        def deliver(self, message: Mapping[str, Any]) -> None:
            record = {"messageId": "m", "body": json.dumps(message)}
            handler = import_module("functions.usage.on_usage_reported.handler").handler
            assert handler({"Records": [record]}, Context()) == {"batchItemFailures": []}

        def requests(self, day: str) -> dict[str, int]:
            principal = {"subject": "token:admin", "kind": "token", "groups": [], "scopes": ["admin"]}
            query = {"group_by": "token", "limit": "1000", "from": day}
            event = http_event("GET", "/usage", principal=principal, query=query)
            answer = import_module("functions.usage.read_usage.handler").handler(event, Context())
            return {item["token"]: item["requests"] for item in json.loads(answer["body"])["items"]}

    environment = {"POWERTOOLS_SERVICE_NAME": "usage", "AUDIT_TABLE": "audit", "AUDIT_RETENTION_DAYS": "400"}
    with fabric.small_aws(environment | {"BUS_NAME": "bus", "ENVIRONMENT": "test"}):
        fabric.forget(wiring)
        fabric.create_table("audit")
        yield Ledger()
    fabric.forget(wiring)


def test_kills_and_second_deliveries_lose_and_double_nothing(tmp_path: Path, ledger: Any) -> None:
    """Routers die in the middle of their work, the queue takes batches without saying so and hands each out twice: every answer that
    reached its caller is in the sums, once, and no sum is larger than what was asked."""
    kills = scaled(6)
    with StubAws() as aws, StubEngine() as engine:
        platform = Platform(aws)
        platform.route(targets=[target(engine.port)])
        traffic = Traffic(platform, 4)
        router = Lives(aws, tmp_path, SLIPWAY_USAGE_SECONDS="0.05")
        with traffic:
            for life in range(kills + 1):
                process = router.live()
                aws.forgets = life % 2 == 0
                traffic.url = router.url
                traffic.wait_for(60)
                if life < kills:
                    assert router.die(process) == -signal.SIGKILL
            aws.forgets = False
        assert router.die(process, signal.SIGTERM) == 0
        assert router.close() == 0
        messages = list(aws.messages) * 2
    assert not list(tmp_path.rglob("*.batch"))
    random.Random(0).shuffle(messages)
    for message in messages:
        ledger.deliver(message)
    sums = ledger.requests(min(row["day"] for message in messages for row in message["rows"]))
    lost = sum(max(0, traffic.answered[name] - sums.get(name, 0)) for name in traffic.tokens)
    doubled = sum(max(0, sums.get(name, 0) - traffic.asked[name]) for name in traffic.tokens)
    assert (lost, doubled) == (0, 0)
    assert sum(sums.values()) - traffic.answered.total() <= kills * len(traffic.tokens)  # those under way when it died
    counted("usage_kills", kills)
    counted("usage_records_over_kills", traffic.answered.total())
    counted("usage_batches_delivered", len(messages))
