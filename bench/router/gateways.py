"""The gateways that are compared: ours with and without limits, and those of others, each as its makers say it is run, with one worker.

Each is a context manager that answers a `Gateway` once it answers a request; `Missing` says why one cannot be run here.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.conditions import ROOT
from bench.router.estate import MODEL, Estate, QuietAws, router
from bench.router.machine import Cores, Process, answers, free_port
from bench.router.requests import chat, request
from local.settings import interpreter, venv

LITELLM_KEY: Final = "sk-bench"
_LITELLM_STARTS: Final = 120.0
_NGINX: Final = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log crit;
events {{ worker_connections 16384; }}
http {{
  access_log off; client_max_body_size 32m; client_body_buffer_size 1m;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  upstream engine {{ {servers} keepalive 512; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://engine; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off; proxy_request_buffering off; proxy_next_upstream error timeout non_idempotent;
    }}
  }}
}}
"""


class Missing(Exception):
    """The gateway cannot be run here; the message says why."""


@dataclass
class Gateway:
    """A gateway that runs. `headers`: what its callers send besides the body; `tokens` and `models`: what they may choose from.

    `least_seconds`: a measurement of one that answers slowly takes longer, so that there are answers to count.
    """

    name: str
    port: int
    process: Process
    headers: dict[str, str] = field(default_factory=dict)
    models: tuple[str, ...] = (MODEL,)
    tokens: tuple[str, ...] = ()
    estate: Estate | None = None
    path: str = "/v1/chat/completions"
    least_seconds: float = 1.0

    def request(self, *, size: int = 600, stream: dict[str, int] | None = None, model: str = MODEL, token: str = "") -> bytes:
        """A whole request to it, with a prompt of `size` bytes. `stream`: the upstream's knobs for a streamed answer."""
        headers = dict(self.headers)
        if self.tokens:
            headers["Authorization"] = f"Bearer {token or self.tokens[0]}"
        return request(self.port, self.path, chat(model, size, stream), headers)


@dataclass(frozen=True)
class Setting:
    """Where a gateway runs: its core, the upstreams' ports (a dead one among them where that is what is asked), a folder of its own."""

    cores: Cores
    upstreams: tuple[int, ...]
    folder: Path
    models: int = 1
    tokens: int = 1

    @property
    def upstream(self) -> int:
        """The first."""
        return self.upstreams[0]


Start = Callable[[Setting], AbstractContextManager[Gateway]]


@contextmanager
def _slipway(name: str, setting: Setting, *, policy: bool) -> Iterator[Gateway]:
    with QuietAws() as aws:
        estate = Estate.made(aws, setting.upstreams, models=setting.models, tokens=setting.tokens, policy=policy)
        with router(estate, setting.cores, setting.folder, policy=policy) as (process, port):
            gateway = Gateway(name, port, process, models=tuple(estate.models), tokens=tuple(estate.tokens), estate=estate)
            _answers(gateway, 60)
            yield gateway


def slipway(setting: Setting) -> AbstractContextManager[Gateway]:
    """Ours: limits, budgets and places counted for token, group and model, usage told."""
    return _slipway("slipway", setting, policy=True)


def slipway_bare(setting: Setting) -> AbstractContextManager[Gateway]:
    """Ours, with no limits set and no usage told; who calls, what they may and what they ask is looked at all the same."""
    return _slipway("slipway, no limits", setting, policy=False)


@contextmanager
def direct(setting: Setting) -> Iterator[Gateway]:
    """No gateway: what generator and upstream can do by themselves. `process` is another, which does nothing."""
    with Process(["sleep", "86400"], dict(os.environ)) as nothing:
        yield Gateway("no gateway", setting.upstream, nothing)


@contextmanager
def bare_asgi(setting: Setting) -> Iterator[Gateway]:
    """The least that one in Python can do."""
    port = free_port()
    command = [str(interpreter("router")), "-m", "uvicorn", "bench.router.peers.bare_asgi:app", "--host", "127.0.0.1", "--port", str(port)]
    command += [
        "--no-access-log",
        "--log-level",
        "error",
        "--loop",
        "uvloop",
        "--http",
        "httptools",
        "--backlog",
        "4096",
        "--lifespan",
        "off",
    ]
    environment = dict(os.environ) | {"UPSTREAM": f"http://127.0.0.1:{setting.upstream}", "PYTHONPATH": str(ROOT)}
    with Process(setting.cores.pinned(command, gateway=True), environment) as process:
        gateway = Gateway("bare ASGI", port, process)
        _answers(gateway, 30)
        yield gateway


