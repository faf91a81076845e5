"""H5: a function that asks ECS for engines."""

from typing import Any

from tests.fabric.aws.pace import Pace
from tests.fabric.matrix.cells import Hop
from tests.fabric.matrix.oracle import differences
from tests.fabric.matrix.scenes import at_rest, command, crashes, create, engine, once, serve, skewed, tick, until, upcoming
from tests.fabric.platform import Fabric

ENGINES = Hop("H5", "function → ECS")
_ANOTHER: dict[str, Any] = {"engine": {"kind": "llama.cpp", "arguments": {"context_length": 4096}}}
_FULL = "VcpuLimitExceeded: You have requested more vCPU capacity than your current vCPU limit"


def _condition(fabric: Fabric, aspect: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in fabric.model("m1")["conditions"] if one["type"] == aspect)
    return found


def _asked(error: str, *operations: str, times: int = 1) -> int:
    """These calls fail so: in the end there is one service with its copies, and no other."""
    fired = 0
    for operation in operations:
        with Fabric(seed=1) as fabric:
            accepted = create(fabric)
            fabric.fault("ecs", operation, error, times)
            fabric.run()
            at_rest(fabric)
            once(fabric, accepted)
            assert len(fabric.ecs.services) == 1
            fired += fabric.fired[f"{error} ecs.{operation}"]
    return fired


@ENGINES.cell
def duplicate() -> int:
    """Asking twice for a definition, a service or a count is asking once."""
    return _asked("repeated", "RegisterTaskDefinition", "CreateService")


@ENGINES.cell
def reorder() -> int:
    """A launch that comes after the deletion that overtook it leaves nothing behind: the row decides."""
    with Fabric(seed=2) as fabric:
        create(fabric)
        late = upcoming(fabric, "machine", "enters LaunchEngine")
        deletion = command(fabric, "delete")
        fabric.deliver(late)
        at_rest(fabric)
        once(fabric, deletion, "ModelDeleted")
        assert fabric.ecs.left() == []
        return sum(operation["status"] == "Superseded" for operation in fabric.rows().values() if "supersedes" in operation)


@ENGINES.cell
def loss() -> int:
    """A count that somebody has set by hand is set right by the sweep."""
    with Fabric(seed=3) as fabric:
        serve(fabric)
        (service,) = fabric.ecs.services.values()
        fabric.ecs.scale(service, 0)
        at_rest(fabric)
        assert service.desired == 1
        assert fabric.model("m1")["status"] == "InService"
        return sum(task.last == "STOPPED" for task in fabric.ecs.tasks.values())


@ENGINES.cell
def delay() -> int:
    """An engine that takes longer than the model's deadline is given up, with a reason, and taken down."""
    with Fabric(seed=4, pace=Pace(load=(40_000, 40_000))) as fabric:
        accepted = create(fabric)
        at_rest(fabric)
        once(fabric, accepted, "ModelFailed", "Failed")
        assert fabric.operation(accepted)["reason"]["code"]
        assert fabric.ecs.left() == []
        return int(fabric.now > 2700)


@ENGINES.cell
def poison() -> int:
    """What ECS will never take fails at once, by name, and is not tried again."""
    with Fabric(seed=5) as fabric:
        accepted = create(fabric)
        fabric.fault("ecs", "RegisterTaskDefinition", "ClientException")
        fabric.run()
        at_rest(fabric)
        once(fabric, accepted, "ModelFailed", "Failed")
        assert fabric.calls["ecs.RegisterTaskDefinition"] == 1
        return fabric.fired["ClientException ecs.RegisterTaskDefinition"]


@ENGINES.cell
def throttling() -> int:
    """Throttled calls are made again by the machine's retries."""
    return _asked("throttled", "RegisterTaskDefinition", "CreateService", times=2)


@ENGINES.cell
def partial_batch() -> int:
    """One model whose calls fail in a sweep keeps none of the others back."""
    with Fabric(seed=6) as fabric:
        serve(fabric, "m1")
        serve(fabric, "m2")
        fabric.live(61.0 - fabric.now % 60.0)  # just after a sweep, so that all copies have ended before the next
        for service in fabric.ecs.services.values():
            fabric.ecs.scale(service, 0)
        until(fabric, lambda: fabric.model("m1")["tasks"] == [] == fabric.model("m2")["tasks"])
        fabric.fault("ecs", "UpdateService", "unavailable")
        until(fabric, lambda: bool(fabric.fired["unavailable ecs.UpdateService"]))
        assert sorted(service.desired for service in fabric.ecs.services.values()) == [0, 1]
        at_rest(fabric)
        return fabric.fired["unavailable ecs.UpdateService"]


@ENGINES.cell
def crash_between_writes() -> int:
    """Whichever call the launch dies around, between CreateService and the row too, the service is adopted by its name: there is one."""

    def scene(fabric: Fabric) -> Any:
        create(fabric)
        step = upcoming(fabric, "machine", "enters LaunchEngine")
        return lambda: fabric.deliver(step)

    def finish(fabric: Fabric) -> None:
        at_rest(fabric)
        assert fabric.model("m1")["status"] == "InService"
        assert len(fabric.ecs.services) == 1

    return crashes(scene, finish)


@ENGINES.cell
def timeout_after_success() -> int:
    """A service that was made without our hearing of it is found by its name."""
    return _asked("lost", "RegisterTaskDefinition", "CreateService")


