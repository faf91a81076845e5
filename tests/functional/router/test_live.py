"""Live streams over a running router process."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web

from contracts.problems import LIVE_PROBLEMS
from tests.functional.router.platform import Platform, RouterProcess, until
from tests.functional.router.stubs import StubAws

PATH = "/live/models/tiny/events"
OPERATION = "01KAHV5X3V8Q4T1N6F2R7C9B0D"


class CountingAws(StubAws):
    """Counts reads of serving's table."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0

    def call(self, operation: str, body: dict[str, Any]) -> web.Response:
        """Answer one call, and count it."""
        self.reads += body.get("TableName") == "models"
        return super().call(operation, body)


@dataclass
class Live:
    """A router whose live streams are fed by a table that the test writes."""

    aws: CountingAws
    platform: Platform
    router: RouterProcess
    revision: int = 0

    def happen(self, *groups: str) -> None:
        """One more entry in the model's ledger."""
        self.revision += 1
        metadata = {
            "id": "01KAHV5X3V8Q4T1N6F2R7C0000",
            "occurred_at": "2026-01-01T00:00:00.000Z",
            "actor": "token:x",
            "correlation_id": "request-1",
            "causation_id": None,
        }
        entry = {"event_type": "ModelUpdated", "metadata": metadata, "data": {}, "before": None, "after": None, "revision": self.revision}
        spec = {"allowed_groups": list(groups or ("research",))}
        self.aws.put("models", "MODEL#tiny", "MODEL", {"revision": self.revision, "life": 1, "spec": spec})
        self.aws.put("models", "MODEL#tiny", f"LEDGER#{self.revision:012d}", entry)

    def listen(self, token: str, path: str = PATH, **headers: str) -> Any:
        """A stream, as a client opens it."""
        headers |= {"Authorization": f"Bearer {token}"}
        return httpx.stream("GET", self.router.url + path, headers=headers, timeout=20, trust_env=False)

    def token(self, *groups: str) -> str:
        """One that may read about models, and not ask them."""
        token = self.platform.token(groups or ("research",), ("models:read",))
        self.router.follows(self.aws)
        return token


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A running router with one model in serving's table."""
    with CountingAws() as aws:
        platform = Platform(aws)
        platform.route("seed", targets=[])
        platform.token()
        router = RouterProcess(aws, tmp_path_factory.mktemp("state"), MODEL_TABLE="models", SLIPWAY_LIVE_HEARTBEAT_SECONDS="0.1")
        found = Live(aws, platform, router)
        found.happen()
        try:
            router.wait_ready()
            yield found
        finally:
            assert router.terminate() == 0, router.lines[-5:]


def _ids(lines: Iterator[str], count: int) -> list[int]:
    found = []
    for line in lines:
        if line.startswith("id: "):
            found.append(int(line.removeprefix("id: ")))
            if len(found) == count:
                break
    return found


def test_a_stream_is_resumed_where_it_broke_off(live: Live) -> None:
    """Signs of life, then what happens; the next connection hears what came between."""
    token = live.token()
    with live.listen(token) as answer:
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        lines = answer.iter_lines()
        assert next(line for line in lines if line.startswith(":")) == ": still here"
        live.happen()
        first = _ids(lines, 1)
    live.happen()
    live.happen()
    with live.listen(token, **{"Last-Event-ID": str(first[0])}) as answer:
        assert _ids(answer.iter_lines(), 2) == [first[0] + 1, first[0] + 2]


def test_nothing_is_read_while_nobody_listens(live: Live) -> None:
    """The last listener gone, the table is left in peace."""
    with live.listen(live.token()) as answer:
        assert next(answer.iter_lines()) == "retry: 2000"
    until(lambda: "slipway_router_live 0.0" in live.router.http.get("/metrics").text)
    seen = live.aws.reads
    revision = live.platform.route("other", targets=[])  # the router goes on following its own tables meanwhile
    until(lambda: f'slipway_router_feed_revision{{feed="routes"}} {float(revision)}' in live.router.http.get("/metrics").text)
    assert live.aws.reads <= seen + 1  # one may have been under way


