"""The timeline: what each entry says, and that those who follow it live are told the same as those who page through it."""

import json
from typing import Any

from contracts.responses import Operation, TimelineEntry
from kit.aws import client
from router.timeline_source import ModelEvents, OperationProgress
from tests.fabric import world
from tests.functional.serving import samples
from tests.functional.serving.world import TABLE, Serving


def _entries(serving: Serving) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = serving.on_model("list_model_events")[1]["items"]
    return [TimelineEntry.validate_document(item).document() for item in items]


def test_an_entry_says_who_what_why_and_how_long_after_acceptance(serving: Serving) -> None:
    """Before and after, the event that led to it by name, seconds since the operation was accepted."""
    serving.in_service()
    requested, capacity, in_service = _entries(serving)
    assert (requested["actor"], requested["before"], requested["cause"]) == (samples.RESEARCHER["subject"], None, None)
    assert capacity["cause"]["type"] == "ECS Task State Change"
    assert in_service["cause"]["type"] == "RouteChanged"
    assert (in_service["before"]["status"], in_service["after"]["status"]) == ("Creating", "InService")
    assert 0 <= requested["duration_seconds"] <= in_service["duration_seconds"]


def test_what_belongs_to_no_operation_lasts_nothing(serving: Serving) -> None:
    """A crash in service is nobody's command."""
    service = serving.in_service()
    serving.ecs(samples.crashed(service, 5, 80))
    last = _entries(serving)[-1]
    assert (last["actor"], last["duration_seconds"], last["cause"]["type"]) == ("ecs", None, "ECS Task State Change")


def test_announced_facts_carry_what_they_changed(serving: Serving) -> None:
    """The differing parts, for those who keep an audit and read no ledger of ours."""
    from kit.ledger import entry
    from kit.table import decode

    serving.in_service()
    images = [image for image in world.images(TABLE) if image["sk"]["S"].startswith("LEDGER#")]
    change = entry(decode(images[-1])).metadata.change
    assert change is not None
    assert (change["before"]["status"], change["after"]["status"]) == ("Creating", "InService")
    assert "generation" not in change["after"]


def test_live_streams_tell_what_the_pages_show(serving: Serving) -> None:
    """Router and management API read the same rows, and say the same of them."""
    serving.in_service()
    source = ModelEvents(client("dynamodb"), TABLE)
    begun = source.begin(samples.MODEL_ID)
    assert begun is not None
    assert (begun[0].groups, begun[1]) == (frozenset({"research"}), 3)
    look = source.look(samples.MODEL_ID, 0)
    assert [json.loads(item.data) for item in look.items] == serving.on_model("list_model_events")[1]["items"]
    assert [item.number for item in source.look(samples.MODEL_ID, 1).items] == [2, 3]
    assert (source.look(samples.MODEL_ID, 3).items, source.begin("unknown")) == ((), None)


def test_live_operations_tell_what_is_read(serving: Serving) -> None:
    """While it runs, and at its end."""
    _, accepted = serving.create()
    source = OperationProgress(client("dynamodb"), TABLE)
    name = accepted["operation_id"]
    for ended in (False, True):
        look = source.look(name, 0)
        read = serving.http("read_operation", "GET", "/x", path_parameters={"operation_id": name})[1]
        (item,) = look.items
        assert Operation.validate_document(json.loads(item.data)).document() == Operation.validate_document(read).document()
        assert look.ended is ended
        assert source.look(name, item.number).items == ()
        serving.pump()
        serving.hear("ModelVersionRejected", samples.rejected(), within=name)
    begun = source.begin(name)
    assert begun is not None
    assert (begun[0].model_id, begun[0].groups, begun[1]) == (samples.MODEL_ID, frozenset({"research"}), 0)
    assert source.begin("01KAHV5X3V8Q4T1N6F2R7C9B0D") is None
