"""Load on a gateway, and what came of it: wrk for what is asked as fast as it is answered, `paced` for the rest."""

import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from bench.conditions import ROOT
from bench.router.gateways import Gateway
from bench.router.machine import Cores, cpu_seconds, resident_mib
from bench.router.requests import chat, script

_MARK = "RESULT "


@dataclass(frozen=True)
class Measured:
    """What one run found, by name: `rate` (answers a second), `cpu` (microseconds of the gateway's processor for each), `errors`, …"""

    values: dict[str, float]


class Generator:
    """Makes load from the cores around the gateway's."""

    def __init__(self, cores: Cores) -> None:
        wrk = shutil.which("wrk")
        if wrk is None:
            raise SystemExit("wrk is not installed (on Debian: apt install wrk)")
        self._wrk, self._cores = wrk, cores

    def flood(
        self,
        gateway: Gateway,
        *,
        connections: int,
        seconds: float,
        size: int = 600,
        stream: dict[str, int] | None = None,
        models: int = 1,
        tokens: int = 1,
    ) -> Measured:
        """As many requests as are answered, of so many models and tokens in turn."""
        chosen = list(gateway.tokens[:tokens]) or [""]
        names = list(gateway.models[:models])
        pairs = [(chosen[place % len(chosen)], names[place % len(names)]) for place in range(max(len(chosen), len(names)))]
        with tempfile.TemporaryDirectory(prefix="slipway-wrk-") as folder:
            written = script(Path(folder), gateway.path, chat("MODEL", size, stream), gateway.headers, pairs)
            command = [self._wrk, "-t1", f"-c{connections}", f"-d{seconds:.0f}s", "--timeout", "30s", "--latency", "-s", str(written)]
            found, cpu = self._run([*command, f"http://127.0.0.1:{gateway.port}"], gateway)
        answers = max(found["answers"], 1)
        values = {
            "rate": found["answers"] / found["seconds"],
            "cpu": cpu / answers * 1e6,
            "busy": cpu / found["seconds"],
            "errors": found["errors"],
            "p50": found["p50"],
            "p99": found["p99"],
        }
        if stream is not None:
            values |= {"events": values["rate"] * stream["max_tokens"], "cpu_event": values["cpu"] / stream["max_tokens"]}
        return Measured(values)

    def steady(self, gateway: Gateway, *, rate: float, seconds: float, size: int = 600) -> Measured:
        """Requests at a steady rate."""
        found, cpu = self._paced("rate", gateway, gateway.request(size=size), rate=rate, seconds=seconds)
        return Measured({"rate": rate, "errors": found["errors"], "cpu": cpu / max(found["answers"], 1) * 1e6, **found["latency"]})

    def streams(self, gateway: Gateway, *, count: int, seconds: float, events: int, pace_us: int) -> Measured:
        """So many streams at a time, whose events come one by one."""
        asked = gateway.request(stream={"max_tokens": events, "seed": pace_us})
        found, cpu = self._paced("streams", gateway, asked, count=count, seconds=seconds)
        return Measured(
            {
                "streams": found["streams"] / found["seconds"],
                "events": found["events"] / found["seconds"],
                "errors": found["errors"],
                "cpu_event": cpu / max(found["events"], 1) * 1e6,
                **{f"first_{name}": value for name, value in found["first"].items()},
            }
        )

    def leaving(self, gateway: Gateway, *, count: int, seconds: float) -> Measured:
        """Streams whose callers leave at the first event."""
        asked = gateway.request(stream={"max_tokens": 1000, "seed": 20_000})
        found, cpu = self._paced("leave", gateway, asked, count=count, seconds=seconds)
        gone = max(found["streams"], 1)
        return Measured({"rate": found["streams"] / found["seconds"], "errors": found["errors"], "cpu": cpu / gone * 1e6})

    @contextmanager
    def holding(self, gateway: Gateway, count: int) -> Iterator[int]:
        """So many open streams, as long as they are wanted; answers how many there are."""
        with tempfile.TemporaryDirectory(prefix="slipway-hold-") as folder:
            asked = Path(folder) / "request"
            asked.write_bytes(gateway.request(stream={"max_tokens": 10_000, "seed": 2_000_000}))
            command = [sys.executable, "-m", "bench.router.paced", "hold", str(gateway.port), str(asked), "--count", str(count)]
            process = subprocess.Popen(
                self._cores.pinned(command, gateway=False), stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, env=_environment()
            )
            try:
                said: IO[bytes] | None = process.stdout
                yield int(json.loads(said.readline())["open"]) if said is not None else 0
            finally:
                process.communicate(timeout=30)

    def memory(self, gateway: Gateway) -> float:
        """What it holds now, MiB."""
        return resident_mib(gateway.process.pid)

    def _paced(self, what: str, gateway: Gateway, asked: bytes, **options: float) -> tuple[dict[str, Any], float]:
        with tempfile.TemporaryDirectory(prefix="slipway-paced-") as folder:
            path = Path(folder) / "request"
            path.write_bytes(asked)
            command = [sys.executable, "-m", "bench.router.paced", what, str(gateway.port), str(path)]
            return self._run(command + [word for name, value in options.items() for word in (f"--{name}", str(value))], gateway)

    def _run(self, command: list[str], gateway: Gateway) -> tuple[dict[str, Any], float]:
        """What a generator says, and the seconds of processor that the gateway used meanwhile."""
        before = cpu_seconds(gateway.process.pid)
        done = subprocess.run(
            self._cores.pinned(command, gateway=False), capture_output=True, text=True, check=False, cwd=ROOT, env=_environment()
        )
        used = cpu_seconds(gateway.process.pid) - before
        line = next((line for line in reversed(done.stdout.splitlines()) if line.startswith(("{", _MARK))), None)
        if line is None:
            raise RuntimeError(f"{command[0]} said nothing: {done.stderr[-500:]}")
        found: dict[str, Any] = json.loads(line.removeprefix(_MARK).replace("-nan", "NaN").replace("nan", "NaN"))
        return found, used


def _environment() -> dict[str, str]:
    return dict(os.environ) | {"PYTHONPATH": os.pathsep.join(sys.path)}


def until(condition: Callable[[], bool], seconds: float, pause: float = 0.005) -> float:
    """Seconds until it is so; infinity if that takes longer than `seconds`."""
    import time

    began = time.perf_counter()
    while not condition():
        if time.perf_counter() - began > seconds:
            return math.inf
        time.sleep(pause)
    return time.perf_counter() - began
