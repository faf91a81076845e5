"""Seeded random walks through the whole platform end well, whatever went wrong on the way; and the trouble was real."""

import time
from collections import Counter

import pytest

from tests.evidence import counted, scaled
from tests.fabric.faults import KINDS
from tests.fabric.seeds import FOUND, Found
from tests.fabric.walk import walked

_SEEDS, _CHUNKS, _STEPS = 80, 8, 30
_TROUBLES = {*KINDS, "crash", "stale", "preempted", "duplicate", "delay", "bus"}


@pytest.mark.parametrize("chunk", range(_CHUNKS))
def test_every_walk_ends_well(chunk: int) -> None:
    """Each accepted operation ends once, deleted models leave nothing, no dead letters. `make replay SEED=n` shows a walk."""
    fired: Counter[str] = Counter()
    edges: Counter[str] = Counter()
    per_chunk = scaled(_SEEDS) // _CHUNKS or 1
    began, steps, runs, operations = time.perf_counter(), 0, 0, 0
    for seed in range(chunk * per_chunk, (chunk + 1) * per_chunk):
        fabric, walk = walked(seed, _STEPS)
        fired.update({name.split()[0]: count for name, count in fabric.fired.items()})
        edges += fabric.edges
        steps, runs, operations = steps + fabric.steps, runs + sum(fabric.functions.runs.values()), operations + len(walk.accepted)
    counted("seeded_walks", per_chunk)
    counted("things_delivered_in_walks", steps)
    counted("function_runs_in_walks", runs)
    counted("operations_settled_in_walks", operations)
    counted("seconds_of_walking", time.perf_counter() - began)
    for name, number in fired.items():
        counted("faults_fired_in_walks", number, kind=name)
    for name, number in edges.items():
        counted("machine_edges_taken_in_walks", number, edge=name)
    assert operations > per_chunk
    assert scaled(_SEEDS) < _SEEDS or len(_TROUBLES & set(fired)) > len(_TROUBLES) // 2, f"the trouble was not real: {fired}"


@pytest.mark.parametrize("found", FOUND, ids=lambda found: str(found.seed))
def test_what_was_found_once_stays_found(found: Found) -> None:
    """Walks that failed before end well now."""
    walked(found.seed, found.steps)
