"""A router process amid its stand-ins, and the words with which tests change the tables."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import httpx
import openai

from contracts.access import TOKEN_PREFIX, TOKENS_PARTITION
from contracts.limits import LIMIT_PREFIX, LIMITS_PARTITION
from contracts.routing import ROUTE_PREFIX, ROUTES_PARTITION
from contracts.tokens import digest, mint, token_id_of
from tests.functional.router.stubs import ENGINE_KEY, StubAws

ROOT = Path(__file__).parents[3]
PEPPER_ARN = "arn:aws:secretsmanager:eu-west-1:000000000000:secret:pepper-abc123"
KEY_ARN = "arn:aws:secretsmanager:eu-west-1:000000000000:secret:provider-abc123"
PEPPER = b"pepper-of-the-tests"
ISSUER, AUDIENCE = "https://issuer.example", "slipway"
FEEDS = (("routes", "routes", ROUTES_PARTITION), ("tokens", "tokens", TOKENS_PARTITION), ("limits", "tokens", LIMITS_PARTITION))
_numbers = iter(range(1, 10**6))


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for another process to come to a state; AssertionError if it does not."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the state was not reached"
        time.sleep(0.02)


class Platform:
    """The tables' content, as the control plane would write it."""

    def __init__(self, aws: StubAws) -> None:
        self.aws = aws
        aws.secrets[PEPPER_ARN] = json.dumps({"current": "1", "1": PEPPER.decode()})

    def route(self, model_id: str = "tiny", *, targets: list[dict[str, Any]], **changes: Any) -> int:
        """Write a route; answers the table's revision."""
        revision = self.aws.revision("routes", ROUTES_PARTITION) + 1
        route = {
            "model_id": model_id,
            "revision": revision,
            "generation": 1,
            "state": "open",
            "hosting": "hosted",
            "version": "1.0.0",
            "task": "chat",
            "created_at": "2026-01-01T00:00:00.000Z",
            "allowed_groups": ["research"],
            "targets": targets,
        } | changes
        data = {"model_id": model_id, "generation": 1, "revision": revision, "state": route["state"], "route": route, "reason": "test"}
        return self.aws.append("routes", ROUTES_PARTITION, ROUTE_PREFIX + model_id, route, data)

    def remove_route(self, model_id: str) -> None:
        """Drop a route."""
        self.aws.append(
            "routes", ROUTES_PARTITION, ROUTE_PREFIX + model_id, None, {"model_id": model_id, "state": "removed", "route": None}
        )

    def token(self, groups: tuple[str, ...] = ("research",), scopes: tuple[str, ...] = ("inference",), **changes: Any) -> str:
        """Issue a token; answers the token itself."""
        number = next(_numbers)
        token_id = token_id_of(number)
        token = mint(token_id, f"{number:043d}")
        row = {
            "token_id": token_id,
            "name": "test",
            "principal": "token:test",
            "groups": list(groups),
            "scopes": list(scopes),
            "models": None,
            "expires_at": None,
            "revoked_at": None,
            "created_by": "tester",
            "created_at": "2026-01-01T00:00:00.000Z",
            "generation": 1,
            "digest": digest(PEPPER, token),
            "pepper_id": "1",
        } | changes
        self.aws.append("tokens", TOKENS_PARTITION, TOKEN_PREFIX + token_id, row, {"token_id": token_id})
        return token

    def revoke(self, token: str) -> None:
        """Revoke a token."""
        token_id = token.split("_")[1]
        row = json.loads(self.aws.items["tokens", TOKENS_PARTITION, TOKEN_PREFIX + token_id]["document"]["S"])
        row |= {"revoked_at": "2026-01-02T00:00:00.000Z", "generation": 2}
        self.aws.append("tokens", TOKENS_PARTITION, TOKEN_PREFIX + token_id, row, {"token_id": token_id})

    def limit(self, kind: str, subject: str, **limits: Any) -> None:
        """Limit a token, a group or a model."""
        about = {"kind": kind, "subject_id": subject, "generation": self.aws.revision("tokens", LIMITS_PARTITION) + 1}
        row = about | {"updated_by": "oidc:ada", "updated_at": "2026-01-01T00:00:00.000Z"} | limits
        self.aws.append("tokens", LIMITS_PARTITION, f"{LIMIT_PREFIX}{kind}#{subject}", row, about | {"limits": row})


def target(port: int, target_id: str = "one", **changes: Any) -> dict[str, Any]:
    """An engine's target on this machine, ready unless told otherwise."""
    return {"target_id": target_id, "version": "1.0.0", "kind": "engine", "address": "127.0.0.1", "port": port, "status": "ready"} | changes


def queue_url(aws: StubAws) -> str:
    """The queue that usage goes to."""
    return f"{aws.url}/000000000000/usage"


