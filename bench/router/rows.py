"""What is measured, and of whom. Every function fills rows; gateways take turns, so that what the machine does meanwhile meets them all."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from bench.router.estate import GROUP, MODEL
from bench.router.figures import OURS, Row
from bench.router.gateways import Gateway
from bench.router.load import Generator, until
from bench.router.requests import chat
from tests.functional.router.platform import target

SMALL: Final = 4_096
LARGE: Final = 204_800
EVENTS: Final = 100
_TOGETHER: Final = {"max_tokens": EVENTS, "seed": 0}
_FREED_SECONDS: Final = 20.0
_SEEN_SECONDS: Final = 30.0
_OK: Final = 200
_ALONE, _BUSY, _CROWDED = 1, 32, 256
"""Connections at once: one caller, enough to keep a core busy, and many more than that."""


@dataclass(frozen=True)
class Size:
    """How much is measured: repetitions, seconds of each, requests for the memory, open streams, samples of what is rare."""

    rounds: int
    seconds: float
    requests: int
    streams: int
    samples: int


FULL: Final = Size(rounds=3, seconds=2, requests=1_000_000, streams=5_000, samples=12)
QUICK: Final = Size(rounds=1, seconds=1, requests=20_000, streams=500, samples=3)


class Rows:
    """Rows by name, in the order in which they were first filled."""

    def __init__(self) -> None:
        self.by_name: dict[str, Row] = {}

    def __getitem__(self, key: tuple[str, str, str]) -> Row:
        name, unit, better = key
        row = self.by_name.get(name)
        if row is None:
            row = self.by_name[name] = Row(name, unit, "lower" if better == "lower" else "higher")
        return row


@contextmanager
def alone(gateway: Gateway, gateways: Iterable[Gateway]) -> Iterator[None]:
    """The others, which have the same core, stand still: each looks at its tables or its keys now and then."""
    with ExitStack() as stack:
        for other in gateways:
            if other is not gateway:
                stack.enter_context(other.process.paused())
        yield


def compare(rows: Rows, generator: Generator, gateways: Iterable[Gateway], size: Size) -> None:
    """One repetition of what all gateways are asked."""
    for gateway in gateways:
        seconds = max(size.seconds, gateway.least_seconds)
        for connections in (_ALONE, _BUSY, _CROWDED):
            found = generator.flood(gateway, connections=connections, seconds=seconds, size=SMALL).values
            rows[f"plain, {connections} at a time", "requests/s", "higher"].add(gateway.name, found["rate"], found["errors"])
            if connections == _ALONE:
                rows["plain, 1 at a time: p50", "ms", "lower"].add(gateway.name, found["p50"])
            if connections == _BUSY:
                rows["plain: processor", "µs a request", "lower"].add(gateway.name, found["cpu"])
        found = generator.flood(gateway, connections=32, seconds=seconds, size=LARGE).values
        rows["plain, prompts of 200 KB, 32 at a time", "requests/s", "higher"].add(gateway.name, found["rate"], found["errors"])
        rows["plain, prompts of 200 KB: processor", "µs a request", "lower"].add(gateway.name, found["cpu"])
        _streams(rows, generator, gateway, seconds)


def _streams(rows: Rows, generator: Generator, gateway: Gateway, seconds: float) -> None:
    for connections in (_ALONE, _BUSY, _CROWDED):
        found = generator.flood(gateway, connections=connections, seconds=seconds, size=SMALL, stream=_TOGETHER).values
        if found["rate"] * seconds < 1 or found["errors"] > found["rate"] * seconds / 2:
            rows[f"streams of {EVENTS} events at once, {connections} at a time", "events/s", "higher"].absent[gateway.name] = (
                "does not stream"
            )
            return
        name = f"streams of {EVENTS} events at once, {connections} at a time"
        rows[name, "events/s", "higher"].add(gateway.name, found["events"], found["errors"])
    found = generator.streams(gateway, count=32, seconds=seconds, events=EVENTS, pace_us=5_000).values
    rows["32 streams, an event each 5 ms: first event, p50", "ms", "lower"].add(gateway.name, found["first_p50"], found["errors"])
    rows["32 streams, an event each 5 ms: processor", "µs an event", "lower"].add(gateway.name, found["cpu_event"])
    found = generator.leaving(gateway, count=32, seconds=seconds).values
    rows["callers leave after the first event", "streams/s", "higher"].add(gateway.name, found["rate"], found["errors"])


def freed(rows: Rows, generator: Generator, gateway: Gateway, upstream: int, size: Size) -> None:
    """How soon the upstream is hung up on when callers leave."""

    if gateway.name not in rows["callers leave after the first event", "streams/s", "higher"].samples:
        return

    def idle() -> bool:
        return int(told(upstream)["streams"]) == 0

    until(idle, _FREED_SECONDS)
    generator.leaving(gateway, count=32, seconds=size.seconds)
    rows["callers leave: until the upstream knows of all", "s", "lower"].add(gateway.name, until(idle, _FREED_SECONDS))


def half_load(rows: Rows, generator: Generator, gateways: Sequence[Gateway], direct: Gateway, size: Size) -> None:
    """Latency that a gateway adds at half of what it can carry: its times less those without it, at the same rate."""
    full = rows["plain, 32 at a time", "requests/s", "higher"]
    for gateway in gateways:
        most = full.middle(gateway.name)
        if most is None or gateway.name == direct.name:
            continue
        seconds = max(size.seconds, gateway.least_seconds)
        with alone(gateway, gateways):
            generator.steady(gateway, rate=max(most / 2, 1.0), seconds=gateway.least_seconds, size=SMALL)  # what it has put off meanwhile
            with_it = generator.steady(gateway, rate=max(most / 2, 1.0), seconds=seconds, size=SMALL).values
        without = generator.steady(direct, rate=max(most / 2, 1.0), seconds=seconds, size=SMALL).values
        for share in ("p50", "p99"):
            row = rows[f"added at half load: {share}", "ms", "lower"]
            row.add(gateway.name, with_it[share] - without[share], with_it["errors"] if share == "p50" else 0)


def many(rows: Rows, generator: Generator, one: Gateway, all_of_them: Gateway, size: Size) -> None:
    """One model and token, 200 models, 10,000 tokens, both: rate and processor of each, of routers that hold one and all."""
    for label, gateway, models, tokens in (
        ("1 model, 1 token", one, 1, 1),
        ("200 models, 1 token", all_of_them, 200, 1),
        ("1 model, 10,000 tokens", all_of_them, 1, 10_000),
        ("200 models, 10,000 tokens", all_of_them, 200, 10_000),
    ):
        seconds = size.seconds * (4 if tokens > 1 else 1)  # so that most requests are not the first of their token
        found = generator.flood(gateway, connections=32, seconds=seconds, size=SMALL, models=models, tokens=tokens).values
        rows[label, "requests/s", "higher"].add(OURS, found["rate"], found["errors"])
        rows[f"{label}: processor", "µs a request", "lower"].add(OURS, found["cpu"])


def one_dead(rows: Rows, generator: Generator, gateways: Iterable[Gateway], size: Size) -> None:
    """One of two targets is dead: what callers see of it."""
    for gateway in gateways:
        found = generator.flood(gateway, connections=32, seconds=max(size.seconds, gateway.least_seconds), size=SMALL).values
        rows["one of two targets dead, 32 at a time", "requests/s", "higher"].add(gateway.name, found["rate"], found["errors"])


def memory(rows: Rows, generator: Generator, gateway: Gateway, size: Size) -> None:
    """What is held when it has just been asked for the first time, half-way, and at the end of so many requests."""
    half = size.requests // 2
    rows["memory at the beginning", "MiB", "lower"].add(gateway.name, generator.memory(gateway))
    for name in (f"memory after {half:,} requests", f"memory after {2 * half:,} requests"):
        _ask(generator, gateway, half)
        rows[name, "MiB", "lower"].add(gateway.name, generator.memory(gateway))


def _ask(generator: Generator, gateway: Gateway, requests: int) -> None:
    """About so many requests, in runs of a few seconds."""
    left, rate = float(requests), 0.0
    while left > 0:
        seconds = min(max(round(left / rate), 1), 20) if rate else 1
        found = generator.flood(gateway, connections=32, seconds=seconds).values
        rate = max(found["rate"], 1.0)
        left -= rate * seconds


def open_streams(rows: Rows, generator: Generator, gateway: Gateway, size: Size) -> None:
    """What so many open streams take."""
    before = generator.memory(gateway)
    with generator.holding(gateway, size.streams) as held:
        rows[f"memory with {size.streams:,} open streams", "MiB", "lower"].add(gateway.name, generator.memory(gateway), size.streams - held)
        rows["an open stream", "KiB", "lower"].add(gateway.name, (generator.memory(gateway) - before) * 1024 / max(held, 1))


def revoked(rows: Rows, gateway: Gateway, size: Size) -> None:
    """From the write that revokes a token to the first request that is refused."""
    estate = gateway.estate
    if estate is None:
        return
    row = rows["from a revoked token to the first refusal", "ms", "lower"]
    for _ in range(size.samples):
        token = estate.platform.token((GROUP,))
        until(partial(_takes, gateway, token), _SEEN_SECONDS)
        time.sleep(time.time() % 0.9)  # the router looks at fixed times: no sample is to lie in step with them
        estate.platform.revoke(token)
        row.add(gateway.name, until(partial(_refuses, gateway, token), _SEEN_SECONDS) * 1000)


def moved(rows: Rows, gateway: Gateway, upstreams: Sequence[int], size: Size) -> None:
    """From the commit of a route's new version to the first request that it answers."""
    estate = gateway.estate
    if estate is None:
        return
    row = rows["from a commit to the moved traffic", "ms", "lower"]
    for number in range(1, size.samples + 1):
        version = f"1.{number}.0"
        time.sleep(time.time() % 0.7)
        estate.platform.route(
            MODEL,
            targets=[target(port, f"v{number}-{port}", version=version) for port in upstreams],
            version=version,
            allowed_groups=[GROUP],
        )
        row.add(gateway.name, until(partial(_is_at, gateway, version), _SEEN_SECONDS) * 1000)


def told(upstream: int) -> dict[str, Any]:
    """What the upstream says of itself."""
    with urllib.request.urlopen(f"http://127.0.0.1:{upstream}/", timeout=5) as answer:
        found: dict[str, Any] = json.loads(answer.read())
        return found


def _takes(gateway: Gateway, token: str) -> bool:
    return _asked(gateway, token)[0] == _OK


def _refuses(gateway: Gateway, token: str) -> bool:
    return not _takes(gateway, token)


def _is_at(gateway: Gateway, version: str) -> bool:
    return _asked(gateway, gateway.tokens[0])[1].get("x-slipway-version", "") == version


def _asked(gateway: Gateway, token: str) -> tuple[int, Mapping[str, str]]:
    """Status and headers of one chat."""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    asked = urllib.request.Request(f"http://127.0.0.1:{gateway.port}{gateway.path}", chat(MODEL, 600), headers)
    try:
        with urllib.request.urlopen(asked, timeout=10) as answer:
            answer.read()
            return answer.status, dict(answer.headers)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers)
