"""Two hundred lifecycle operations at once over fifty models: how long until all have settled, and what is left over."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from bench.measure import Figure
from tests.e2e.platform import Platform, eventually

_ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "stub",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Yes."}}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}
_ENDS = {"Succeeded", "Failed", "Superseded", "Cancelled"}
_WAYS = ("update", "stop", "start", "delete")


class _Stub(BaseHTTPRequestHandler):
    """A third party that answers at once."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps(_ANSWER).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Be quiet."""


def crowd(platform: Platform, models: int = 50, hosted: int = 8) -> list[Figure]:
    """`models` are created at once, `hosted` of them with engines; then each is changed, stopped, started and deleted by four at once."""
    server = ThreadingHTTPServer(("127.0.0.1", platform.upstream_port), _Stub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        secret = platform.aws("secretsmanager").create_secret(Name="slipway/local/providers/crowd", SecretString='{"api_key": "sk-crowd"}')
        base = f"http://127.0.0.1:{platform.upstream_port}/v1"
        provider = {"name": "openai", "model": "stub", "api_base": base, "secret": secret["ARN"]}
        wishes: list[dict[str, Any]] = [platform.parrot(f"crowd-{number}") for number in range(hosted)]
        foreign = {"hosting": "provider", "allowed_groups": ["research"], "provider": provider}
        wishes += [{"model_id": f"crowd-{number}", **foreign} for number in range(hosted, models)]
        began = time.monotonic()
        with ThreadPoolExecutor(16) as pool:
            created = [reply.json["operation_id"] for reply in pool.map(lambda wish: platform.call("POST", "/models", wish), wishes)]
        _settle(platform, created)
        creating = time.monotonic() - began
        began = time.monotonic()
        with ThreadPoolExecutor(16) as pool:
            asked = [(wish["model_id"], way) for wish in wishes for way in _WAYS]
            answers = list(pool.map(lambda ask: _ask(platform, *ask), asked))
        accepted = [answer.json["operation_id"] for answer in answers if answer.status == HTTPStatus.ACCEPTED]
        ends = _settle(platform, accepted)
        converging = time.monotonic() - began
        for wish in wishes:
            reply = platform.call("DELETE", f"/models/{wish['model_id']}")
            if reply.status == HTTPStatus.ACCEPTED:
                platform.settled(reply)
        left = [wish["model_id"] for wish in wishes if platform.call("GET", f"/models/{wish['model_id']}").status != HTTPStatus.NOT_FOUND]
        services = [name for wish in wishes[:hosted] for name in platform.services_of(wish["model_id"])]
    finally:
        server.shutdown()
    return [
        Figure(f"{models} creations at once ({hosted} hosted) → all settled", "s", (creating,)),
        Figure(f"{len(asked)} commands at once over {models} models, {len(accepted)} accepted → all settled", "s", (converging,)),
        Figure("… operations that never settled", "", (float(len(accepted) - len(ends)),), 0.0, True),
        Figure("… models and services left over", "", (float(len(left) + len(services)),), 0.0, True),
    ]


def _ask(platform: Platform, model_id: str, way: str) -> Any:
    if way == "update":
        return platform.call("PATCH", f"/models/{model_id}", {"description": "in a crowd"})
    if way == "delete":
        return platform.call("DELETE", f"/models/{model_id}")
    return platform.call("POST", f"/models/{model_id}/{way}")


def _settle(platform: Platform, operations: list[str]) -> set[str]:
    ended: set[str] = set()

    def look() -> bool:
        for operation_id in operations:
            if operation_id not in ended and platform.call("GET", f"/operations/{operation_id}").json["status"] in _ENDS:
                ended.add(operation_id)
        return len(ended) == len(operations)

    eventually(look, "every operation ends", 600)
    return ended