def container_environment(aws: StubAws, port: int, state: Path) -> dict[str, str]:
    """What a router's process on this machine needs to run, as its container would have it: where AWS, the tables and secrets are."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in ("serving_image", "layers/contracts")),
        "AWS_ENDPOINT_URL": aws.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "ENVIRONMENT": "local",
        "ROUTE_TABLE": "routes",
        "TOKEN_TABLE": "tokens",
        "BUS_NAME": "bus",
        "PEPPER_SECRET_ARN": PEPPER_ARN,
        "ENGINE_API_KEY": ENGINE_KEY,
        "API_BASE_ALLOW_LIST": "127.0.0.1",
        "SLIPWAY_STATE_DIR": str(state),
        "SLIPWAY_LISTEN_HOST": "127.0.0.1",
        "SLIPWAY_LISTEN_PORT": str(port),
        "SLIPWAY_ROUTER_ID": "router-0",
    }


class RouterProcess:
    """`python -m router`, with its log kept as parsed lines."""

    program: ClassVar[tuple[str, ...]] = ("-m", "router")
    stdin: ClassVar[int | None] = None

    def __init__(self, aws: StubAws, state: Path, **environment: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.lines: list[dict[str, Any]] = []
        self._clients: list[openai.OpenAI] = []
        variables = container_environment(aws, self.port, state) | {
            "USAGE_QUEUE_URL": queue_url(aws),
            "SLIPWAY_USAGE_SECONDS": "0.2",
            "OIDC_ISSUER": ISSUER,
            "OIDC_AUDIENCE": AUDIENCE,
            "OIDC_JWKS_URI": f"{aws.url}/jwks",
            "SLIPWAY_FOLLOW_SECONDS": "0.1",
            "SLIPWAY_FOLLOW_BUSY_SECONDS": "0.05",
            "SLIPWAY_REPORT_SECONDS": "0.5",
            "SLIPWAY_LOAD_SECONDS": "0.2",
        }
        variables |= environment
        self.process = subprocess.Popen(
            [sys.executable, *self.program],
            env=variables,
            stdin=self.stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.http = httpx.Client(base_url=self.url, timeout=20, trust_env=False)

    def wait_ready(self, seconds: float = 100.0) -> None:
        """Wait until `/health/ready` says so."""
        until(lambda: self.process.poll() is not None or self.is_ready(), seconds)
        assert self.process.poll() is None, self.lines

    def is_ready(self) -> bool:
        """What `/health/ready` says now."""
        try:
            return self.http.get("/health/ready").status_code == 200
        except httpx.TransportError:
            return False

    def follows(self, aws: StubAws) -> None:
        """Wait until the router holds what the tables hold."""
        wanted = [
            f'slipway_router_feed_revision{{feed="{feed}"}} {float(aws.revision(table, partition))}' for feed, table, partition in FEEDS
        ]

        def held() -> bool:
            text = self.http.get("/metrics").text
            return all(line in text for line in wanted)

        until(held)

    def metric(self, name: str, model: str) -> float:
        """The value of a model's gauge or counter, 0 where it has none."""
        found = re.search(rf'^slipway_router_{name}{{model="{model}"}} (\S+)$', self.http.get("/metrics").text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    def post(self, path: str, token: str, document: dict[str, Any] | bytes, **headers: str) -> httpx.Response:
        """POST as that token's holder."""
        content = document if isinstance(document, bytes) else json.dumps(document).encode()
        return self.http.post(
            path, content=content, headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json", **headers}
        )

    def client(self, token: str) -> openai.OpenAI:
        """The official client, closed with this router: a stream that is given up holds its socket in a cycle."""
        client = openai.OpenAI(base_url=f"{self.url}/v1", api_key=token, max_retries=0, timeout=20)
        self._clients.append(client)
        return client

    def terminate(self) -> int:
        """SIGTERM, and the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        """The exit status, once the process and its log have ended."""
        status = self.process.wait(30)
        self._reader.join(10)
        self.http.close()
        for client in self._clients:
            client.close()
        if self.process.stdout is not None:
            self.process.stdout.close()
        return status

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            try:
                self.lines.append(json.loads(line))
            except ValueError:
                self.lines.append({"message": line})


class Lives(RouterProcess):
    """A router that can be killed and comes back at once, on the same disk and port; see `lives.py`."""

    program = ("-P", str(Path(__file__).with_name("lives.py")))  # -P: this folder has modules of the names of others
    stdin = subprocess.PIPE

    def live(self) -> int:
        """Begin a life; its process, once it is ready."""
        number = len(self._said("life"))
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        until(lambda: self.process.poll() is not None or len(self._said("life")) > number, 60.0)
        self.wait_ready()
        return int(self._said("life")[-1]["process"])

    def die(self, process: int, number: signal.Signals = signal.SIGKILL) -> int:
        """End a life with a signal; its exit status."""
        os.kill(process, number)
        until(lambda: any(line["process"] == process for line in self._said("death")))
        return int(self._said("death")[-1]["status"])

    def close(self) -> int:
        """No more lives; the program's exit status."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.wait()

    def _said(self, message: str) -> list[dict[str, Any]]:
        return [line for line in list(self.lines) if line.get("message") == message]