@ENGINES.cell
def stale_read() -> int:
    """While ECS shows the moment before, nothing is removed that runs, and nothing is left that should go."""
    with Fabric(seed=7) as fabric:
        accepted = create(fabric)
        fabric.stale_next(times=1000)
        until(fabric, lambda: bool(fabric.operation(accepted)["ended_at"]))
        once(fabric, accepted)
        deletion = command(fabric, "delete")
        at_rest(fabric)
        once(fabric, deletion, "ModelDeleted")
        assert fabric.ecs.left() == []
        return sum(times for name, times in fabric.fired.items() if name.startswith("stale ecs."))


@ENGINES.cell
def clock_skew() -> int:
    """A clock that is ten minutes fast gives no start up: the deadline is as far away as its start was."""
    with Fabric(seed=8) as fabric:
        skewed(fabric, 600.0)
        accepted = create(fabric)
        fabric.run()
        once(fabric, accepted)
        at_rest(fabric)
        return int(fabric.operation(accepted)["created_at"] >= "2026-01-01T00:10")


@ENGINES.cell
def region_5xx() -> int:
    """While ECS answers 5xx, what serves goes on serving, and what is asked for waits or comes to its end by name."""
    with Fabric(seed=9) as fabric:
        serve(fabric)
        fabric.fault("ecs", "*", "unavailable", 200)
        accepted = create(fabric, "m2")
        for _ in range(10):
            fabric.live(30.0)
            assert fabric.router.request("m1") == "open"
        fired = sum(times for name, times in fabric.fired.items() if name.startswith("unavailable ecs."))
        fabric.settle()
        assert differences(fabric) == []
        assert fabric.operation(accepted)["status"] in {"Succeeded", "Failed"}
        assert fabric.router.request("m1") == "open"
        return fired


@ENGINES.cell
def quota() -> int:
    """A quota that is used up is a condition with its own reason, ECS is not asked again and again, and room ends the waiting."""
    with Fabric(seed=10) as fabric:
        fabric.ecs.no_capacity(f"was unable to place a task. Reason: {_FULL}.")
        accepted = create(fabric, accelerator={"gpus": 1})
        fabric.run()
        fabric.live(120.0)
        assert _condition(fabric, "CapacityAvailable")["reason"] == "QuotaExceeded"
        before = fabric.calls["ecs.CreateService"] + fabric.calls["ecs.UpdateService"]
        fabric.live(300.0)
        assert fabric.calls["ecs.CreateService"] + fabric.calls["ecs.UpdateService"] == before
        found = sum("no place" in line for line in fabric.log)
        at_rest(fabric)
        once(fabric, accepted)
        return found


@ENGINES.cell
def gpu_shortage() -> int:
    """A change that finds no capacity is given up at its deadline and rolled back; the old copies answer all the time."""
    with Fabric(seed=11) as fabric:
        serve(fabric)
        fabric.ecs.no_capacity()
        update = command(fabric, "update", **_ANOTHER)
        while not fabric.operation(update)["ended_at"]:
            fabric.live(120.0)
            assert fabric.router.request("m1") == "open"
            assert fabric.now < 30_000
        assert fabric.operation(update)["status"] == "Failed"
        found = sum("no place" in line for line in fabric.log)
        at_rest(fabric)
        assert [task.last for task in fabric.ecs.tasks.values()] == ["RUNNING"]
        return found


@ENGINES.cell
def out_of_memory() -> int:
    """An engine that runs out of memory while it starts fails the operation by that name, with a hint, and is taken down."""
    with Fabric(seed=12) as fabric:
        accepted = create(fabric)
        killed = 0
        while not fabric.operation(accepted)["ended_at"]:
            for task in fabric.ecs.alive():
                if task.last == "RUNNING":
                    fabric.ecs.oom(task)
                    killed += 1
            tick(fabric)
        failure = fabric.model("m1")["failure"]
        assert "memory" in failure["code"]
        assert failure["hint"]
        at_rest(fabric)
        once(fabric, accepted, "ModelFailed", "Failed")
        return killed


@ENGINES.cell
def health_flap() -> int:
    """Copies that die again and again are named for it; the model stays in service, and calms down when they live."""
    with Fabric(seed=13) as fabric:
        serve(fabric)
        for _ in range(3):
            fabric.ecs.flap(engine(fabric))
            fabric.run()
        assert _condition(fabric, "EngineReady")["reason"] == "HealthFlapping"
        assert fabric.model("m1")["status"] == "InService"
        flaps = sum(task.reason == "Task failed container health checks" for task in fabric.ecs.tasks.values())
        fabric.live(4000.0)
        at_rest(fabric)
        assert _condition(fabric, "EngineReady")["status"] == "True"
        return flaps


@ENGINES.cell
def spot() -> int:
    """A copy whose host is taken back drains when the warning comes, and is replaced, with a warning and without."""
    lost = 0
    for warned in (True, False):
        with Fabric(seed=14) as fabric:
            serve(fabric, accelerator={"gpus": 1}, capacity={"min": 2, "max": 2, "desired": 2})
            first = next(task for task in fabric.ecs.alive())
            fabric.ecs.spot(first, warned=warned)
            if warned:
                until(fabric, lambda fabric=fabric, first=first: _draining(fabric, first.task_id))  # type: ignore[misc]
                assert first.last == "RUNNING"
            fabric.run()
            at_rest(fabric)
            assert len(fabric.ecs.alive()) == 2
            assert first not in fabric.ecs.alive()
            lost += first.last == "STOPPED"
    return lost


def _draining(fabric: Fabric, target_id: str) -> bool:
    route = fabric.route("m1") or {"targets": []}
    return any(target["target_id"] == target_id and target["status"] == "draining" for target in route["targets"])
