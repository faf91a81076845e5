"""How long lists and timelines take where there is much of everything, beside where there is little, on one platform in one run."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.filling import fill
from bench.measure import Figure
from local import daemons
from tests.e2e.platform import Platform, eventually

_LITTLE = 100
_SAMPLES = 100
_START_SECONDS = 1200.0  # a million rows are read before anything is served
JSON = dict[str, Any]


def scale(platform: Platform, models: int, entries: int) -> list[Figure]:
    """Latency with 100 models and 100 ledger entries, then with `models` and `entries`; as ratios of medians.

    The rows are copies of a real model's, written into the emulator's state while it is stopped. Nobody announces them or sees to them:
    the table has no stream listener, no sweep and no expiry, and the platform's own model is stopped, so that nothing works besides.
    Checkpoints are off (SLIPWAY_CHECKPOINTS): every few seconds they would copy all rows, which is what would be measured then. The
    emulator ends by SIGKILL, so that it does not write them all down either; its memory is a figure, as it bounds what can be tried.
    """
    rows = list(platform.rows("ServingModelTable"))
    model = next(row for row in rows if row["sk"]["S"] == "MODEL")
    entry = min((row for row in rows if row["sk"]["S"].startswith("LEDGER#")), key=lambda row: len(row["document"]["S"]))
    platform.settled(platform.call("POST", f"/models/{model['sort_key']['S']}/stop"))
    _stop_listening(platform)
    table, found, memory = platform.physical("ServingModelTable"), [], []
    state, emulator = platform.settings.state / "emulator" / "dynamodb.json", daemons.emulator(platform.settings)
    emulator.stop()
    saved = state.read_text()
    for amounts in ((_LITTLE, _LITTLE), (models, entries)):
        emulator.stop(kill=True)
        fill(state, saved, table, {"model": model, "entry": entry}, amounts)
        _start(platform)
        found.append(_latencies(platform))
        memory.append(_resident_gib(platform.emulator_pid()))
    platform.kill_emulator()
    return _figures(found[0], found[1], f"{models} models, {entries} entries", memory[1])


def _figures(little: dict[str, tuple[float, ...]], much: dict[str, tuple[float, ...]], amount: str, memory: float) -> list[Figure]:
    figures = []
    for name, samples in little.items():
        few, many = Figure(name, "ms", samples), Figure(name, "ms", much[name])
        ratio = many.percentile(0.5) / few.percentile(0.5)
        figures += [
            Figure(f"{name}: {_LITTLE} models, {_LITTLE} entries", "ms", few.samples),
            Figure(f"{name}: {amount}", "ms", many.samples),
            Figure(f"{name}: ratio of the medians", "ratio", (ratio,), 1.5),
        ]
    return [*figures, Figure(f"memory of the emulator: {amount}", "GiB", (memory,))]


def _stop_listening(platform: Platform) -> None:
    functions = platform.aws("lambda")
    for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
        if ":dynamodb:" in mapping["EventSourceArn"]:
            functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    schedules = platform.aws("scheduler")
    for schedule in schedules.list_schedules()["Schedules"]:  # sweeps would look at every model once a minute
        schedules.delete_schedule(Name=schedule["Name"], GroupName=schedule["GroupName"])
    platform.aws("dynamodb").update_time_to_live(
        TableName=platform.physical("ServingModelTable"), TimeToLiveSpecification={"AttributeName": "expires_at", "Enabled": False}
    )


def _start(platform: Platform) -> None:
    """The emulator, with what is in its state, and without checkpoints; nobody else's environment changes."""
    before = os.environ.get("SLIPWAY_CHECKPOINTS")
    os.environ["SLIPWAY_CHECKPOINTS"] = "off"
    try:
        emulator = daemons.emulator(platform.settings)
        emulator.start()
    finally:
        os.environ.pop("SLIPWAY_CHECKPOINTS")
        if before is not None:
            os.environ["SLIPWAY_CHECKPOINTS"] = before
    eventually(lambda: emulator.pid() is None or emulator.serves(), "the emulator has read its state", _START_SECONDS)
    if emulator.pid() is None:
        raise SystemExit(f"The emulator ended while reading so many rows:\n{emulator.last_words()}")


def _resident_gib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024**2


def _latencies(platform: Platform) -> dict[str, tuple[float, ...]]:
    asked = {
        "GET /models": "/models?limit=50",
        "GET /models, by prefix": "/models?limit=50&prefix=bench-0000",
        "GET /models/{id}/events": "/models/bench-long/events?limit=50",
        "GET /models/{id}/events, newest first": "/models/bench-long/events?limit=50&order=desc",
    }
    return {name: tuple(_times(platform, path)) for name, path in asked.items()}


def _times(platform: Platform, path: str) -> Iterator[float]:
    eventually(lambda: platform.call("GET", path).status == 200, f"GET {path} answers")  # noqa: PLR2004
    for _ in range(_SAMPLES):
        began = time.perf_counter()
        reply = platform.call("GET", path)
        if len(reply.json.get("items") or ()) != 50:  # noqa: PLR2004 - as many as were asked for
            raise SystemExit(f"GET {path} does not answer a whole page: {reply.text[:300]}")
        yield (time.perf_counter() - began) * 1000
