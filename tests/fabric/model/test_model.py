"""Five thousand random lives of a platform, in shards that run beside each other; more of them by SLIPWAY_PROOF_SCALE, with fresh seeds.

A failure prints the shrunk example as a program of rules, hypothesis's blob to repeat it, and the fabric's trace of that example.
"""

import random

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.evidence import counted, scaled
from tests.fabric.model.machine import fresh_machine

SHARDS, EXAMPLES = 10, 5000
LENGTHS = (12, 16, 20, 24, 30, 40, 8, 12, 16, 20)
"""Steps of an example at most, by shard: many short lives find what few long ones do not, and the other way round."""


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("shard", range(SHARDS))
def test_every_invariant_holds_whatever_happens(shard: int) -> None:
    """Random people, faults, trouble and time: no invariant is broken, at any write, after any step, at rest."""
    examples = scaled(EXAMPLES // SHARDS)
    fresh = examples > EXAMPLES // SHARDS
    number = random.SystemRandom().getrandbits(64) if fresh else 20260101 + shard
    machine = fresh_machine()
    seed(number)(machine)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=LENGTHS[shard % len(LENGTHS)],
            deadline=None,
            database=None,
            print_blob=True,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        ),
    )
    counted("model_examples", machine.examples)
    counted("model_steps", machine.steps)
    assert machine.examples >= examples, "lives were thrown away instead of lived"
