"""Clients take no answer that breaks off for one that says nothing."""

from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from kit import aws
from kit.bus import Bus
from kit.clock import ManualClock
from kit.envelope import Cause, Fact, Wrapper
from kit.errors import Transient
from kit.ids import Ids
from kit.table import Table, Transaction
from serving.adapters.engines import EcsControl
from serving.adapters.scheduler import SchedulerRemoval

BROKEN = [b"", b'{"Item": {"pk": {"S": "a', b"[", b"\xff"]


def answering(monkeypatch: pytest.MonkeyPatch, service: str, body: bytes, status: int = 200) -> Any:
    """A client of the kit's whose every request is answered with that body."""
    for name, value in {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s", "AWS_DEFAULT_REGION": "eu-central-1"}.items():
        monkeypatch.setenv(name, value)
    client = aws.client.__wrapped__(service, attempts=1)
    raw = type("Raw", (), {"stream": lambda *_, **__: iter([body])})()
    client.meta.events.register("before-send", lambda **_: AWSResponse("https://x", status, HTTPHeaders(), raw))
    return client


@pytest.mark.parametrize("body", BROKEN)
def test_a_broken_answer_is_no_missing_row(monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
    """Neither one row nor a page of them."""
    table = Table(answering(monkeypatch, "dynamodb", body), "t")
    with pytest.raises(Transient, match="table-unreachable"):
        table.get("p", "s")
    with pytest.raises(Transient, match="table-unreachable"):
        list(table.query("p"))
    with pytest.raises(Transient, match="table-unreachable"):
        table.commit(Transaction().insert("row", "p", "s", {}))


def test_an_error_of_what_stands_between_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway's own 502 names none of the service's codes; what is done over is not given up for it."""
    with pytest.raises(Transient, match="502"):
        Table(answering(monkeypatch, "dynamodb", b"Bad Gateway", 502), "t").get("p", "s")
    with pytest.raises(Transient, match="502"):
        SchedulerRemoval(answering(monkeypatch, "scheduler", b"Bad Gateway", 502), "group").remove("m")


@pytest.mark.parametrize("body", BROKEN)
def test_a_broken_answer_is_no_missing_service(monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
    """Or the sweep would believe that nothing runs."""
    ecs = EcsControl(answering(monkeypatch, "ecs", body), "cluster", "test")
    for look in (lambda: ecs.desired("s"), lambda: ecs.tasks_left("s"), lambda: list(ecs.services()), lambda: ecs.tasks("s", 1, ["t"])):
        with pytest.raises(Transient, match="ecs-unreachable"):
            look()


@pytest.mark.parametrize("body", [*BROKEN, b"{}", b'{"FailedEntryCount": 0, "Entries": []}', b'{"FailedEntryCount": 0, "Entries": [{}]}'])
def test_what_the_bus_does_not_confirm_is_not_sent(monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
    """It has to name an id for each event."""
    clock = ManualClock()
    envelope = Wrapper("serving", "test", clock, Ids(clock)).wrap(Fact("E", {}), Cause("actor", "correlation", None))
    with pytest.raises(Transient):
        Bus(answering(monkeypatch, "events", body), "bus").publish([envelope])


def test_what_says_nothing_may_be_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the API has no fields in its answer, no text is an answer; and whole ones go through."""
    assert answering(monkeypatch, "scheduler", b"").delete_schedule(Name="x")["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert Table(answering(monkeypatch, "dynamodb", b"{}"), "t").get("p", "s") is None
