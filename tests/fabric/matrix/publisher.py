"""H2: a fact on its way from the table's stream to the bus."""

from collections.abc import Mapping
from typing import Any

from kit.clock import iso
from tests.fabric.delivery.agenda import Thing
from tests.fabric.intrinsics import name_of
from tests.fabric.matrix.cells import Hop
from tests.fabric.matrix.scenes import at_rest, command, crashes, create, neighbours, once, serve, skewed, upcoming, waiting
from tests.fabric.platform import Fabric

PUBLISHER = Hop("H2", "stream → bus")
_ANNOUNCER = "ServingAnnounceModelChangesFunction"
_PUT = "events.PutEvents"


def _batch(fabric: Fabric) -> Thing:
    """The publisher's next batch."""
    return upcoming(fabric, "stream", _ANNOUNCER)


def _told(fabric: Fabric, event_type: str = "ModelRequested") -> list[Mapping[str, Any]]:
    """What the bus was given of this kind, by serving."""
    return [event for event in fabric.bus.seen if event["detail-type"] == event_type and event["source"] == "slipway.serving"]


def _retried(error: str, times: int) -> int:
    """The bus fails so, so often: what is in the stream waits, and then nothing of it is missing."""
    with Fabric(seed=1) as fabric:
        operations = [create(fabric, model_id) for model_id in neighbours(3)]
        fabric.fault("events", "PutEvents", error, times)
        fabric.run()
        for operation in operations:
            once(fabric, operation)
        at_rest(fabric)
        return fabric.fired[f"{error} {_PUT}"]


@PUBLISHER.cell
def duplicate() -> int:
    """A batch that is handed over twice is published twice under the same ids of ours, and has one effect."""
    with Fabric(seed=2) as fabric:
        operation = create(fabric)
        fabric.duplicate(_batch(fabric))
        fabric.run()
        one, two = _told(fabric)
        assert one["id"] != two["id"]
        assert one["detail"] == two["detail"]
        once(fabric, operation)
        at_rest(fabric)
        return fabric.fired["duplicate stream"]


@PUBLISHER.cell
def reorder() -> int:
    """An older fact that is told after a newer one changes nothing: the change of a model that is being deleted by now."""
    with Fabric(seed=3) as fabric:
        serve(fabric)
        command(fabric, "update", description="too late")
        fabric.drop(_batch(fabric))
        deletion = command(fabric, "delete")
        at_rest(fabric)
        once(fabric, deletion, "ModelDeleted")
        assert fabric.route("m1") is None
        order = [event["detail-type"] for event in fabric.bus.seen]
        return order.index("ModelUpdated") - order.index("ModelDeletionRequested")


@PUBLISHER.cell
def loss() -> int:
    """Records that are gone after a day, unread, are announced by the sweep from the markers that still stand."""
    with Fabric(seed=4) as fabric:
        operation = create(fabric)
        fabric.drop(_batch(fabric))
        fabric.run()
        assert _told(fabric) == []
        at_rest(fabric)
        once(fabric, operation)
        return fabric.fired["drop stream"]


@PUBLISHER.cell
def delay() -> int:
    """A stream that is minutes late is overtaken by the sweep; what it then tells once more is known already."""
    with Fabric(seed=5) as fabric:
        operation = create(fabric)
        fabric.delay(_batch(fabric), 300.0)
        at_rest(fabric)
        assert len(_told(fabric)) == 2
        once(fabric, operation)
        return fabric.fired["delay stream"]


@PUBLISHER.cell
def poison() -> int:
    """A record that cannot be read is left with the dead letters after nine tries; all others are told, those behind it by the sweep."""
    with Fabric(seed=6) as fabric:
        good, bad, also = neighbours(3)
        operations = [create(fabric, good)]
        item = {"pk": {"S": f"MODEL#{bad}"}, "sk": {"S": "LEDGER#000000000001"}, "document": {"S": "{}"}}
        fabric.tables.call("PutItem", {"TableName": name_of("ServingModelTable"), "Item": item})
        operations.append(create(fabric, also))
        fabric.settle()
        assert [fabric.operation(operation)["status"] for operation in operations] == ["Succeeded"] * 2
        (letter,) = fabric.dead_letters()["ServingDeadLetters"]
        assert letter["what"]["DDBStreamBatchInfo"]["batchSize"] <= 2
        return int(letter["what"]["requestContext"]["approximateInvokeCount"])


