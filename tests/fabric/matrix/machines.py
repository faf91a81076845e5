"""H6: a state machine that runs its steps."""

import json
from collections.abc import Callable
from typing import Any

from tests.fabric.asl import TaskFailed
from tests.fabric.matrix.cells import Hop
from tests.fabric.matrix.scenes import at_rest, command, create, mute, once, serve, skewed, tick, upcoming
from tests.fabric.platform import Fabric

MACHINES = Hop("H6", "state machine → function")
_ANOTHER: dict[str, Any] = {"engine": {"kind": "llama.cpp", "arguments": {"context_length": 4096}}}


def _steps(fabric: Fabric, act: Callable[[Callable[[], Any]], Any]) -> None:
    """Let `act` decide, for each step's run, what comes of it."""
    invoke = fabric.machines._invoke
    fabric.machines._invoke = lambda name, order: act(lambda: invoke(name, order))


def _failing(error: str, *, ran: bool, times: int = 2) -> int:
    """The first runs of steps end so, after or without having run: the machine's retries bring the operation to its end, once."""
    with Fabric(seed=1) as fabric:
        fired = 0

        def act(run: Callable[[], Any]) -> Any:
            nonlocal fired
            if fired >= times:
                return run()
            fired += 1
            if ran:
                run()
            raise TaskFailed(error, json.dumps({"errorMessage": "", "errorType": error}))

        _steps(fabric, act)
        accepted = create(fabric)
        fabric.run()
        once(fabric, accepted)
        at_rest(fabric)
        (execution,) = fabric.machines.executions.values()
        assert execution.status == "SUCCEEDED"
        return fired


@MACHINES.cell
def duplicate() -> int:
    """An operation that is begun twice, also after its end, has one execution, which bears its name."""
    with Fabric(seed=2) as fabric:
        accepted = create(fabric)
        first = upcoming(fabric, "bus", "ServingOnModelRequestedQueue")
        for _ in range(2):
            fabric.duplicate(first)
        last = fabric.bus.waiting[-1]
        fabric.delay(last, 3_000.0)
        fabric.run()
        at_rest(fabric)
        once(fabric, accepted)
        assert len(fabric.machines.executions) == 1
        return fabric.calls["stepfunctions.StartExecution"]


@MACHINES.cell
def reorder() -> int:
    """A step of an execution that was superseded does nothing when it comes late: the generation that it was ordered for is over."""
    with Fabric(seed=3) as fabric:
        create(fabric)
        upcoming(fabric, "machine", "enters LaunchEngine")
        (execution,) = fabric.machines.executions.values()
        order = {**execution.given, "task_token": "of/the/past"}
        deletion = command(fabric, "delete")
        at_rest(fabric)
        before = fabric.rows()
        outcome = fabric._invoke("ServingLaunchEngineFunction", order)
        assert (outcome.error, fabric.rows()) == ("Conflict", before), outcome
        once(fabric, deletion, "ModelDeleted")
        assert fabric.ecs.left() == []
        return int(not outcome.fine)


@MACHINES.cell
def loss() -> int:
    """An execution that somebody has stopped is started anew by the sweep; the third loss settles the operation by that name."""
    with Fabric(seed=4) as fabric:
        accepted = create(fabric)
        lost = 0
        while not fabric.operation(accepted)["ended_at"]:
            running = [one for one in fabric.machines.executions.values() if one.status == "RUNNING"]
            for execution in running:
                fabric.machines.stop(execution.machine, execution.name)
                lost += 1
            tick(fabric)
        once(fabric, accepted, "ModelFailed", "Failed")
        assert fabric.model("m1")["failure"]["code"] == "execution-lost"
        at_rest(fabric)
        assert lost == 3
        return lost


@MACHINES.cell
def delay() -> int:
    """A wait that nobody ends is over in time: every task has a timeout and every wait a heartbeat, and the operation comes to its end."""
    with Fabric(seed=5) as fabric:
        swallowed = mute(fabric, "RegistryOnModelRequestedFunction")
        accepted = create(fabric)
        at_rest(fabric)
        once(fabric, accepted, "ModelFailed", "Failed")
        return len(swallowed)


@MACHINES.cell
def poison() -> int:
    """An answer of a step that no choice knows, and an error that nobody foresaw, end the operation as failed, with nothing left."""
    fired = 0
    for wrong in ("answer", "error"):
        with Fabric(seed=6) as fabric:
            bad = 0

            def act(run: Callable[[], Any], wrong: str = wrong) -> Any:
                nonlocal bad
                answer = run()
                if isinstance(answer, dict) and answer.get("decision") == "hosted":
                    bad += 1
                    if wrong == "error":
                        raise TaskFailed("KeyError", "{}")
                    return {"decision": "nonsense"}
                return answer

            _steps(fabric, act)
            accepted = create(fabric)
            at_rest(fabric)
            once(fabric, accepted, "ModelFailed", "Failed")
            assert fabric.ecs.left() == []
            fired += bad
    return fired


@MACHINES.cell
def throttling() -> int:
    """A function that Lambda throttles is run again after a while with full jitter."""
    return _failing("Lambda.TooManyRequestsException", ran=False, times=4)


