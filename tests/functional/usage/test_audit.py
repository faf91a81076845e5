"""The audit's handlers over a small AWS."""

import json
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import pytest

from kit.aws import client
from kit.clock import ManualClock
from kit.ids import Ids, floor_of, moment_of
from tests.fabric import world
from tests.fabric.crash import sweep
from tests.fabric.wire import Context, bus_event, envelope_of, http_event
from usage import wiring

TABLE = "audit"
ADMIN = {"subject": "token:admin", "kind": "token", "groups": [], "scopes": ["admin"]}
READER = {"subject": "token:r", "kind": "token", "groups": [], "scopes": ["models:read"]}
_DAY = 86_400


class Audit:
    """What tests tell the audit, and ask of it."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self._ids = Ids(self.clock, lambda bits: 1)

    def tell(self, event_type: str = "ModelUpdated", actor: str = "token:x", event_id: str | None = None, **data: Any) -> str:
        """Deliver a fact as the bus does; its id."""
        identity = event_id or self._ids.new()
        event = bus_event(envelope_of(event_type, data or {"model_id": "m-1"}, event_id=identity, actor=actor))
        event["detail"]["metadata"]["change"] = {"before": {"status": "InService"}, "after": {"status": "Updating"}}
        _run("on_fact_announced", event)
        return identity

    def ask(
        self, query: Mapping[str, str] | None = None, *, caller: Mapping[str, Any] = ADMIN, headers: Mapping[str, str] | None = None
    ) -> tuple[int, str, Any]:
        """`GET /audit`: status, body and headers."""
        answer = _run("read_audit", http_event("GET", "/audit", principal=caller, query=query, headers=headers))
        return answer["statusCode"], answer["body"], answer["headers"]

    def ids(self, **query: str) -> list[str]:
        """Ids of every page."""
        found: list[str] = []
        while True:
            status, body, _ = self.ask(query)
            assert status == 200, body
            page = json.loads(body)
            found += [item["event_id"] for item in page["items"]]
            if page["next_token"] is None:
                return found
            query["next_token"] = page["next_token"]


def _run(function: str, message: Any) -> Any:
    return import_module(f"functions.usage.{function}.handler").handler(message, Context())


@pytest.fixture
def audit() -> Iterator[Audit]:
    """An empty audit in a fresh AWS."""
    environment = {"POWERTOOLS_SERVICE_NAME": "usage", "AUDIT_TABLE": TABLE, "AUDIT_RETENTION_DAYS": "400"}
    with world.small_aws(environment):
        world.forget(wiring)
        world.create_table(TABLE)
        yield Audit()
    world.forget(wiring)


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_everything_over_months_in_order(audit: Audit, order: str) -> None:
    """Pages go from one month's partition to the next, also over months in which nothing happened."""
    ids = []
    for _ in range(6):
        ids.append(audit.tell())
        audit.clock.advance(40 * _DAY)
    expected = ids if order == "asc" else ids[::-1]
    assert audit.ids(order=order, limit="2") == expected
    assert audit.ids(order=order, limit="200") == expected


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_what_is_about_one_model_comes_from_the_index(audit: Audit, order: str) -> None:
    """The same pages, from the rows about it alone."""
    ids = []
    for number in range(6):
        ids.append(audit.tell(model_id=f"m-{number % 2}"))
        audit.clock.advance(20 * _DAY)
    expected = ids[1::2] if order == "asc" else ids[1::2][::-1]
    assert audit.ids(order=order, limit="1", model_id="m-1") == expected


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("about", [{}, {"model_id": "m-1"}])
def test_time_is_bounded_on_both_sides(audit: Audit, order: str, about: dict[str, str]) -> None:
    """From `since`, which is included, to `until`, which is not."""
    moments, ids = [], []
    for _ in range(5):
        moments.append(audit.clock.now().isoformat())
        ids.append(audit.tell())
        audit.clock.advance(20 * _DAY)
    expected = ids[1:4] if order == "asc" else ids[1:4][::-1]
    assert audit.ids(order=order, since=moments[1], until=moments[4], limit="2", **about) == expected


