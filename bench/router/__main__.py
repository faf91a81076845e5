"""`make bench-router`: our router beside others, in one run on this machine, one core each.

`python -m bench.router [--quick] [--rounds N] [--seconds N] [--requests N] [--streams N] [--only NAME…] [--keep]`. The figures go to the
screen and, as JSON, to .local/bench; with `--keep` also into docs/benchmarks: router.json, the tables of router.md, and router.svg.
"""

import argparse
import dataclasses
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.conditions import ROOT, conditions
from bench.router import report
from bench.router.figures import OURS, Row
from bench.router.gateways import PEERS, Gateway, Missing, Setting, Start, direct, litellm, nginx, slipway
from bench.router.load import Generator
from bench.router.machine import Cores, Process, answers, free_port, many_files
from bench.router.rows import (
    FULL,
    QUICK,
    Rows,
    Size,
    alone,
    compare,
    freed,
    half_load,
    many,
    memory,
    moved,
    one_dead,
    open_streams,
    revoked,
)
from local.settings import interpreter

_MODELS, _TOKENS = 200, 10_000
_QUICK_TOKENS = 1_000


@dataclasses.dataclass
class Bench:
    """One run: what it runs on, what it has found."""

    cores: Cores
    generator: Generator
    size: Size
    upstream: int
    folder: Path
    rows: Rows = dataclasses.field(default_factory=Rows)
    missing: dict[str, str] = dataclasses.field(default_factory=dict)
    paces: list[float] = dataclasses.field(default_factory=list)

    def steadiness(self) -> str:
        """How fast the gateway's core was, turn by turn."""
        low, middle, high = (1000 * one for one in (min(self.paces), statistics.median(self.paces), max(self.paces)))
        return f"the same loop on the gateway's core, before each of {len(self.paces)} turns: {middle:.0f} ms, {low:.0f} to {high:.0f}"

    def setting(self, *, upstreams: tuple[int, ...] = (), models: int = 1, tokens: int = 1) -> Setting:
        """A place for a gateway to run at; without `upstreams`, in front of the one that answers."""
        return Setting(self.cores, upstreams or (self.upstream,), Path(tempfile.mkdtemp(dir=self.folder)), models, tokens)

    def started(self, stack: ExitStack, name: str, start: Start, setting: Setting) -> list[Gateway]:
        """The gateway, warm; none where it cannot be run, and why is kept."""
        _say(f"starting {name}")
        try:
            gateway = stack.enter_context(start(setting))
            self.generator.flood(gateway, connections=32, seconds=min(self.size.seconds, 2))
        except Missing as error:
            self.missing[name] = str(error)
            _say(f"  {name} is left out: {error}")
            return []
        return [gateway]

    def compared(self, only: list[str]) -> None:
        """What all of them are asked, in turns."""
        with ExitStack() as stack:
            gateways = [one for name in only for one in self.started(stack, name, PEERS[name], self.setting())]
            for number in range(self.size.rounds):
                for gateway in gateways:
                    _say(f"round {number + 1} of {self.size.rounds}: {gateway.name}")
                    self.paces.append(self.cores.pace())
                    with alone(gateway, gateways):
                        compare(self.rows, self.generator, [gateway], self.size)
            _say("at half load")
            with direct(self.setting()) as without:
                for _ in range(self.size.rounds):
                    half_load(self.rows, self.generator, gateways, without, self.size)
            for gateway in gateways:
                _say(f"callers leave: {gateway.name}")
                with alone(gateway, gateways):
                    freed(self.rows, self.generator, gateway, self.upstream, self.size)

    def own(self, tokens: int) -> None:
        """What only ours is asked: many models and tokens, memory, changes."""
        with ExitStack() as stack:
            one = self.started(stack, OURS, slipway, self.setting())
            everything = self.started(
                stack, f"{OURS} with {_MODELS} models, {tokens:,} tokens", slipway, self.setting(models=_MODELS, tokens=tokens)
            )
            for number in range(self.size.rounds):
                _say(f"round {number + 1} of {self.size.rounds}: many models and tokens")
                self.paces.append(self.cores.pace())
                for first, second in zip(one, everything, strict=True):
                    many(self.rows, self.generator, first, second, self.size)
        with ExitStack() as stack:
            for gateway in self.started(stack, OURS, slipway, self.setting()):
                _say(f"memory over {self.size.requests:,} requests")
                memory(self.rows, self.generator, gateway, self.size)
                _say(f"{self.size.streams:,} open streams")
                open_streams(self.rows, self.generator, gateway, self.size)
                _say("revoked tokens, moved traffic")
                revoked(self.rows, gateway, self.size)
                moved(self.rows, gateway, (self.upstream,), self.size)

    def broken(self, only: list[str]) -> None:
        """One target of two is dead, where a gateway knows of several."""
        upstreams = (self.upstream, free_port())
        for name, start in ((OURS, slipway), ("nginx", nginx), ("LiteLLM proxy", litellm)):
            if name in only and name not in self.missing:
                with ExitStack() as stack:
                    one_dead(self.rows, self.generator, self.started(stack, name, start, self.setting(upstreams=upstreams)), self.size)