@MACHINES.cell
def crash_between_writes() -> int:
    """A step that dies, after whichever of its first calls, is run again and finds what it had done."""
    fired = 0
    for state in ("PrepareModel", "AwaitValidation", "LaunchEngine"):
        for number in range(3):
            with Fabric(seed=7) as fabric:
                accepted = create(fabric)
                step = upcoming(fabric, "machine", f"enters {state}")
                fabric.crash_next(number, "after")
                fabric.deliver(step)
                at_rest(fabric)
                once(fabric, accepted)
                fired += fabric.fired.total()
    return fired


@MACHINES.cell
def timeout_after_success() -> int:
    """Steps that have run, and whose answers were lost, are run again to no further effect."""
    return _failing("Sandbox.Timedout", ran=True)


@MACHINES.cell
def stale_read() -> int:
    """Steps that take engines down while ECS shows the moment before leave nothing behind: rows decide, and the sweep looks again."""
    with Fabric(seed=8) as fabric:
        serve(fabric)
        fabric.stale_next(times=500)
        stop = command(fabric, "stop")
        fabric.run()
        found = sum(times for name, times in fabric.fired.items() if name.startswith("stale"))
        at_rest(fabric)
        once(fabric, stop, "ModelStopped")
        assert [task for task in fabric.ecs.tasks.values() if task.last != "STOPPED"] == []
        return found


@MACHINES.cell
def clock_skew() -> int:
    """Steps whose clocks are ten minutes slow give nothing up and settle alike: deadlines stand in the row."""
    with Fabric(seed=9) as fabric:
        accepted = create(fabric)
        fabric.deliver(upcoming(fabric, "machine", "enters PrepareModel"))
        skewed(fabric, -600.0)
        fabric.run()
        once(fabric, accepted)
        at_rest(fabric)
        return int(fabric.operation(accepted)["ended_at"] < fabric.operation(accepted)["created_at"])


@MACHINES.cell
def region_5xx() -> int:
    """Lambda's own 5xx is retried like a throttle."""
    return _failing("Lambda.ServiceException", ran=False, times=3)


@MACHINES.cell
def quota() -> int:
    """Where no more executions may be open, the message that asks for one goes back to its queue, and the operation begins later."""
    with Fabric(seed=10) as fabric:
        accepted = create(fabric)
        fabric.fault("stepfunctions", "StartExecution", "ExecutionLimitExceeded", 2)
        fabric.run()
        at_rest(fabric)
        once(fabric, accepted)
        return fabric.fired["ExecutionLimitExceeded stepfunctions.StartExecution"]


@MACHINES.cell
def gpu_shortage() -> int:
    """The machine waits for capacity longer than its heartbeat lasts, in one execution, and goes on when there is room."""
    with Fabric(seed=11) as fabric:
        fabric.ecs.no_capacity()
        accepted = create(fabric, accelerator={"gpus": 1})
        fabric.live(1800.0)
        assert fabric.operation(accepted)["status"] == "Running"
        found = sum("no place" in line for line in fabric.log)
        at_rest(fabric)
        once(fabric, accepted)
        assert len(fabric.machines.executions) == 1
        return found


def _troubled(fabric: Fabric, trouble: Callable[[Any], None]) -> int:
    """While a change brings up its new copy, this befalls it, once for each copy that runs; how often."""
    serve(fabric)
    old = {task.task_id for task in fabric.ecs.alive()}
    update = command(fabric, "update", **_ANOTHER)
    befallen = 0
    while not fabric.operation(update)["ended_at"]:
        for task in fabric.ecs.alive():
            if task.task_id not in old and task.last == "RUNNING":
                trouble(task)
                befallen += 1
        assert fabric.router.request("m1") == "open"
        tick(fabric)
    return befallen


@MACHINES.cell
def out_of_memory() -> int:
    """A change whose new copies run out of memory takes the branch of rolling back: the old copy answered all the time and goes on."""
    with Fabric(seed=12) as fabric:
        killed = _troubled(fabric, fabric.ecs.oom)
        assert fabric.edges["update_model:LaunchEngine→RollBackUpdate"] == 1
        at_rest(fabric)
        assert fabric.model("m1")["status"] == "InService"
        return killed


@MACHINES.cell
def health_flap() -> int:
    """New copies that never become healthy take the same branch."""
    with Fabric(seed=13) as fabric:
        flapped = _troubled(fabric, fabric.ecs.flap)
        assert fabric.edges["update_model:LaunchEngine→RollBackUpdate"] == 1
        at_rest(fabric)
        return flapped


@MACHINES.cell
def spot() -> int:
    """A launch whose host is taken back before the engine answers waits on, and the copy in its place ends it."""
    with Fabric(seed=14) as fabric:
        accepted = create(fabric, accelerator={"gpus": 1})
        upcoming(fabric, "ecs", "becomes RUNNING")
        (task,) = fabric.ecs.alive()
        fabric.ecs.spot(task, warned=False)
        fabric.run()
        at_rest(fabric)
        once(fabric, accepted)
        assert len(fabric.machines.executions) == 1
        return int(task.last == "STOPPED")


MACHINES.reasoned(partial_batch="No machine maps over a list: each step is one call of one function.")
