"""Lives that take every edge of every state machine: walks, and scenes for the edges that walks take too seldom."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from tests.fabric.asl import TaskFailed
from tests.fabric.matrix.scenes import command, create, serve, tick
from tests.fabric.platform import PROVIDER, Fabric
from tests.fabric.topology import topology

ANOTHER: Mapping[str, Any] = {"engine": {"kind": "llama.cpp", "arguments": {"context_length": 4096}}}


def every_edge() -> set[str]:
    """Of every machine: its start, and wherever a state's Next, Default, choices and catchers lead, as `Fabric.edges` names them."""
    found = set()
    for machine, definition in topology().machines.items():
        found.add(f"{machine}:Start→{definition['StartAt']}")
        for name, state in definition["States"].items():
            targets = [state.get("Next"), state.get("Default")]
            targets += [rule["Next"] for group in ("Choices", "Catch") for rule in state.get(group, ())]
            found |= {f"{machine}:{name}→{target}" for target in targets if target}
    return found


def _until_ended(fabric: Fabric, operation: str) -> None:
    """Whatever it takes, faults included; at most two virtual days."""
    while not fabric.operation(operation)["ended_at"] and fabric.now < 172_800.0:
        tick(fabric)


def _breaking(fabric: Fabric, machine: str, state: str) -> Counter[str]:
    """From now on every run of this state's function ends with an error that nobody retries; how often."""
    broken: Counter[str] = Counter()
    invoke = fabric.machines._invoke

    def run(name: str, order: Any) -> Any:
        running = {(one.machine, one.state) for one in fabric.machines.executions.values() if one.status == "RUNNING"}
        if (machine, state) in running and not broken[state]:
            broken[state] += 1
            raise TaskFailed("KeyError", '{"errorMessage": "", "errorType": "KeyError"}')
        return invoke(name, order)

    fabric.machines._invoke = run
    return broken


def _caught(machine: str, state: str, begin: Callable[[Fabric], str]) -> Counter[str]:
    """The edges of a life in which this state fails for good."""
    with Fabric(seed=1) as fabric:
        if machine != "provision_model":
            serve(fabric)
        _breaking(fabric, machine, state)
        _until_ended(fabric, begin(fabric))
        fabric.settle()
        return fabric.edges


def _silent(begin: str, target: str) -> Counter[str]:
    """The edges of a life in which this target of the bus hears nothing, so that waits end by their heartbeats."""
    from tests.fabric.matrix.scenes import mute

    with Fabric(seed=2) as fabric:
        serve(fabric)
        mute(fabric, target)
        operation = command(fabric, begin)
        _until_ended(fabric, operation)
        return fabric.edges


def _provider(fabric: Fabric) -> str:
    status, told, _ = fabric.http("create_model", "POST", "/models", body=PROVIDER)
    assert status == 202, told
    return str(told["operation_id"])


def _in_place(fabric: Fabric) -> str:
    """A change for which there is no room beside what runs."""
    return command(fabric, "update", "gpu", **ANOTHER)


def _life() -> Counter[str]:
    """Of each command one that goes well."""
    with Fabric(seed=3) as fabric:
        serve(fabric)
        _until_ended(fabric, _provider(fabric))
        for changes in ({"description": "hot"}, {"capacity": {"min": 1, "max": 2, "desired": 2}}, ANOTHER):
            _until_ended(fabric, command(fabric, "update", **changes))
        for word in ("stop", "start", "delete"):
            _until_ended(fabric, command(fabric, word))
        return fabric.edges


def _replaced(doom: str = "") -> Counter[str]:
    """A change in place on GPUs of which there is no second; with `doom` the new copies die, and the old ones are brought back."""
    with Fabric(seed=4) as fabric:
        fabric.quotas.value = 4.0
        serve(fabric, "gpu", accelerator={"gpus": 1})
        fabric.live(120.0)
        if doom:
            fabric.ecs.doom("gpu", doom)
        _until_ended(fabric, _in_place(fabric))
        return fabric.edges


def _broken_in_place(state: str) -> Counter[str]:
    with Fabric(seed=5) as fabric:
        fabric.quotas.value = 4.0
        serve(fabric, "gpu", accelerator={"gpus": 1})
        fabric.live(120.0)
        _breaking(fabric, "update_model", state)
        _until_ended(fabric, _in_place(fabric))
        return fabric.edges


def _commands(word: str, **body: Any) -> Callable[[Fabric], str]:
    return lambda fabric: command(fabric, word, **body)


def taken() -> Counter[str]:
    """How often each edge is taken by all of them."""
    found: Counter[str] = _life() + _replaced() + _replaced("weights-corrupt") + _broken_in_place("StopEngines")
    for state in ("PrepareModel", "AwaitValidation", "LaunchEngine", "SettleModel"):
        found += _caught("provision_model", state, create)
    found += _caught("provision_model", "OpenProviderRoute", _provider)
    for word, machine in (("stop", "stop_model"), ("delete", "retire_model")):
        for state in ("AwaitRouteClosed", "StopEngines", "SettleModel" if word == "stop" else "EraseModel"):
            found += _caught(machine, state, _commands(word))
        found += _silent(word, "ServingOnRouteChangedFunction")
        found += _endless(word)
    for state in ("PrepareUpdate", "ApplyChange"):
        found += _caught("update_model", state, _commands("update", description="hot"))
    for state in ("LaunchEngine", "RetireEngines", "SettleModel"):
        found += _caught("update_model", state, _commands("update", **ANOTHER))
    return found


def _endless(word: str) -> Counter[str]:
    """Engines that do not end in time."""
    from tests.fabric.aws.pace import Pace

    with Fabric(seed=6, pace=Pace(stop=(1500, 1600))) as fabric:
        serve(fabric)
        _until_ended(fabric, command(fabric, word))
        return fabric.edges
