"""`make soak`: the whole platform under steady traffic and constant change, for SLIPWAY_SOAK_MINUTES (20), while its memory is watched.

Exits with 1 when the memory of the router, of an engine's supervisor, of the emulator or of its functions' environments rises steadily: by
more than `LIMIT_PER_HOUR` of its size an hour, by the slope over the second half of the time, when caches are full.

The emulator is also the database, and each change leaves rows that are kept by promise: facts in ledgers, commands, the audit. What rows
weigh is told beside, and taken off before the emulator is judged: on AWS it is a table's, not a program's.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from tests.e2e.platform import Platform
from tests.e2e.steady import SteadyClients
from tests.emulator.kills.victims import processes

MINUTES = float(os.environ.get("SLIPWAY_SOAK_MINUTES", "20"))
EVERY_SECONDS = 5.0
LIMIT_PER_HOUR = 0.25
"""A quarter an hour: beyond what samples of a garbage-collected program waver by over ten minutes."""
ROW_WEIGHT = 1.6
"""Memory of the emulator's tables by the length of their JSON on the disk: measured 1.61 at 0.65 MB of rows and 1.59 at 1.14 MB."""
LEAST = 8
MODEL = "soaked"
ROWS = "rows"


def resident(pids: Sequence[int]) -> float:
    """Resident memory of processes together, MiB; of one that has gone meanwhile nothing."""
    total = 0.0
    for pid in pids:
        try:
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        except (OSError, IndexError):
            continue
        total += pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    return total


def rows(home: Path) -> float:
    """What the rows of all tables weigh in the emulator's memory, MiB, by its last checkpoint under `home`; their streams are not rows."""
    state = json.loads((home / "state" / "emulator" / "dynamodb.json").read_text())
    return len(json.dumps(state["payload"]["tables"])) * ROW_WEIGHT / 2**20


def slope(samples: Sequence[tuple[float, float]]) -> float:
    """Least squares through (seconds, MiB): by which share of its mean the memory grows in an hour. 0 for too few samples."""
    if len(samples) < LEAST:
        return 0.0
    seconds, sizes = [at for at, _ in samples], [size for _, size in samples]
    middle, mean = fmean(seconds), fmean(sizes)
    spread = sum((at - middle) ** 2 for at in seconds)
    rise = sum((at - middle) * (size - mean) for at, size in samples) / spread if spread else 0.0
    return rise * 3600 / mean if mean else 0.0


def watched(platform: Platform) -> dict[str, float]:
    """Memory by kind, MiB: of functions the mean of an environment, as their number is a matter of load."""
    functions = processes(platform, "function")
    emulator, kept = resident([platform.emulator_pid()]), rows(platform.home)
    return {
        "router": resident(processes(platform, "router")),
        "supervisor": resident(processes(platform, "engine")[:1]),
        "emulator": emulator - kept,
        ROWS: kept,
        "function": resident(functions) / max(1, len(functions)),
    }


def soak(platform: Platform) -> dict[str, list[tuple[float, float]]]:
    """Samples by kind while clients ask without pause and the model's wish changes again and again."""
    platform.settled(platform.call("POST", "/models", platform.parrot(MODEL, tokens_per_second=100)))
    platform.answers(MODEL)
    samples: dict[str, list[tuple[float, float]]] = {}
    began, number = time.monotonic(), 0
    with SteadyClients(platform, MODEL, count=2) as clients:
        while (now := time.monotonic() - began) < MINUTES * 60:
            number += 1
            platform.settled(platform.call("PATCH", f"/models/{MODEL}", {"description": f"round {number}"}))
            for kind, size in watched(platform).items():
                samples.setdefault(kind, []).append((now, size))
            time.sleep(EVERY_SECONDS)
    if clients.lost:
        raise SystemExit(f"{len(clients.lost)} answers were lost, first: {clients.lost[0]}")
    print(f"{clients.answered} answers, {number} changes, none lost")
    return samples


def main() -> int:
    """Soak a platform of its own; 1 when something grows."""
    with tempfile.TemporaryDirectory(prefix="slipway-soak-") as folder:
        platform = Platform(Path(folder))
        try:
            platform.up()
            samples = soak(platform)
        finally:
            platform.run("make down")
    grown = []
    for kind, series in samples.items():
        late = [sample for sample in series if sample[0] >= series[-1][0] / 2]
        growth = slope(late)
        grown += [kind] if growth > LIMIT_PER_HOUR and kind != ROWS else []
        print(
            f"{kind:10} {series[0][1]:7.1f} → {series[-1][1]:7.1f} MiB, {growth:+.1%} an hour over the second half of {MINUTES:g} minutes"
        )
    if grown:
        print(f"grows: {', '.join(grown)}")
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main())
