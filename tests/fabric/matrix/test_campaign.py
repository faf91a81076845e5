"""Nine thousand faults a change: walks under rough plans, after which nothing is lost and nothing has happened twice."""

import random
from collections import Counter
from typing import Any

import pytest

from tests.evidence import counted, scaled
from tests.fabric.matrix import oracle
from tests.fabric.platform import Fabric
from tests.fabric.walk import MODELS, Walk, plan_of, told

SHARDS, STEPS = 6, 40
FAULTS = 1_500
"""At least so many in each shard."""
_FIRST, _TRIES = 100_000, 20


class Patient(Walk):
    """A client that asks again under the same key until it is told something, so that it knows of everything that was accepted."""

    def _ask(self, function: str, method: str, path: str, **more: Any) -> tuple[int, Any]:
        key = {"idempotency-key": f"campaign-{self.chance.getrandbits(64):x}"}
        for _ in range(_TRIES):
            status, answer, _ = self.fabric.http(function, method, path, headers=key, **more)
            if status < 500:
                break
        if status == 202 and answer["operation_id"] not in self.accepted:
            self.accepted.append(answer["operation_id"])
        return status, answer


def _at_rest(fabric: Fabric) -> None:
    """Ask for what must hold as soon as everything has been delivered."""
    fabric.settle()
    assert oracle.differences(fabric) == [], told(fabric, "; ".join(oracle.differences(fabric)))
    assert fabric.dead_letters() == {}, told(fabric, f"dead letters: {fabric.dead_letters()}")


def _campaign(seed: int) -> tuple[Counter[str], list[str], list[str]]:
    """One walk, at rest twice: the faults that came to pass, what was lost, what was doubled."""
    chance = random.Random(f"campaign {seed}")
    with Fabric(seed, plan_of(seed)) as fabric:
        walk = Patient(fabric, chance)
        walk.go(STEPS)
        _at_rest(fabric)
        for model_id in MODELS:
            walk._ask("delete_model", "DELETE", f"/models/{model_id}")
        _at_rest(fabric)
        lost, doubled = oracle.lost(fabric, walk.accepted), oracle.doubled(fabric, walk.accepted)
        assert not lost + doubled, told(fabric, "; ".join(lost + doubled))
        return fabric.fired, lost, doubled


@pytest.mark.parametrize("shard", range(SHARDS))
def test_no_effect_is_lost_or_doubled_whatever_fails(shard: int) -> None:
    """Walk after walk until so many faults have come to pass; rows, ECS, routes, messages, ledger and audit say the same in the end."""
    fired: Counter[str] = Counter()
    lost: list[str] = []
    doubled: list[str] = []
    seed = first = _FIRST * (shard + 1)
    while fired.total() < scaled(FAULTS):
        found, gone, twice = _campaign(seed)
        fired += found
        lost += gone
        doubled += twice
        seed += 1
    kinds: Counter[str] = Counter()
    for name, times in fired.items():
        kinds[name.split(" ")[0]] += times
    for kind, times in kinds.items():
        counted("faults_injected", times, kind=kind, ring="fabric")
    counted("effects_lost", len(lost))
    counted("effects_doubled", len(doubled))
    counted("examples_run", seed - first, kind="campaign")