@contextmanager
def _upstream(cores: Cores) -> Iterator[int]:
    port = free_port()
    command = cores.pinned([str(interpreter("router")), "-m", "bench.router.mock", str(port)], gateway=False)
    with Process(command, dict(os.environ) | {"PYTHONPATH": str(ROOT)}) as process:
        answers(f"http://127.0.0.1:{port}/", 20, process)
        yield port


def _say(words: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {words}", file=sys.stderr, flush=True)


def main() -> None:
    """Measure, print, and keep."""
    parser = argparse.ArgumentParser(prog="python -m bench.router", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one repetition of everything, smaller: to see that it works")
    parser.add_argument("--rounds", type=int, help="repetitions")
    parser.add_argument("--seconds", type=float, help="of each measurement")
    parser.add_argument("--requests", type=int, help="after which memory is looked at")
    parser.add_argument("--streams", type=int, help="open at once")
    parser.add_argument("--only", nargs="*", choices=list(PEERS), default=list(PEERS), help="compare these gateways")
    parser.add_argument("--keep", action="store_true", help="write docs/benchmarks")
    options = parser.parse_args()
    given = {name: value for name in ("rounds", "seconds", "requests", "streams") if (value := getattr(options, name)) is not None}
    size = dataclasses.replace(QUICK if options.quick else FULL, **given)
    many_files()
    cores, before, began = Cores.of_machine(), conditions(), time.monotonic()
    cores.leave_the_gateway_alone()
    tokens = _QUICK_TOKENS if options.quick else _TOKENS
    with tempfile.TemporaryDirectory(prefix="slipway-bench-router-") as folder, _upstream(cores) as upstream:
        bench = Bench(cores, Generator(cores), size, upstream, Path(folder))
        bench.compared(options.only)
        bench.broken(options.only)
        if OURS in options.only:
            bench.own(tokens)
    found = before | {"pinning": cores.told(), "load afterwards": conditions()["load"], "took": f"{time.monotonic() - began:.0f} s"}
    found |= {"steadiness": bench.steadiness()} if bench.paces else {}
    found |= {"size": ", ".join(f"{name} {value:g}" for name, value in dataclasses.asdict(size).items())}
    rows: list[Row] = list(bench.rows.by_name.values())
    result = report.Report(found, rows, [name for name in options.only if name not in bench.missing], bench.missing)
    print(result.text())
    print(f"kept in {report.keep(result, ROOT / '.local' / 'bench' / time.strftime('router-%Y%m%dT%H%M%S.json'))}")
    if options.keep:
        report.publish(result, ROOT / "docs" / "benchmarks")


if __name__ == "__main__":
    main()