def test_an_event_that_comes_twice_is_kept_once(audit: Audit) -> None:
    """The bus delivers at least once; a later delivery changes nothing."""
    identity = audit.tell()
    before = world.rows(TABLE)
    audit.tell(event_id=identity, actor="somebody else")
    assert world.rows(TABLE) == before


def test_entries_have_an_end(audit: Audit) -> None:
    """The table forgets them after the time that the parameter says."""
    audit.tell()
    (image,) = world.images(TABLE)
    assert int(image["expires_at"]["N"]) > 0


def test_an_entry_says_what_differs(audit: Audit) -> None:
    """As it travelled with the event."""
    audit.tell()
    (item,) = json.loads(audit.ask()[1])["items"]
    assert (item["before"], item["after"], item["about"]) == ({"status": "InService"}, {"status": "Updating"}, "model:m-1")


@pytest.mark.parametrize("asked", [{"query": {"format": "ndjson"}}, {"headers": {"accept": "application/x-ndjson"}}])
def test_an_export_is_a_line_an_entry(audit: Audit, asked: dict[str, Any]) -> None:
    """With the token to go on in a header; the last page has none."""
    ids = [audit.tell(), audit.tell()]
    query = asked.get("query", {}) | {"order": "asc"}
    status, body, headers = audit.ask(query | {"limit": "1"}, headers=asked.get("headers"))
    assert (status, headers["content-type"]) == (200, "application/x-ndjson")
    assert [json.loads(line)["event_id"] for line in body.splitlines()] == ids[:1]
    _, body, headers = audit.ask(query | {"limit": "1", "next_token": headers["x-next-token"]}, headers=asked.get("headers"))
    assert [json.loads(line)["event_id"] for line in body.splitlines()] == ids[1:]
    _, body, headers = audit.ask(query | {"limit": "9"}, headers=asked.get("headers"))
    assert (len(body.splitlines()), "x-next-token" in headers) == (2, False)


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ({"since": "yesterday"}, "since"),
        ({"until": "2026-11-21T00:00:00"}, "until"),
        ({"limit": "1001"}, "limit"),
        ({"format": "xml"}, "format"),
        ({"colour": "red"}, "colour"),
        ({"next_token": "bm9wZQ"}, "next_token"),
    ],
)
def test_bad_questions_are_refused_with_their_field(audit: Audit, query: dict[str, str], path: str) -> None:
    """422, and nothing is read."""
    status, body, _ = audit.ask(query)
    assert (status, [error["path"] for error in json.loads(body)["errors"]]) == (422, [path])


def test_times_beyond_reason_cost_nothing(audit: Audit) -> None:
    """Nothing was recorded before the beginning, nor after tomorrow."""
    identity = audit.tell()
    assert audit.ids(since="0001-01-01T00:00:00Z", until="9999-01-01T00:00:00Z") == [identity]


def test_only_administrators_audit(audit: Audit) -> None:
    """403 for everybody else."""
    assert audit.ask(caller=READER)[0] == 403


def test_a_crash_at_any_call_keeps_the_entry_once(audit: Audit) -> None:
    """Before and after the write; the delivery that follows makes it whole."""

    class Arranged:
        def __enter__(self) -> Audit:
            for image in world.images(TABLE):
                client("dynamodb").delete_item(TableName=TABLE, Key={"pk": image["pk"], "sk": image["sk"]})
            return audit

        def __exit__(self, *_: object) -> None:
            pass

    fixed = Ids(audit.clock, lambda bits: 1).new()
    assert sweep(Arranged, lambda one: one.tell(event_id=fixed), lambda _: list(world.rows(TABLE))) == 2


def test_ids_and_moments_agree(audit: Audit) -> None:
    """The floor of a moment sorts before every id of it, and leads back to it."""
    now = audit.clock.now()
    assert floor_of(now) < Ids(audit.clock).new()
    assert moment_of(floor_of(now)) == now
    assert (moment_of("x"), moment_of("Z" * 26)) == (None, None)
