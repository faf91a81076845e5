"""H3: an event on its way from the bus to a queue or a function."""

from typing import Any

from tests.fabric.delivery.agenda import Thing
from tests.fabric.delivery.bus import Delivery
from tests.fabric.matrix.cells import Hop
from tests.fabric.matrix.scenes import at_rest, befall, command, create, once, serve, until, upcoming
from tests.fabric.platform import Fabric

BUS = Hop("H3", "bus → queue or function")
_QUEUE = "ServingOnModelRequestedQueue"
_CAPACITY = "RoutingOnCapacityChangedFunction"


def _delivery(fabric: Fabric, *words: str) -> Delivery:
    found = upcoming(fabric, "bus", *words)
    assert isinstance(found, Delivery)
    return found


def _refusing(times: int, *, dead: int) -> int:
    """Two targets, one of them a queue, refuse so often; what is given up lies with the dead letters once, and the sweeps repair it."""
    with Fabric(seed=1) as fabric:
        operation = create(fabric)
        _delivery(fabric, _QUEUE).refused = times
        _delivery(fabric, _CAPACITY).refused = times
        fabric.settle()
        once(fabric, operation)
        letters = [letter for letters in fabric.dead_letters().values() for letter in letters]
        assert len(letters) == dead
        return sum("refused by its target" in line or "given up" in line for line in fabric.log)


@BUS.cell
def duplicate() -> int:
    """Every event of a model's life comes twice, and all is as if each had come once."""
    with Fabric(seed=2) as fabric:
        operations = {}
        for word, end in (("create", "ModelInService"), ("stop", "ModelStopped"), ("start", "ModelInService"), ("delete", "ModelDeleted")):
            operations[create(fabric) if word == "create" else command(fabric, word)] = end
            befall(fabric, "bus", fabric.duplicate)
        for operation, end in operations.items():
            once(fabric, operation, end)
        at_rest(fabric)
        return fabric.fired["duplicate bus"]


@BUS.cell
def reorder() -> int:
    """Every event of a model's life comes late by its own random time, so in any order: generations and versions decide, not arrival."""
    with Fabric(seed=3) as fabric:

        def later(thing: Thing) -> None:
            fabric.delay(thing, fabric.chance.uniform(0.0, 120.0))

        serving = create(fabric)
        befall(fabric, "bus", later)
        deletion = command(fabric, "delete")
        befall(fabric, "bus", later)
        at_rest(fabric)
        once(fabric, serving)
        once(fabric, deletion, "ModelDeleted")
        return fabric.fired["delay bus"]


@BUS.cell
def loss() -> int:
    """Whichever one event of a creation is lost, the sweeps bring the model into service all the same."""
    dropped = 0
    for number in range(60):
        with Fabric(seed=4) as fabric:
            operation = create(fabric)
            seen = 0

            def lose(thing: Thing, fabric: Fabric = fabric, number: int = number) -> None:
                nonlocal seen
                if seen == number and "Usage" not in thing.what:
                    fabric.drop(thing)
                seen += 1

            befall(fabric, "bus", lose)
            at_rest(fabric)
            once(fabric, operation)
            dropped += fabric.fired["drop bus"]
            if seen <= number:
                return dropped
    return dropped


@BUS.cell
def delay() -> int:
    """An event that comes a day late is about an older generation, and changes nothing."""
    with Fabric(seed=5) as fabric:
        create(fabric)
        late = _delivery(fabric, _CAPACITY)
        fabric.delay(late, 86_400.0)
        again = _delivery(fabric, "ServingOnRouteChangedFunction", "state=open")
        fabric.delay(again, 86_400.0)
        until_served(fabric)
        stop = command(fabric, "stop")
        until(fabric, lambda: fabric.operation(stop)["status"] == "Succeeded")
        before = fabric.route("m1")
        fabric.clock.move_to(fabric.now + 86_400.0)
        at_rest(fabric)
        assert fabric.route("m1") == before
        assert fabric.model("m1")["status"] == "Stopped"
        return fabric.fired["delay bus"]


def until_served(fabric: Fabric) -> None:
    """Time passes, and sweeps put right what was late."""
    for _ in range(10):
        if fabric.model("m1")["status"] == "InService":
            return
        fabric.live(60.0)
    raise AssertionError("\n".join(fabric.log[-60:]))


@BUS.cell
def poison() -> int:
    """An event that no rule knows, and one that imitates ours under another's name, reach nobody and change nothing."""
    with Fabric(seed=6) as fabric:
        serve(fabric)
        before = fabric.rows(), fabric.rows("routing")
        (fact,) = [one for one in fabric.bus.seen if one["detail-type"] == "ModelRequested"]
        for source, kind in (("slipway.serving", "NobodyKnowsThis"), ("somebody.else", "ModelDeletionRequested")):
            fabric.bus.put(fabric.topology.bus, source, kind, fact["detail"])
        assert fabric.bus.waiting == []
        fabric.run()
        assert (fabric.rows(), fabric.rows("routing")) == before
        return 2


@BUS.cell
def throttling() -> int:
    """A target that takes nothing for a while is tried again, up to four times within an hour."""
    return _refusing(3, dead=0)


@BUS.cell
def timeout_after_success() -> int:
    """A target that has taken an event and not said so gets it again: one effect."""
    with Fabric(seed=7) as fabric:
        operation = create(fabric)
        for words in ((_QUEUE,), ("ServingOnRouteChangedFunction", "state=open")):
            taken = _delivery(fabric, *words)
            fabric.duplicate(taken)
            fabric.deliver(taken)
        fabric.run()
        once(fabric, operation)
        at_rest(fabric)
        assert len(fabric.machines.executions) == 1
        return fabric.fired["duplicate bus"]


@BUS.cell
def clock_skew() -> int:
    """Nobody goes by the time that EventBridge writes into an event: all of them say another year."""
    with Fabric(seed=8) as fabric:
        skewed = 0

        def another_year(thing: Thing) -> None:
            nonlocal skewed
            assert isinstance(thing, Delivery)
            thing.event = {**thing.event, "time": "1999-12-31T23:59:59Z"}
            skewed += 1

        operation = create(fabric)
        befall(fabric, "bus", another_year)
        once(fabric, operation)
        at_rest(fabric)
        return skewed


@BUS.cell
def region_5xx() -> int:
    """What a target refuses to the last lies with the dead letters of its context, once, and the sweep has repaired it meanwhile."""
    return _refusing(10, dead=2)


_MANAGED: dict[str, Any] = {
    "partial_batch": "EventBridge hands over one event at a time.",
    "crash_between_writes": "EventBridge is AWS's: no code of ours runs between bus and target.",
    "stale_read": "EventBridge hands on what it was given and reads nothing.",
    "quota": "How many rules and targets there are is fixed in the template; a rate that is exceeded is a delay.",
}
BUS.reasoned(
    **_MANAGED,
    gpu_shortage="The bus asks for no capacity; events about it are as any others.",
    out_of_memory="The bus runs no engine; events about it are as any others.",
    health_flap="The bus asks no engine how it is; events about it are as any others.",
    spot="The bus has no instances; the warning of one that goes is an event as any other.",
)
