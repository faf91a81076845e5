"""What proofs of the matrix have in common: a model in service, a thing to wait for on the agenda, and what must be true at last."""

import zlib
from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.fabric.aws.boundary import Call, Proceed
from tests.fabric.aws.engines import Task
from tests.fabric.delivery.agenda import Thing
from tests.fabric.platform import Fabric
from tests.fabric.topology import Target

_LOOKS = 2000
COMMANDS = {
    "update": ("update_model", "PATCH", ""),
    "stop": ("stop_model", "POST", "/stop"),
    "start": ("start_model", "POST", "/start"),
    "retry": ("retry_model", "POST", "/retry"),
    "delete": ("delete_model", "DELETE", ""),
}


def create(fabric: Fabric, model_id: str = "m1", **changes: Any) -> str:
    """Ask for a model; the accepted operation."""
    status, told, _ = fabric.http("create_model", "POST", "/models", body=fabric.wish(model_id, **changes))
    assert status == 202, told
    return str(told["operation_id"])


def serve(fabric: Fabric, model_id: str = "m1", **changes: Any) -> str:
    """A model in service; the operation that brought it there."""
    operation = create(fabric, model_id, **changes)
    fabric.run()
    assert fabric.model(model_id)["status"] == "InService", fabric.model(model_id)
    return operation


def command(fabric: Fabric, word: str, model_id: str = "m1", **body: Any) -> str:
    """Ask for a change of a model, acknowledging what it restarts; the accepted operation."""
    function, method, tail = COMMANDS[word]
    given = {"body": body} if body else {}
    status, told, _ = fabric.http(function, method, f"/models/{model_id}{tail}", **given)
    if status == 409 and "acknowledge" in told:
        status, told, _ = fabric.http(function, method, f"/models/{model_id}{tail}", body=body | {"acknowledge": told["acknowledge"]})
    assert status == 202, told
    return str(told["operation_id"])


def waiting(fabric: Fabric, kind: str, *words: str) -> list[Thing]:
    """What is on the agenda of this kind, due or not, and has all these words in it."""
    return [thing for thing in fabric.things if thing.kind == kind and all(word in thing.what for word in words)]


def upcoming(fabric: Fabric, kind: str, *words: str) -> Thing:
    """Let things happen until there is such a one, which has not happened yet."""
    for _ in range(_LOOKS):
        if found := waiting(fabric, kind, *words):
            return found[0]
        _on(fabric)
    message = f"no {kind} with {words}:\n" + "\n".join(fabric.log[-60:])
    raise AssertionError(message)


def until(fabric: Fabric, condition: Callable[[], bool]) -> None:
    """Let things happen until this is true."""
    for _ in range(_LOOKS):
        if condition():
            return
        _on(fabric)
    message = "it never became true:\n" + "\n".join(fabric.log[-60:])
    raise AssertionError(message)


def _on(fabric: Fabric) -> None:
    """The next thing; where nothing is left but background, the next minute."""
    if fabric.step() is None:
        fabric.live(60.0)


def tick(fabric: Fabric) -> None:
    """One thing happens, in the background if nothing else is left."""
    if fabric.step() is None:
        fabric.clock.move_to(min(thing.due for thing in fabric.things))


def befall(fabric: Fabric, kind: str, act: Callable[[Thing], None]) -> None:
    """Let everything happen, and do this once to each thing of this kind, its copies left alone."""
    known: dict[int, Thing] = {}
    while not fabric.quiet:
        for thing in [one for one in fabric.things if one.kind == kind and id(one) not in known]:
            known[id(thing)] = thing
            act(thing)
            known |= {id(copy): copy for copy in fabric.things if copy.kind == kind and copy.what == thing.what}
        fabric.step()


def mute(fabric: Fabric, target: str) -> list[tuple[Target, dict[str, Any], str]]:
    """From now on the bus loses what it has for this target; what that was, growing. `fabric._hand(*one)` hands it over after all."""
    swallowed: list[tuple[Target, dict[str, Any], str]] = []
    hand = fabric.bus._hand

    def hand_over(where: Target, event: dict[str, Any], about: str) -> None:
        if where.name == target:
            swallowed.append((where, event, about))
        else:
            hand(where, event, about)

    fabric.bus._hand = hand_over
    return swallowed


def neighbours(number: int, shards: int = 2) -> list[str]:
    """Ids of so many models whose facts come through one shard of the stream."""
    ids = (f"n{index}" for index in range(1000))
    return [one for one in ids if zlib.crc32(f"MODEL#{one}".encode()) % shards == 0][:number]


def crashes(scene: Callable[[Fabric], Callable[[], Any]], finish: Callable[[Fabric], Any]) -> int:
    """Let a function die around each of its calls in turn: `scene` leads up to it and answers how it is run. How many died."""
    died = 0
    for number in range(60):
        for moment in ("before", "after"):
            with Fabric(seed=77) as fabric:
                run = scene(fabric)
                fabric.crash_next(number, moment)
                run()
                if not fabric.fired.total():
                    return died
                died += 1
                finish(fabric)
    return died


def engine(fabric: Fabric) -> Task:
    """The one engine that runs."""
    (task,) = fabric.ecs.alive()
    return task


def slowly(fabric: Fabric, service: str, operation: str, seconds: float) -> Counter[str]:
    """From now on such calls take so long; how many there were, by name."""
    seen: Counter[str] = Counter()
    around = fabric.boundary._around

    def slow(call: Call, proceed: Proceed) -> Any:
        if (call.service, call.operation) == (service, operation):
            seen[str(call)] += 1
            fabric.clock.sleep(seconds)
        return around(call, proceed)

    fabric.boundary._around = slow
    return seen


def skewed(fabric: Fabric, seconds: float) -> None:
    """The clocks of functions, tables and tokens are off by so much from now on; deliveries keep the true time."""
    true = type(fabric.clock).now

    def now() -> Any:
        from datetime import timedelta

        return true(fabric.clock) + timedelta(seconds=seconds)

    fabric.clock.now = now  # type: ignore[method-assign]  # of this one clock


def facts(fabric: Fabric, event_type: str, **data: Any) -> int:
    """How often such a fact was recorded by serving."""
    return sum(
        fact["event_type"] == event_type and all(fact["data"].get(name) == value for name, value in data.items())
        for fact in fabric.ledger()
    )


def once(fabric: Fabric, operation: str, event_type: str = "ModelInService", status: str = "Succeeded") -> None:
    """The operation has come to this end, and the end was told once."""
    assert fabric.operation(operation)["status"] == status, fabric.operation(operation)
    assert facts(fabric, event_type, operation_id=operation) == 1, [fact["event_type"] for fact in fabric.ledger()]


def at_rest(fabric: Fabric) -> None:
    """Everything is delivered, and rows, ECS and routes say the same; nothing lies with the dead letters."""
    from tests.fabric.matrix.oracle import differences

    fabric.settle()
    assert differences(fabric) == []
    assert fabric.dead_letters() == {}
