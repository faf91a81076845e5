"""One readable line an event, and a subscription that nobody forgets."""

import os
import signal
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from local.containers.container import born
from local.follow import CONSEQUENCES, Said, interrupt_once, is_abandoned, remove_abandoned, render
from local.settings import Settings
from tests.unit.local import events


def line(kind: str, data: dict[str, Any], causes: dict[str, str] | None = None) -> str:
    """The line of an event."""
    return render(Said.parse(events.envelope(kind, data)), causes or {}).plain


def test_a_line_says_time_type_model_and_consequence() -> None:
    """The time is of the event, not of its reading."""
    text = line("ModelRequested", {"model_id": "smollm2"})
    assert "ModelRequested" in text
    assert "smollm2" in text
    assert CONSEQUENCES["ModelRequested"] in text


def test_a_line_names_its_cause_when_that_was_seen() -> None:
    """Causes are known by event id."""
    assert "(from ModelRequested)" in line("ModelInService", {"model_id": "m"}, {"01CAUSE": "ModelRequested"})


def test_a_failure_is_told_in_full() -> None:
    """Code and sentence are what a person acts on."""
    assert "artifact-missing: No manifest." in line(
        "ModelFailed", {"model_id": "m", "failure": {"code": "artifact-missing", "message": "No manifest."}}
    )


def test_a_dropped_route_is_gone() -> None:
    """A null route is a fact too."""
    assert "route gone" in line("RouteChanged", {"model_id": "m", "route": None})


def test_a_subscription_is_abandoned_when_its_process_is_gone() -> None:
    """Its name holds the process's id and birth; an id that another process has got since is another process."""
    me = os.getpid()
    assert not is_abandoned(f"tail-{me}-{born(me)}")
    assert is_abandoned(f"tail-{me}-1")
    assert is_abandoned("tail-999999999-1")
    assert is_abandoned("up-18e9fe692a7f631f")
    assert is_abandoned("tail-")


def test_what_is_left_of_a_subscription_goes_and_the_living_stay(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A rule without its queue, a queue without its rule, and both: all go; another's, and ours of a living process, stay."""
    alive = f"up-{os.getpid()}-{born(os.getpid())}"
    with mock_aws():
        monkeypatch.setattr("local.cloud.client", lambda settings, service: boto3.client(service, region_name=settings.region))
        settings = Settings(home=tmp_path, emulator_port=1, router_port=2, containers_port=3)
        sqs, events = boto3.client("sqs", region_name=settings.region), boto3.client("events", region_name=settings.region)
        events.create_event_bus(Name="bus")
        for name in ("tail-1-0", "up-7-0", alive, "theirs"):
            sqs.create_queue(QueueName=name)
        for name in ("tail-1-0", "tail-2-0", alive, "theirs"):
            events.put_rule(Name=name, EventBusName="bus", EventPattern="{}")
            events.put_targets(Rule=name, EventBusName="bus", Targets=[{"Id": "queue", "Arn": "arn:aws:sqs:eu-west-1:123456789012:q"}])
        assert remove_abandoned(settings, "bus") == ["tail-1-0", "tail-2-0", "up-7-0"]
        assert {url.rsplit("/", 1)[-1] for url in sqs.list_queues()["QueueUrls"]} == {alive, "theirs"}
        assert {rule["Name"] for rule in events.list_rules(EventBusName="bus")["Rules"]} == {alive, "theirs"}


def test_a_second_signal_does_not_disturb_the_tidying_up() -> None:
    """`make` passes on what the program has got already: the first interrupts, the others are nothing."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        interrupt_once(*before)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGHUP)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
