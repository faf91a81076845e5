"""H4: a message on its way from a queue into a function."""

from itertools import permutations
from typing import Any

from tests.fabric.delivery.queues import Message
from tests.fabric.matrix.cells import Hop
from tests.fabric.matrix.scenes import at_rest, befall, command, crashes, create, once, skewed, until, upcoming, waiting
from tests.fabric.platform import Fabric

QUEUES = Hop("H4", "queue → function")
_REQUESTED, _TASKS = "ServingOnModelRequestedQueue", "ServingOnEngineTaskChangedQueue"


def _message(fabric: Fabric, queue: str = _REQUESTED) -> Message:
    found = upcoming(fabric, "queue", queue)
    assert isinstance(found, Message)
    return found


def _ends_well(fabric: Fabric, operation: str) -> None:
    at_rest(fabric)
    once(fabric, operation)


def _failing(error: str, service: str, operation: str) -> int:
    """A call of the consumer fails so: its message comes back, and then it is done."""
    with Fabric(seed=1) as fabric:
        accepted = create(fabric)
        message = _message(fabric)
        fabric.fault(service, operation, error)
        fabric.deliver(message)
        assert waiting(fabric, "queue", _REQUESTED) == [message]
        _ends_well(fabric, accepted)
        return fabric.fired[f"{error} {service}.{operation}"]


@QUEUES.cell
def duplicate() -> int:
    """Every message comes twice; the second finds the work done."""
    with Fabric(seed=2) as fabric:
        accepted = create(fabric)
        befall(fabric, "queue", fabric.duplicate)
        _ends_well(fabric, accepted)
        assert len(fabric.machines.executions) == 1
        return fabric.fired["duplicate queue"]


@QUEUES.cell
def reorder() -> int:
    """What ECS tells of a task may come in any order: its newest version counts, and all orders end alike."""
    orders = 0
    ends = set()
    for order in permutations(range(3)):
        with Fabric(seed=3) as fabric:
            accepted = create(fabric)
            fabric.queues._running[_TASKS] = 10  # the function is busy: what ECS tells heaps up
            until(fabric, lambda fabric=fabric: len(fabric.queues.messages[_TASKS]) == 3)  # type: ignore[misc]
            fabric.queues._running[_TASKS] = 0
            kept = list(fabric.queues.messages[_TASKS])
            for place in order:
                fabric.queues.receive(_TASKS, [kept[place]])
            _ends_well(fabric, accepted)
            ends.add(tuple(task["last_status"] for task in fabric.model("m1")["tasks"]))
            orders += order != (0, 1, 2)
    assert ends == {("RUNNING",)}
    return orders


@QUEUES.cell
def loss() -> int:
    """A message that nobody took in time is gone: the sweep finds what it was about."""
    with Fabric(seed=4) as fabric:
        accepted = create(fabric)
        fabric.drop(_message(fabric))
        fabric.drop(_message(fabric, _TASKS))
        _ends_well(fabric, accepted)
        return fabric.fired["drop queue"]


@QUEUES.cell
def delay() -> int:
    """Messages that are late by minutes find that the sweep was there before them, and change nothing."""
    with Fabric(seed=5) as fabric:
        accepted = create(fabric)
        befall(fabric, "queue", lambda thing: fabric.delay(thing, 400.0))
        _ends_well(fabric, accepted)
        return fabric.fired["delay queue"]


@QUEUES.cell
def poison() -> int:
    """A message that nobody can read is a dead letter after five receives; those beside it are not held up."""
    with Fabric(seed=6) as fabric:
        fabric.queues.send(_REQUESTED, '{"detail": "poison"}', "poison")
        accepted = create(fabric)
        fabric.settle()
        once(fabric, accepted)
        assert fabric.dead_letters() == {
            "ServingDeadLetters": [{"from": _REQUESTED, "what": {"detail": "poison"}}],
        }
        return sum("DEAD LETTER" in line for line in fabric.log)


