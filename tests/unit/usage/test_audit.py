"""The audit's rules, on paper."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts.audit import AuditEntry, ListAudit
from kit.caller import Caller
from kit.clock import ManualClock, iso
from kit.envelope import Envelope
from kit.errors import Forbidden, InvalidRequest
from kit.ids import Ids
from tests.fabric.wire import envelope_of
from tests.fakes.usage import MemoryAudit
from usage.domain.audit import BEGINNING, Wanted, months
from usage.usecases.on_fact_announced import OnFactAnnounced
from usage.usecases.read_audit import READ_LIMIT, ReadAudit

ADMIN = Caller("token:admin", scopes=("admin",))
START = datetime(2026, 11, 21, tzinfo=UTC)


class World:
    """An audit into which facts are told, one a second."""

    def __init__(self) -> None:
        self.clock, self.audit = ManualClock(START), MemoryAudit()
        self._ids = Ids(self.clock, lambda bits: 1)
        self.tell, self.read = OnFactAnnounced(self.audit), ReadAudit(self.audit, self.clock)

    def fact(self, event_type: str = "ModelUpdated", actor: str = "token:x", **data: Any) -> Envelope:
        """A fact, told."""
        envelope = envelope_of(event_type, data or {"model_id": "m-1"}, event_id=self._ids.new(), actor=actor)
        envelope = replace(envelope, metadata=replace(envelope.metadata, occurred_at=iso(self.clock.now())))
        self.tell(envelope)
        self.clock.advance(1)
        return envelope

    def all(self, wanted: Wanted, limit: int = 2, caller: Caller = ADMIN) -> list[dict[str, Any]]:
        """Every page, one after the other."""
        found: list[dict[str, Any]] = []
        token: str | None = None
        while True:
            page = self.read(caller, wanted, limit, token)
            found += page["items"]
            token = page["next_token"]
            if token is None:
                return found


@pytest.fixture
def world() -> World:
    """An empty audit."""
    return World()


def test_a_fact_is_kept_once_and_whole(world: World) -> None:
    """Who, what, why, and what differs; not the whole wish that came along."""
    envelope = envelope_of("ModelUpdated", {"model_id": "m-1", "changes": {"a": 1}, "model": {"long": "wish"}})
    change = {"before": {"status": "InService"}, "after": {"status": "Updating"}}
    metadata = replace(envelope.metadata, change=change, causation_id="01KAHV5X3V8Q4T1N6F2R7C0000", causation_type="RouteChanged")
    told = Envelope(envelope.event_type, metadata, envelope.data)
    assert [world.tell(told), world.tell(told)] == [True, False]
    (entry,) = world.audit.kept.values()
    assert (entry.about, entry.data) == ("model:m-1", {"model_id": "m-1", "changes": {"a": 1}})
    assert (entry.before, entry.after) == (change["before"], change["after"])
    (shown,) = world.all(Wanted())
    assert AuditEntry.validate_document(shown).document() == shown
    assert shown["cause"] == {"id": "01KAHV5X3V8Q4T1N6F2R7C0000", "type": "RouteChanged"}


def test_facts_about_tokens_are_about_tokens(world: World) -> None:
    """And one about neither model nor token is about nothing."""
    world.fact("TokenIssued", token_id="abcdefghijklmn23")
    world.fact("Something", other="x")
    assert [entry.about for entry in world.audit.kept.values()] == ["token:abcdefghijklmn23", None]


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("limit", [1, 2, 7])
def test_pages_join_without_gap_or_overlap(world: World, limit: int, newest_first: bool) -> None:
    """In both orders, whatever their size."""
    ids = [world.fact().metadata.id for _ in range(7)]
    expected = ids[::-1] if newest_first else ids
    assert [item["event_id"] for item in world.all(Wanted(newest_first=newest_first), limit)] == expected


def test_filters_meet(world: World) -> None:
    """Actor, model, event and time."""
    world.fact(actor="token:a")
    second = world.fact("ModelRequested", actor="token:a")
    world.fact("ModelRequested", actor="token:b", model_id="m-2")
    wanted = [
        Wanted(actor="token:a", event_type="ModelRequested"),
        Wanted(since=START + timedelta(seconds=1), until=START + timedelta(seconds=2)),
        Wanted(model_id="m-1", event_type="ModelRequested"),
    ]
    assert [[item["event_id"] for item in world.all(one)] for one in wanted] == [[second.metadata.id]] * 3


def test_a_filter_that_few_pass_reads_no_more_than_its_share(world: World) -> None:
    """An empty page with a token, rather than a time-out."""
    found = world.fact(actor="token:rare")
    for _ in range(READ_LIMIT):
        world.fact()
    page = world.read(ADMIN, Wanted(actor="token:rare"), 10, None)
    assert (page["items"], world.audit.looked_at) == ([], READ_LIMIT)
    page = world.read(ADMIN, Wanted(actor="token:rare"), 10, page["next_token"])
    assert [item["event_id"] for item in page["items"]] == [found.metadata.id]


def test_only_administrators_audit(world: World) -> None:
    """And one whose token is for some models sees what is about these."""
    mine = world.fact(model_id="m-1")
    world.fact(model_id="m-2")
    world.fact("TokenIssued", token_id="abcdefghijklmn23")
    with pytest.raises(Forbidden):
        world.read(Caller("token:x", scopes=("models:read",)), Wanted(), 10, None)
    restricted = Caller("token:admin", scopes=("admin",), only=("m-1",))
    assert [item["event_id"] for item in world.all(Wanted(), caller=restricted)] == [mine.metadata.id]


def test_a_token_belongs_to_its_question(world: World) -> None:
    """Other filters, another order: refused, not misread."""
    for _ in range(3):
        world.fact()
    token = world.read(ADMIN, Wanted(), 1, None)["next_token"]
    with pytest.raises(InvalidRequest):
        world.read(ADMIN, Wanted(actor="token:x"), 1, token)


def test_months_of_a_time() -> None:
    """Over the turn of the year, both ways."""
    since, until = datetime(2026, 11, 30, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    assert list(months(since, until, newest_first=False)) == ["2026-11", "2026-12", "2027-01"]
    assert list(months(since, until, newest_first=True)) == ["2027-01", "2026-12", "2026-11"]
    assert list(months(BEGINNING, BEGINNING, newest_first=True)) == ["2026-01"]


@pytest.mark.parametrize(
    ("query", "accept", "lines"),
    [
        ({}, "*/*", False),
        ({}, "application/x-ndjson", True),
        ({"format": "json"}, "application/x-ndjson", False),
        ({"format": "ndjson"}, "", True),
    ],
)
def test_lines_where_they_are_asked_for(query: dict[str, Any], accept: str, lines: bool) -> None:
    """By the query, or by the header where the query is silent."""
    assert ListAudit.validate_document(query).wants_lines(accept) is lines
