"""What our router stands in: its tables, their stand-in for AWS, and the router's own process."""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.router.machine import Cores, Process, answers, free_port
from local.settings import interpreter
from tests.functional.router.platform import Platform, container_environment, queue_url, target
from tests.functional.router.stubs import StubAws

MODEL: Final = "bench"
GROUP: Final = "research"
_NICENESS: Final = 10
PLENTY: Final = 10**11
"""Limits that are counted with every request, and never reached."""


class QuietAws(StubAws):
    """The stand-in of the tests; it gives way to the generator and the upstream, whose core its thread shares."""

    def _run(self) -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
        super()._run()


@dataclass
class Estate:
    """A platform's tables with `models` models, answered at the upstreams' ports, and `tokens` tokens."""

    aws: StubAws
    platform: Platform
    models: list[str]
    tokens: list[str]

    @classmethod
    def made(cls, aws: StubAws, upstreams: Sequence[int], *, models: int, tokens: int, policy: bool) -> "Estate":
        """Fill the tables. `policy`: requests, tokens, places and money are limited and counted, for model, group and every token."""
        platform = Platform(aws)
        names = [MODEL, *(f"{MODEL}-{number}" for number in range(1, models))]
        for name in names:
            platform.route(name, targets=[target(port, f"t{port}") for port in upstreams], allowed_groups=[GROUP])
        estate = cls(aws, platform, names, [platform.token((GROUP,)) for _ in range(tokens)])
        if policy:
            platform.limit("group", GROUP, budgets=[{"period": "month", "usd": 1e9}, {"period": "day", "tokens": PLENTY}])
            for name in names:
                platform.limit("model", name, concurrency=PLENTY, prices={"input_usd": 0.5, "output_usd": 1.5})
            for token in estate.tokens:
                platform.limit("token", token.split("_")[1], requests_per_minute=PLENTY, tokens_per_minute=PLENTY)
        return estate


@contextmanager
def router(estate: Estate, cores: Cores, state: Path, *, policy: bool) -> Iterator[tuple[Process, int]]:
    """A running router, which with `policy` tells its usage too, and its port. What it logs another process reads, as a container's log."""
    port = free_port()
    environment = container_environment(estate.aws, port, state) | {"SPEND_TABLE": "spend"}
    if policy:
        environment["USAGE_QUEUE_URL"] = queue_url(estate.aws)
    with Process(cores.pinned(["cat"], gateway=False), dict(os.environ), feed=True) as log:
        command = cores.pinned([str(interpreter("router")), "-m", "router"], gateway=True)
        with Process(command, environment, output=log.feed) as process:
            answers(f"http://127.0.0.1:{port}/health/ready", 120, process)
            yield process, port