@PUBLISHER.cell
def throttling() -> int:
    """A throttled bus is asked again; nothing is skipped."""
    return _retried("throttled", 4)


@PUBLISHER.cell
def partial_batch() -> int:
    """Where the bus refuses one entry, the batch goes on from there: what came before is not told again, what follows is not skipped."""
    with Fabric(seed=7) as fabric:
        models = neighbours(3)
        operations = [create(fabric, model_id) for model_id in models]
        refused = 0
        put = fabric.bus.call

        def call(operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
            nonlocal refused
            if models[1] in given["Entries"][0]["Detail"] and not refused:
                refused += 1
                return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure", "ErrorMessage": "no"}]}
            return put(operation, given)

        fabric.bus.call = call  # type: ignore[method-assign]  # of this one bus
        fabric.run()
        assert [event["detail"]["data"]["model_id"] for event in _told(fabric)] == models
        for operation in operations:
            once(fabric, operation)
        return refused


@PUBLISHER.cell
def crash_between_writes() -> int:
    """Whichever call the publisher dies around, the fact is told again and its marker goes: telling comes before forgetting."""

    def scene(fabric: Fabric) -> Any:
        create(fabric)
        batch = _batch(fabric)
        return lambda: fabric.deliver(batch)

    return crashes(scene, at_rest)


@PUBLISHER.cell
def timeout_after_success() -> int:
    """A fact whose telling was not acknowledged is told again, under another id of EventBridge's and the same of ours: one effect."""
    with Fabric(seed=8) as fabric:
        operation = create(fabric)
        fabric.fault("events", "PutEvents", "lost")
        fabric.run()
        told = _told(fabric)
        assert len({event["id"] for event in told}) == len(told) == 2
        assert len({event["detail"]["metadata"]["id"] for event in told}) == 1
        once(fabric, operation)
        at_rest(fabric)
        return fabric.fired[f"lost {_PUT}"]


@PUBLISHER.cell
def stale_read() -> int:
    """What is told is what the record holds, though the row has moved on since: the publisher reads no row at all."""
    with Fabric(seed=9) as fabric:
        create(fabric)
        command(fabric, "delete")
        before = fabric.calls.copy()
        fabric.deliver(_batch(fabric))
        assert set(fabric.calls - before) == {_PUT, "dynamodb.DeleteItem"}
        (event,) = _told(fabric)
        at_rest(fabric)
        return int(fabric.model("m1")["generation"]) - int(event["detail"]["data"]["generation"])


@PUBLISHER.cell
def clock_skew() -> int:
    """A publisher whose clock is ten minutes slow tells everything: no clock has a part in it."""
    with Fabric(seed=10) as fabric:
        operation = create(fabric)
        skewed(fabric, -600.0)
        fabric.deliver(_batch(fabric))
        told = [one for one in _told(fabric) if one["detail"]["metadata"]["occurred_at"] > iso(fabric.clock.now())]
        fabric.run()
        once(fabric, operation)
        at_rest(fabric)
        return len(told)


@PUBLISHER.cell
def region_5xx() -> int:
    """While the bus answers 5xx the stream waits; then the backlog drains in order."""
    return _retried("unavailable", 6)


@PUBLISHER.cell
def quota() -> int:
    """Twelve facts in one batch of the stream never make a call of more than the ten entries that PutEvents takes."""
    with Fabric(seed=11) as fabric:
        models = neighbours(12)
        for model_id in models:
            create(fabric, model_id)
        sizes: list[int] = []
        put = fabric.bus.call

        def call(operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
            sizes.append(len(given["Entries"]))
            return put(operation, given)

        fabric.bus.call = call  # type: ignore[method-assign]  # of this one bus
        fabric.deliver(_batch(fabric))
        assert waiting(fabric, "stream", _ANNOUNCER) == []
        over = sum(sizes) - 10
        assert over == 2
        at_rest(fabric)
        assert max(sizes) <= 10
        return over


PUBLISHER.reasoned(
    gpu_shortage="The publisher tells facts and asks for no capacity.",
    out_of_memory="The publisher runs no engine; Lambda's own memory is H2's crash.",
    health_flap="The publisher asks no engine how it is.",
    spot="The publisher runs on Lambda, which takes back no instances of ours.",
)