@QUEUES.cell
def throttling() -> int:
    """While the function runs as often at a time as it may, messages wait in the queue; none is lost or spent."""
    with Fabric(seed=7) as fabric:
        fabric.queues._running[_REQUESTED] = 5
        accepted = [create(fabric, f"m{number}") for number in range(1, 8)]
        fabric.run()
        kept = fabric.queues.messages[_REQUESTED]
        assert [message.receives for message in kept] == [0] * 7
        held = len(kept)
        fabric.queues._running[_REQUESTED] = 0
        at_rest(fabric)
        for operation in accepted:
            once(fabric, operation)
        return held


@QUEUES.cell
def partial_batch() -> int:
    """Of a batch of good and bad messages only the bad one comes back."""
    with Fabric(seed=8) as fabric:
        accepted = create(fabric)
        good = _message(fabric)
        bad = fabric.queues.send(_REQUESTED, '{"detail": "poison"}', "poison")
        assert fabric.queues.receive(_REQUESTED, [bad, good]) == "1 of 2 failed"
        assert fabric.queues.messages[_REQUESTED] == [bad]
        fabric.drop(bad)
        _ends_well(fabric, accepted)
        return bad.receives


@QUEUES.cell
def crash_between_writes() -> int:
    """Whichever call the consumer dies around, its message comes again and the work is completed."""

    def scene(fabric: Fabric) -> Any:
        create(fabric)
        message = _message(fabric)
        return lambda: fabric.deliver(message)

    def finish(fabric: Fabric) -> None:
        at_rest(fabric)
        assert fabric.model("m1")["status"] == "InService"
        assert len(fabric.machines.executions) == 1

    return crashes(scene, finish)


@QUEUES.cell
def timeout_after_success() -> int:
    """The work is done and the answer lost: the message comes again and finds the execution that bears the operation's name."""
    return _failing("lost", "stepfunctions", "StartExecution")


@QUEUES.cell
def stale_read() -> int:
    """What a consumer has read is old by the time it writes, for another has written: the condition fails, and it decides anew."""
    fired = 0
    for number in range(1, 6):
        with Fabric(seed=9) as fabric:
            accepted = create(fabric)
            fabric.duplicate(upcoming(fabric, "queue", _TASKS, "RUNNING"))
            message = upcoming(fabric, "queue", _TASKS, "RUNNING")
            fabric.preempt_next(number)
            fabric.deliver(message)
            _ends_well(fabric, accepted)
            fired += fabric.fired["preempted"]
    return fired


@QUEUES.cell
def clock_skew() -> int:
    """A consumer whose clock is ten minutes fast takes no message for old and gives nothing up."""
    with Fabric(seed=10) as fabric:
        accepted = create(fabric)
        message = _message(fabric)
        skewed(fabric, 600.0)
        fabric.deliver(message)
        late = fabric.clock.now().timestamp() - fabric.now - 1767225600.0
        _ends_well(fabric, accepted)
        return int(late) // 600


@QUEUES.cell
def region_5xx() -> int:
    """A table that answers 5xx lets the message come back after its visibility."""
    return _failing("unavailable", "dynamodb", "GetItem")


@QUEUES.cell
def gpu_shortage() -> int:
    """Waiting for capacity spends no message: the queue is empty while the operation waits."""
    with Fabric(seed=11) as fabric:
        fabric.ecs.no_capacity()
        accepted = create(fabric, accelerator={"gpus": 1})
        fabric.run()
        fabric.live(300.0)
        assert fabric.operation(accepted)["phase"] == "waiting-for-capacity"
        assert not any(fabric.queues.messages.values())
        found = sum("no place" in line for line in fabric.log)
        command(fabric, "delete")
        at_rest(fabric)
        return found


QUEUES.reasoned(
    quota="Quotas are met by what a function asks for, not by its message: H5 those of ECS, H6 that of starting executions.",
    out_of_memory="A message that tells of it is as any other; what follows from it is H5.",
    health_flap="A message that tells of it is as any other; what follows from it is H5.",
    spot="A warning comes by a rule's own target, without a queue; what follows from it is H5.",
)
