"""A router in front of the mock engine, which is one model of each task, and of the mind to fail as one of them."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from contracts.engine_arguments import MockArguments
from local.settings import interpreter, venv
from tests.functional.router.platform import KEY_ARN, ROOT, Platform, RouterProcess, target
from tests.functional.router.stubs import ENGINE_KEY, StubAws

HERE: Final = Path(__file__).parent
FEATURES: Final = {"tool_calls": True, "image_input": True}
TASKS: Final = {
    "talker": "chat",
    "vectors": "embedding",
    "ranker": "rerank",
    "painter": "image",
    "listener": "transcription",
    "speaker": "speech",
    "judge": "moderation",
}
PROVIDER_KEY: Final = "sk-of-the-third-party"


class MockProcess:
    """The mock engine as a process of its own, without a supervisor. `port` is where it listens."""

    def __init__(self, key: str = ENGINE_KEY, **knobs: Any) -> None:
        path = os.pathsep.join(str(ROOT / part) for part in ("serving_image", "layers/contracts"))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "engine.programs.mock"],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        configuration = MockArguments(**knobs).model_dump() | {"model_id": "mock", "key": key}
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(configuration).encode() + b"\n")
        self.process.stdin.flush()
        lines = (line for line in self.process.stdout if b"listening http://" in line)
        self.port = int(next(lines).rsplit(b":", 1)[1])

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.communicate()


class Estate:
    """Everything that a client talks to."""

    def __init__(self, router: RouterProcess, token: str, node: Path) -> None:
        self.router, self.token, self._node = router, token, node

    def run(self, command: list[str], folder: Path) -> Any:
        """What a client's script reports. Nothing of the machine's own configuration reaches it."""
        assert Path(command[0]).exists(), f"{command[0]} is not there. Run: make clients"
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": "/nonexistent",
            "CLIENT_BASE_URL": self.router.url,
            "CLIENT_KEY": self.token,
            "LANGSMITH_TRACING": "false",
            "NO_PROXY": "127.0.0.1",
        }
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=100, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout)

    def python(self, script: str) -> Any:
        """What a script of `python/` reports, from the clients' environment."""
        return self.run([str(interpreter("clients")), "-W", "ignore", script], HERE / "python")

    def node(self, script: str) -> Any:
        """What a script of `node/` reports. Node.js looks for packages beside the script that asks for them."""
        if not self._node.exists():
            shutil.copytree(HERE / "node", self._node)
            (self._node / "node_modules").symlink_to(venv("node-clients") / "node_modules")
        program = shutil.which("node")
        assert program, "needs Node.js 20 or newer (node and npm) on the PATH"
        return self.run([program, script], self._node)


def _open_routes(platform: Platform, ports: list[int]) -> None:
    """A model of each task on our engine and at the third party; one that fails, and one that answers one caller at a time."""
    ours = [target(ports[0], engine_kind="mock")]
    theirs = [{"target_id": "provider", "version": "1.0.0", "kind": "provider", "status": "ready"}]
    provider = {"name": "openai", "model": "gpt-x", "api_base": f"http://127.0.0.1:{ports[2]}/v1", "secret": KEY_ARN}
    for model_id, task in TASKS.items():
        platform.route(model_id, task=task, targets=ours, features=FEATURES, aliases=[f"Acme/{model_id}-4.1"])
        platform.route(
            f"far-{model_id}",
            task=task,
            targets=theirs,
            features=FEATURES,
            hosting="provider",
            provider=provider,
            aliases=[f"Acme/far-{model_id}-4.1"],
        )
    platform.route("broken", targets=[target(ports[1], engine_kind="mock")])
    platform.route("crowded", targets=[target(ports[3], engine_kind="mock")], limits={"max_in_flight": 1})


@contextmanager
def estate(state: Path) -> Iterator[Estate]:
    """Engine, third party, tables and router, running; somebody takes the one place of `crowded`."""
    with StubAws() as aws, ExitStack() as stack:
        ports = []
        for key, knobs in (
            (ENGINE_KEY, {}),
            (ENGINE_KEY, {"failure_rate": 1.0}),
            (PROVIDER_KEY, {}),
            (ENGINE_KEY, {"tokens_per_second": 0.01}),
        ):
            engine = MockProcess(key, **knobs)
            stack.callback(engine.close)
            ports.append(engine.port)
        platform = Platform(aws)
        aws.secrets[KEY_ARN] = PROVIDER_KEY
        _open_routes(platform, ports)
        router = RouterProcess(aws, state / "router", SLIPWAY_ROOM_WAIT_SECONDS="0")
        stack.callback(router.terminate)
        router.wait_ready(240)
        token = platform.token()
        router.follows(aws)
        asked = {"model": "crowded", "stream": True, "messages": [{"role": "user", "content": "x"}]}
        held = router.http.stream("POST", "/v1/chat/completions", json=asked, headers={"Authorization": f"Bearer {token}"})
        assert stack.enter_context(held).status_code == 200
        yield Estate(router, token, state / "node")
