"""Recording facts, and telling the bus."""

import json
from dataclasses import replace
from typing import Any

import pytest

from kit.bus import Bus
from kit.clock import ManualClock, iso
from kit.envelope import Cause, Envelope, Fact, Wrapper
from kit.errors import Broken, Transient
from kit.ids import Ids
from kit.ledger import Announcer, difference, entry, ledger_key, record
from kit.table import Table, Transaction

CLOCK = ManualClock()
WRAPPER = Wrapper("serving", "test", CLOCK, Ids(CLOCK))
CAUSE = Cause("token:x", "operation", "event")


class FakeEvents:
    """A bus's client that keeps what it takes, refuses some, or is down."""

    def __init__(self) -> None:
        self.batches: list[list[dict[str, str]]] = []
        self.refuse: set[str] = set()
        self.error: Exception | None = None

    def put_events(self, Entries: list[dict[str, str]]) -> dict[str, Any]:  # noqa: N803 - boto3's own name
        """Take them."""
        if self.error:
            raise self.error
        self.batches.append(Entries)
        results = [
            {"ErrorCode": "Throttled"} if json.loads(e["Detail"])["data"].get("n") in self.refuse else {"EventId": "x"} for e in Entries
        ]
        return {"FailedEntryCount": sum("ErrorCode" in result for result in results), "Entries": results}


def _record(table: Table, number: int, pk: str = "M#a") -> Envelope:
    envelope = WRAPPER.wrap(Fact("ModelRequested", {"n": str(number)}), CAUSE)
    transaction = Transaction()
    record(transaction, pk, number, envelope, None, {"n": number})
    table.commit(transaction)
    return envelope


def _changed(envelope: Envelope) -> Envelope:
    """The envelope as it is announced: with what it changed."""
    change = {"before": None, "after": {"n": int(envelope.data["n"])}}
    return replace(envelope, metadata=replace(envelope.metadata, change=change))


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({"a": 1}, {"a": 1}, None),
        (None, {"a": 1}, {"before": None, "after": {"a": 1}}),
        ({"a": 1}, None, {"before": {"a": 1}, "after": None}),
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, {"before": {"b": 2}, "after": {"b": 3}}),
        ({"m": {"x": 1, "y": 2}}, {"m": {"x": 1, "y": 3}}, {"before": {"m": {"y": 2}}, "after": {"m": {"y": 3}}}),
        ({"m": {"x": 1}}, {}, {"before": {"m": {"x": 1}}, "after": {"m": None}}),
        ({"l": [1]}, {"l": [1, 2]}, {"before": {"l": [1]}, "after": {"l": [1, 2]}}),
    ],
)
def test_what_a_fact_changed_is_what_differs(before: Any, after: Any, told: Any) -> None:
    """To any depth; lists are told whole."""
    assert difference(before, after) == told


def _markers(table: Table) -> int:
    return sum(len(list(table.query(f"OUTBOX#{shard}"))) for shard in range(4))


def test_a_fact_is_recorded_whole(table: Table) -> None:
    """The ledger row gives the event back as it was wrapped, with before and after, and one marker points at it."""
    envelope = _record(table, 1)
    row = table.get("M#a", ledger_key(1))
    assert row is not None
    assert entry(row) == _changed(envelope)
    assert (row.document["before"], row.document["after"], row.attributes["event_id"]) == (None, {"n": 1}, envelope.metadata.id)
    assert _markers(table) == 1


def test_a_revision_is_recorded_once(table: Table) -> None:
    """A second fact cannot take the first one's place."""
    _record(table, 1)
    with pytest.raises(Transient, match="condition-failed"):
        _record(table, 1)


def test_announcing_forgets_the_marker(table: Table) -> None:
    """Told once in the wire form; telling again is harmless."""
    envelope, events = _record(table, 1), FakeEvents()
    row = table.get("M#a", ledger_key(1))
    assert row is not None
    announcer = Announcer(table, Bus(events, "bus"), CLOCK)
    announcer.announce(row)
    announcer.announce(row)
    assert _markers(table) == 0
    detail = json.dumps(_changed(envelope).detail())
    assert events.batches[0] == [{"EventBusName": "bus", "Source": "slipway.serving", "DetailType": "ModelRequested", "Detail": detail}]


def test_a_marker_stays_until_the_bus_has_the_fact(table: Table) -> None:
    """Refused by the bus is not told."""
    _record(table, 1)
    events = FakeEvents()
    events.refuse = {"1"}
    row = table.get("M#a", ledger_key(1))
    assert row is not None
    with pytest.raises(Transient, match="events-not-accepted"):
        Announcer(table, Bus(events, "bus"), CLOCK).announce(row)
    assert _markers(table) == 1


def test_the_sweep_tells_what_was_forgotten_and_only_that(table: Table) -> None:
    """Older than a minute; a fact that cannot be told does not keep the others back."""
    clock = ManualClock()
    wrapper = Wrapper("serving", "test", clock, Ids(clock))
    for number in (1, 2, 3):
        transaction = Transaction()
        record(transaction, "M#a", number, wrapper.wrap(Fact("E", {"n": str(number)}), CAUSE))
        table.commit(transaction)
        clock.advance(10)
    events = FakeEvents()
    announcer = Announcer(table, Bus(events, "bus"), clock)
    assert announcer.announce_forgotten() == 0
    clock.advance(45)  # the first two are over a minute old now
    events.refuse = {"1"}
    with pytest.raises(Transient):
        announcer.announce_forgotten()
    assert _markers(table) == 2
    events.refuse = set()
    clock.advance(60)
    assert announcer.announce_forgotten(limit=1) == 1
    assert announcer.announce_forgotten() == 1
    assert announcer.announce_forgotten() == 0


def test_a_marker_without_its_row_goes(table: Table) -> None:
    """It points nowhere, and would be looked at for ever."""
    envelope = _record(table, 1)
    table.remove("M#a", ledger_key(1))
    assert Announcer(table, Bus(FakeEvents(), "bus"), CLOCK).announce_forgotten(older_than_seconds=-1) == 0
    assert _markers(table) == 0
    assert envelope.metadata.occurred_at == iso(CLOCK.now())


def test_the_bus_is_fed_in_its_own_batches() -> None:
    """Ten at most, a megabyte at most, in order."""
    events = FakeEvents()
    envelopes = [WRAPPER.wrap(Fact("E", {"n": str(number), "pad": "x" * (400_000 if number < 4 else 1)}), CAUSE) for number in range(25)]
    Bus(events, "bus").publish(envelopes)
    assert [len(batch) for batch in events.batches] == [2, 10, 10, 3]
    assert [json.loads(item["Detail"])["data"]["n"] for batch in events.batches for item in batch] == [str(number) for number in range(25)]


def test_what_the_bus_cannot_take_is_broken() -> None:
    """Larger than any batch: no retry helps."""
    with pytest.raises(Broken, match="event-too-large"):
        Bus(FakeEvents(), "bus").publish([WRAPPER.wrap(Fact("E", {"pad": "x" * 1_000_001}), CAUSE)])


def test_a_bus_that_is_down_is_transient() -> None:
    """An error of the call is not an error of ours."""
    from botocore.exceptions import EndpointConnectionError

    events = FakeEvents()
    events.error = EndpointConnectionError(endpoint_url="http://x")
    with pytest.raises(Transient, match="bus-unreachable"):
        Bus(events, "bus").publish([WRAPPER.wrap(Fact("E", {}), CAUSE)])