@contextmanager
def nginx(setting: Setting) -> Iterator[Gateway]:
    """The floor: bytes through, in C."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        raise Missing("nginx is not installed (on Debian: apt install nginx-light)")
    port = free_port()
    servers = " ".join(f"server 127.0.0.1:{one};" for one in setting.upstreams)
    config = setting.folder / "nginx.conf"
    config.write_text(_NGINX.format(folder=setting.folder, port=port, servers=servers))
    command = [program, "-p", str(setting.folder), "-e", "stderr", "-c", str(config)]
    with Process(setting.cores.pinned(command, gateway=True), dict(os.environ)) as process:
        gateway = Gateway("nginx", port, process)
        _answers(gateway, 30)
        yield gateway


@contextmanager
def litellm(setting: Setting) -> Iterator[Gateway]:
    """LiteLLM's proxy, without its database; its key is looked at."""
    program = venv("bench-litellm") / "bin" / "litellm"
    if not program.exists():
        raise Missing("its environment was not made: python3 -m local.bootstrap bench-litellm")
    port = free_port()
    names = [MODEL, *(f"{MODEL}-{number}" for number in range(1, setting.models))]
    deployments = [
        {"model_name": name, "litellm_params": {"model": f"openai/{name}", "api_base": f"http://127.0.0.1:{one}/v1", "api_key": "none"}}
        for name in names
        for one in setting.upstreams
    ]
    config = setting.folder / "litellm.yaml"
    config.write_text(
        json.dumps({"model_list": deployments, "litellm_settings": {"num_retries": 2}, "general_settings": {"master_key": LITELLM_KEY}})
    )
    environment = dict(os.environ) | {
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_LOG": "ERROR",
        "LITELLM_MODE": "PRODUCTION",
        "DO_NOT_TRACK": "1",
    }
    command = [
        str(program),
        "--config",
        str(config),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--num_workers",
        "1",
        "--telemetry",
        "False",
    ]
    with Process(setting.cores.pinned(command, gateway=True), environment) as process:
        gateway = Gateway("LiteLLM proxy", port, process, {"Authorization": f"Bearer {LITELLM_KEY}"}, tuple(names), least_seconds=4.0)
        _answers(gateway, _LITELLM_STARTS)
        yield gateway


@contextmanager
def portkey(setting: Setting) -> Iterator[Gateway]:
    """Portkey's gateway on Node.js."""
    node, program = shutil.which("node"), venv("node-portkey") / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
    if node is None or not program.exists():
        raise Missing("its packages were not installed: python3 -m local.bootstrap node-portkey (needs node and npm)")
    port = free_port()
    headers = {
        "Authorization": "Bearer none",
        "x-portkey-provider": "openai",
        "x-portkey-custom-host": f"http://127.0.0.1:{setting.upstream}/v1",
    }
    command = [node, str(program), f"--port={port}", "--headless"]
    with Process(setting.cores.pinned(command, gateway=True), dict(os.environ) | {"NODE_ENV": "production"}) as process:
        gateway = Gateway("Portkey", port, process, headers)
        _answers(gateway, 30)
        yield gateway


def _answers(gateway: Gateway, seconds: float) -> None:
    """Wait until it answers a chat; Missing if it does not."""
    headers = dict(gateway.headers) | {"Content-Type": "application/json"}
    if gateway.tokens:
        headers["Authorization"] = f"Bearer {gateway.tokens[0]}"
    try:
        answers(f"http://127.0.0.1:{gateway.port}{gateway.path}", seconds, gateway.process, chat(MODEL, 600), headers)
    except (TimeoutError, ChildProcessError) as error:
        raise Missing(f"it does not answer: {error}") from error


PEERS: Final[dict[str, Start]] = {
    "no gateway": direct,
    "slipway": slipway,
    "slipway, no limits": slipway_bare,
    "bare ASGI": bare_asgi,
    "nginx": nginx,
    "LiteLLM proxy": litellm,
    "Portkey": portkey,
}
