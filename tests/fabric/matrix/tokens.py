"""H7: the answer to a machine that waits with a callback token."""

from typing import Any

from tests.fabric.matrix.cells import Hop
from tests.fabric.matrix.scenes import at_rest, crashes, create, mute, once, skewed, upcoming
from tests.fabric.platform import Fabric

TOKENS = Hop("H7", "callback token")
_SEND = "stepfunctions.SendTaskSuccess"
_VALIDATED = "ServingOnModelVersionValidatedFunction"


def _answering(error: str, times: int = 1) -> int:
    """Sending the answer fails so: it is sent again by the retry of what brought it, or by the sweep."""
    with Fabric(seed=1) as fabric:
        accepted = create(fabric)
        fabric.fault("stepfunctions", "SendTaskSuccess", error, times)
        fabric.run()
        at_rest(fabric)
        once(fabric, accepted)
        assert len(fabric.machines.executions) == 1
        return fabric.fired[f"{error} {_SEND}"]


@TOKENS.cell
def duplicate() -> int:
    """An answer that is sent twice finds the token gone the second time, which is no error."""
    return _answering("repeated")


@TOKENS.cell
def reorder() -> int:
    """What is waited for has come before the token was saved: the step that saves it looks, and answers itself at once."""
    with Fabric(seed=2) as fabric:
        accepted = create(fabric)
        step = upcoming(fabric, "machine", "enters AwaitValidation")
        while fabric.model("m1")["verdict"] is None:
            thing = next(one for one in fabric.pending if one is not step and one.kind != "machine")
            fabric.deliver(thing)
        early = fabric.calls[_SEND]
        fabric.run()
        once(fabric, accepted)
        at_rest(fabric)
        assert early == 0
        return sum("AwaitValidation" in line for line in fabric.log) and 1


@TOKENS.cell
def loss() -> int:
    """The news that would have answered the token is lost: the sweep asks for it again, and the machine goes on."""
    with Fabric(seed=3) as fabric:
        accepted = create(fabric)
        for words in ((_VALIDATED,), ("ServingOnRouteChangedFunction", "state=open")):
            fabric.drop(upcoming(fabric, "bus", *words))
        at_rest(fabric)
        once(fabric, accepted)
        return fabric.fired["drop bus"]


@TOKENS.cell
def delay() -> int:
    """News that comes when the wait is over changes nothing: the operation has failed, and stays so."""
    with Fabric(seed=4) as fabric:
        swallowed = mute(fabric, _VALIDATED)
        accepted = create(fabric)
        at_rest(fabric)
        once(fabric, accepted, "ModelFailed", "Failed")
        for one in swallowed:
            fabric._hand(*one)
        at_rest(fabric)
        once(fabric, accepted, "ModelFailed", "Failed")
        assert fabric.ecs.left() == []
        return len(swallowed)


@TOKENS.cell
def poison() -> int:
    """Forged news of a target or of a generation that nobody has ordered answers no token."""
    with Fabric(seed=5) as fabric:
        accepted = create(fabric)
        upcoming(fabric, "ecs", "becomes RUNNING")
        (real,) = [event for event in _health(fabric) if event]
        for changes in ({"target_id": "0" * 32}, {"generation": 99}, {"model_id": "m9"}):
            forged = {**real, "data": {**real["data"], "observed": "ready", "phase": "ready", **changes}}
            fabric.bus.put(fabric.topology.bus, "slipway.routing", "RouteHealthObserved", forged)
            for thing in [one for one in fabric.bus.waiting if "RouteHealthObserved" in one.what]:
                fabric.deliver(thing)
            for thing in [one for one in fabric.invocations.waiting if "RouteHealthObserved" in one.what]:
                fabric.deliver(thing)
        assert fabric.operation(accepted)["status"] == "Running"
        assert (fabric.route("m1") or {}).get("state") != "open"
        at_rest(fabric)
        once(fabric, accepted)
        return 3


def _health(fabric: Fabric) -> list[dict[str, Any]]:
    """News as a router tells it, of a model that exists."""
    metadata = next(one["detail"]["metadata"] for one in fabric.bus.seen if "metadata" in one["detail"])
    data = {
        "model_id": "m1", "generation": 1, "target_id": fabric.ecs.alive()[0].task_id, "observed": "ready", "phase": "ready",
        "progress": None, "failure": None, "router_id": "router-0", "observed_at": "2026-01-01T00:00:00.000Z",
    }  # fmt: skip
    return [{"metadata": {**metadata, "producer": "routing", "id": "01KDVDNA0000000000000000ZZ"}, "data": data}]


@TOKENS.cell
def throttling() -> int:
    """A throttled answer is sent again with the news that brought it."""
    return _answering("throttled", 3)


@TOKENS.cell
def crash_between_writes() -> int:
    """Whoever dies between writing what is true and answering the token is run again and answers: old news wakes too."""

    def scene(fabric: Fabric) -> Any:
        create(fabric)
        upcoming(fabric, "bus", "ServingOnRouteChangedFunction", "state=open")
        thing = upcoming(fabric, "invocation", "ServingOnRouteChangedFunction", "state=open")
        return lambda: fabric.deliver(thing)

    def finish(fabric: Fabric) -> None:
        at_rest(fabric)
        assert fabric.model("m1")["status"] == "InService"
        assert len(fabric.machines.executions) == 1

    return crashes(scene, finish)


@TOKENS.cell
def timeout_after_success() -> int:
    """An answer that has arrived without our hearing of it is sent again, and the token is gone."""
    return _answering("lost")


@TOKENS.cell
def stale_read() -> int:
    """News that comes in the middle of the step that begins to wait is not missed, whichever call it comes before."""
    fired = 0
    for number in range(6):
        with Fabric(seed=6) as fabric:
            accepted = create(fabric)
            step = upcoming(fabric, "machine", "enters AwaitValidation")
            fabric.preempt_next(number)
            fabric.deliver(step)
            at_rest(fabric)
            once(fabric, accepted)
            fired += fabric.fired["preempted"]
    return fired


@TOKENS.cell
def clock_skew() -> int:
    """Tokens know no time of ours: with functions ten minutes fast they are answered alike."""
    with Fabric(seed=7) as fabric:
        accepted = create(fabric)
        upcoming(fabric, "bus", _VALIDATED)
        skewed(fabric, 600.0)
        fabric.run()
        once(fabric, accepted)
        at_rest(fabric)
        return int(fabric.operation(accepted)["ended_at"] > "2026-01-01T00:10")


@TOKENS.cell
def region_5xx() -> int:
    """While Step Functions answers 5xx the news is tried again."""
    return _answering("unavailable", 2)


_WAITED_OUT = "is waited out or undone by the machine, not by its token: H6."
TOKENS.reasoned(
    partial_batch="One call answers one token.",
    quota="Answers share one rate with Step Functions' other calls, and beyond it they are throttled: see there.",
    gpu_shortage=f"A shortage {_WAITED_OUT}",
    out_of_memory=f"An engine that dies {_WAITED_OUT}",
    health_flap=f"An engine that comes and goes {_WAITED_OUT}",
    spot=f"A host that is taken back {_WAITED_OUT}",
)
