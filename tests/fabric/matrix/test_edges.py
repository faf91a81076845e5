"""Every edge of every state machine is taken, and every kind of fault comes to pass; else a run proves less than it says."""

import random
from collections import Counter

from tests.evidence import counted
from tests.fabric.faults import KINDS
from tests.fabric.matrix import edges
from tests.fabric.platform import Fabric
from tests.fabric.walk import plan_of, walked

_SITES = ("duplicate", "delay", "bus refused", "stale", "preempted", "crash before", "crash after", *KINDS)


def test_every_edge_of_every_machine_is_taken() -> None:
    """Each Next, choice, catcher and start of the definitions, by lives of models and scenes of failure; none that is not in them."""
    wanted, taken = edges.every_edge(), edges.taken()
    assert sorted(wanted - set(taken)) == []
    assert set(taken) <= wanted
    counted("machine_edges_taken", len(wanted))


def test_every_kind_of_fault_comes_to_pass() -> None:
    """Twelve walks of fixed seeds meet each kind of fault that plans know, in deliveries, in calls and in runs."""
    fired: Counter[str] = Counter()
    for seed in range(12):
        fabric, _ = walked(seed, 30)
        fired += fabric.fired
    seen = {site for site in _SITES if any(name.startswith(site) for name in fired)}
    assert sorted(set(_SITES) - seen) == []
    with Fabric(seed=1) as fabric:
        fabric.http("create_model", "POST", "/models", body=fabric.wish("m1"))
        fabric.drop(random.Random(1).choice(fabric.pending))
        assert fabric.fired.total() == 1
    assert any(plan_of(seed).fault for seed in range(12))
