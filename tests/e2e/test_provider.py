"""A model that a third party serves: a stub of one, at the only private address that this environment allows."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.e2e.platform import Platform, Started, eventually
from tests.e2e.steady import SteadyClients

KEY = "sk-upstream-5d1c7e"
_BASE = {"id": "chatcmpl-1", "created": 1, "model": "stub-1"}


class Upstream(ThreadingHTTPServer):
    """Answers chat completions, plain and streamed, and keeps the requests that it got."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.seen: list[tuple[str, dict[str, Any]]] = []


class _Handler(BaseHTTPRequestHandler):
    server: Upstream

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.seen.append((self.headers.get("Authorization", ""), body))
        content, kind = (_streamed(), "text/event-stream") if body.get("stream") else (json.dumps(_whole()).encode(), "application/json")
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Be quiet."""


def _whole() -> dict[str, Any]:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello from afar."}}
    usage = {"prompt_tokens": 1, "completion_tokens": 4, "total_tokens": 5}
    return _BASE | {"object": "chat.completion", "choices": [choice], "usage": usage}


def _streamed() -> bytes:
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": "Hello "}, {"content": "from afar."}, {}]
    chunks = [
        _BASE | {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": None if delta else "stop"}]}
        for delta in deltas
    ]
    return "".join(f"data: {text}\n\n" for text in [*(json.dumps(chunk) for chunk in chunks), "[DONE]"]).encode()


@pytest.fixture(scope="module")
def upstream(started: Started) -> Iterator[Upstream]:
    """The stub, listening."""
    server = Upstream(started.platform.upstream_port)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def faraway(started: Started, upstream: Upstream) -> Iterator[Platform]:
    """A provider's model, in service."""
    platform = started.platform
    secret = platform.aws("secretsmanager").create_secret(Name="slipway/local/providers/stub", SecretString=json.dumps({"api_key": KEY}))[
        "ARN"
    ]
    base = f"http://127.0.0.1:{platform.upstream_port}/v1"
    provider = {"name": "openai", "model": "stub-1", "api_base": base, "secret": secret}
    wish = {"model_id": "faraway", "hosting": "provider", "allowed_groups": ["research"], "provider": provider}
    operation = platform.settled(platform.call("POST", "/models", wish))
    assert operation["status"] == "Succeeded", operation
    platform.answers("faraway")
    yield platform
    platform.settled(platform.call("DELETE", "/models/faraway"))


def test_its_answer_comes_through_the_router(faraway: Platform, upstream: Upstream) -> None:
    """A plain answer arrives, and the third party saw its own key, its own model name, and none of our tokens."""
    reply = faraway.ask("faraway")
    assert reply.status == 200, reply.text
    assert reply.json["choices"][0]["message"]["content"] == "Hello from afar."
    authorization, body = upstream.seen[-1]
    assert authorization == f"Bearer {KEY}"
    assert body["model"] == "stub-1"
    assert "slp_" not in json.dumps(body)


def test_its_stream_comes_through_the_router(faraway: Platform) -> None:
    """A streamed answer arrives in pieces and ends in [DONE]."""
    lines = [line.removeprefix("data: ") for line in faraway.ask("faraway", stream=True).text.splitlines() if line.startswith("data: ")]
    words = [choice["delta"].get("content") or "" for line in lines[:-1] for choice in json.loads(line)["choices"]]
    assert (lines[-1], "".join(words)) == ("[DONE]", "Hello from afar.")


def test_nothing_is_provisioned_and_no_secret_is_told(faraway: Platform) -> None:
    """There is no ECS service; neither the model, its timeline, nor the route holds the key, only its reference."""
    assert faraway.services_of("faraway") == []
    told = (
        faraway.call("GET", "/models/faraway").text
        + faraway.call("GET", "/models/faraway/events").text
        + json.dumps(faraway.route_of("faraway"))
    )
    assert KEY not in told
    assert "secret:slipway/local/providers/stub" in told


