"""Many starts at once: queued, bounded, and none is lost, in whatever order they come."""

from tests.evidence import counted, scaled
from tests.fabric.faults import FaultPlan
from tests.fabric.platform import Fabric

_STARTS = min(scaled(20), 100)  # the fabric looks at every task at every step: more take minutes
_MAPPING, _AT_A_TIME = "ServingOnModelRequestedQueue", 5


def _stopped(fabric: Fabric, models: list[str]) -> None:
    """Each was in service once, and is stopped."""
    for model_id in models:
        assert fabric.http("create_model", "POST", "/models", body=fabric.wish(model_id))[0] == 202
    fabric.run(limit=1000 * len(models))
    for model_id in models:
        assert fabric.http("stop_model", "POST", f"/models/{model_id}/stop")[0] == 202
    fabric.run(limit=1000 * len(models))
    assert {fabric.model(model_id)["status"] for model_id in models} == {"Stopped"}


def _start(fabric: Fabric, models: list[str]) -> list[str]:
    """The operations, in the order of acceptance; nothing happens in between."""
    accepted = []
    for model_id in models:
        status, body, _ = fabric.http("start_model", "POST", f"/models/{model_id}/start")
        assert status == 202, body
        accepted.append(str(body["operation_id"]))
    return accepted


def _ends(fabric: Fabric, operations: list[str]) -> set[str]:
    return {fabric.operation(operation)["status"] for operation in operations}


def test_many_starts_at_once_are_all_carried_out_once() -> None:
    """Each operation succeeds, each has one execution, nothing is left in a queue or among the dead letters."""
    models = [f"m{number}" for number in range(_STARTS)]
    with Fabric(seed=11) as fabric:
        _stopped(fabric, models)
        operations = _start(fabric, models)
        fabric.run(limit=1000 * _STARTS)
        assert _ends(fabric, operations) == {"Succeeded"}
        assert {fabric.model(model_id)["status"] for model_id in models} == {"InService"}
        names = [name for (_, name) in fabric.machines.executions if name in operations]
        assert sorted(names) == sorted(operations)
        assert fabric.dead_letters() == {}
        assert fabric.topology.queue_mappings[_MAPPING].concurrency == _AT_A_TIME
    counted("starts_at_once", _STARTS, context="serving")


def test_none_is_lost_where_deliveries_go_wrong() -> None:
    """Doubled and delayed on the way: every start comes to its end all the same."""
    models = [f"m{number}" for number in range(max(3, _STARTS // 4))]
    with Fabric(seed=13, faults=FaultPlan(duplicate=0.1, delay=0.1)) as fabric:
        _stopped(fabric, models)
        operations = _start(fabric, models)
        fabric.run(limit=5000 * len(models))
        fabric.settle()
        assert _ends(fabric, operations) == {"Succeeded"}