def test_a_revoked_token_ends_its_streams(live: Live) -> None:
    """With an error in the stream, and no longer than the router takes to hear of it."""
    token = live.token()
    with live.listen(token) as answer:
        lines = answer.iter_lines()
        assert next(lines) == "retry: 2000"
        live.platform.revoke(token)
        rest = "\n".join(lines)
    told = json.loads(rest.rsplit("data: ", 1)[1])
    assert (told["code"], told["type"], told["status"]) == ("not-authenticated", "urn:slipway:problem:not-authenticated", 401)


@pytest.mark.parametrize(
    ("path", "groups", "scopes", "code"),
    [
        (PATH, ("sales",), ("models:read",), "model-not-found"),
        ("/live/models/unknown/events", ("research",), ("models:read",), "model-not-found"),
        (f"/live/operations/{OPERATION}", ("research",), ("models:read",), "operation-not-found"),
        (PATH, ("research",), ("inference",), "scope-missing"),
        ("/live/nothing", ("research",), ("models:read",), "path-not-found"),
    ],
)
def test_who_may_not_listen_is_told_so(live: Live, path: str, groups: tuple[str, ...], scopes: tuple[str, ...], code: str) -> None:
    """In a problem document, with the same answer for what is not there and what is not theirs."""
    token = live.platform.token(groups, scopes)
    live.router.follows(live.aws)
    answer = live.router.http.get(path, headers={"Authorization": f"Bearer {token}", "X-Request-Id": "r-1"})
    assert (answer.status_code, answer.headers["content-type"]) == (LIVE_PROBLEMS[code].status, "application/problem+json")
    problem = answer.json()
    assert (problem["code"], problem["status"], problem["instance"]) == (code, answer.status_code, "r-1")
    assert problem["hint"]
    assert problem["detail"]


def test_nobody_listens_without_a_token(live: Live) -> None:
    """401, with the challenge; the router's other doors answer in OpenAI's shape as before."""
    answer = live.router.http.get(PATH)
    assert (answer.status_code, answer.json()["code"], answer.headers["www-authenticate"]) == (401, "not-authenticated", "Bearer")
    assert live.router.http.get("/v1/models").json()["error"]["code"] == "invalid_api_key"


def test_live_streams_are_only_read(live: Live) -> None:
    """405, as a problem."""
    answer = live.router.http.post(PATH)
    assert (answer.status_code, answer.json()["code"]) == (405, "method-not-allowed")


def test_an_operation_is_followed_to_its_end(live: Live) -> None:
    """How it stands, how it ends, and then the stream ends too."""
    row = {
        "operation_id": OPERATION,
        "model_id": "tiny",
        "kind": "create",
        "status": "Running",
        "allowed_groups": ["research"],
        "edition": 3,
    }
    live.aws.put("models", f"OPERATION#{OPERATION}", "OPERATION", row)
    with live.listen(live.token(), f"/live/operations/{OPERATION}") as answer:
        lines = answer.iter_lines()
        assert _ids(lines, 1) == [3]
        live.aws.put("models", f"OPERATION#{OPERATION}", "OPERATION", row | {"status": "Succeeded", "edition": 4})
        rest = list(lines)
    assert "id: 4" in rest
    assert any('"status": "Succeeded"' in line for line in rest)


def test_a_router_that_stops_lets_its_listeners_go(tmp_path: Path) -> None:
    """At once, and ends with 0: they come back to another one."""
    with CountingAws() as aws:
        platform = Platform(aws)
        platform.route("seed", targets=[])
        token = platform.token(("research",), ("models:read",))
        router = RouterProcess(aws, tmp_path, MODEL_TABLE="models")
        live = Live(aws, platform, router)
        live.happen()
        router.wait_ready()
        router.follows(aws)
        with live.listen(token) as answer:
            lines = answer.iter_lines()
            assert next(lines) == "retry: 2000"
            router.process.terminate()
            list(lines)
        assert router.wait() == 0


def test_without_a_table_there_are_no_streams(tmp_path: Path) -> None:
    """A router that is not told of it answers 404."""
    with CountingAws() as aws:
        platform = Platform(aws)
        platform.route("seed", targets=[])
        token = platform.token(("research",), ("models:read",))
        router = RouterProcess(aws, tmp_path)
        router.wait_ready()
        router.follows(aws)
        assert router.http.get(PATH, headers={"Authorization": f"Bearer {token}"}).status_code == 404
        assert router.terminate() == 0