@pytest.mark.parametrize(
    "changes",
    [
        {"description": "Far away"},
        {"allowed_groups": ["research", "sales"]},
        {"features": {"summarization": {"enabled": True, "description": "Long texts"}}},
        {"features": {"streaming": True}, "tags": {"changed": "streaming"}},
        {"features": {"tool_calls": True}},
        {"features": {"image_input": True}},
        {"features": {"summarization": {"enabled": False}}},
        {"provider": {"model": "stub-2"}},
    ],
    ids=str,
)
def test_every_change_of_it_is_hot(faraway: Platform, changes: dict[str, Any]) -> None:
    """No client loses an answer, whatever is changed; another model of the third party is asked before it takes over."""
    with SteadyClients(faraway, "faraway") as clients:
        clients.wait_for(3)
        operation = faraway.settled(faraway.call("PATCH", "/models/faraway", changes))
        clients.wait_for(3)
    assert (operation["status"], operation["strategy"]) == ("Succeeded", "hot")
    assert clients.lost == []


def test_a_changed_third_party_takes_over(faraway: Platform, upstream: Upstream) -> None:
    """What was asked for above is what is called: the route table says so when the update has succeeded, and routers follow it."""
    route = faraway.route_of("faraway")
    assert route is not None
    assert route["provider"]["model"] == "stub-2"

    def asked() -> str:
        assert faraway.ask("faraway").status == 200
        return str(upstream.seen[-1][1]["model"])

    eventually(lambda: asked() == "stub-2", "the router asks the new one", seconds=20)
    assert {asked() for _ in range(5)} == {"stub-2"}, "and nobody else any more"


def test_a_key_that_is_not_there_changes_nothing(faraway: Platform, upstream: Upstream) -> None:
    """A reference to a secret that nobody can read fails the update; the old key goes on serving."""
    before = faraway.call("GET", "/models/faraway").json["provider"]
    missing = before["secret"].replace("/stub-", "/none-")
    with SteadyClients(faraway, "faraway") as clients:
        clients.wait_for(3)
        operation = faraway.settled(faraway.call("PATCH", "/models/faraway", {"provider": {"secret": missing}}))
        clients.wait_for(3)
    assert operation["status"] == "Failed", operation
    assert clients.lost == []
    assert faraway.call("GET", "/models/faraway").json["provider"] == before
    assert upstream.seen[-1][0] == f"Bearer {KEY}"


@pytest.mark.parametrize("part", ["capacity", "container", "engine", "accelerator", "artifact"])
def test_it_has_nothing_of_ours_to_change(faraway: Platform, part: str) -> None:
    """Capacity and containers are refused with a reason."""
    reply = faraway.call("PATCH", "/models/faraway", {part: {}})
    assert (reply.status, reply.json["errors"][0]["code"]) == (422, "not-for-provider-models")


def test_it_stops_and_starts_by_its_route(faraway: Platform) -> None:
    """Nothing else is there to stop."""
    assert faraway.settled(faraway.call("POST", "/models/faraway/stop"))["status"] == "Succeeded"
    eventually(lambda: faraway.ask("faraway").status == 503, "the router sends nobody there", 10)
    assert faraway.settled(faraway.call("POST", "/models/faraway/start"))["status"] == "Succeeded"
    faraway.answers("faraway")


def test_deleting_it_closes_the_route(faraway: Platform) -> None:
    """After a delete the router answers 404; creating it again under the same id works."""
    wish = {name: faraway.call("GET", "/models/faraway").json[name] for name in ("model_id", "hosting", "allowed_groups", "provider")}
    assert faraway.settled(faraway.call("DELETE", "/models/faraway"))["status"] == "Succeeded"
    faraway.assert_nothing_left("faraway")
    eventually(lambda: faraway.ask("faraway").status == 404, "the router has forgotten it", seconds=10)
    assert faraway.settled(faraway.call("POST", "/models", wish))["status"] == "Succeeded"
    faraway.answers("faraway")
