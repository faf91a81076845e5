"""What was used and what it cost: from routers' batches and the copies that ran, to `GET /usage`."""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.aws import client
from kit.clock import ManualClock, iso, parse
from kit.ids import Ids
from scripts.template import ROOT
from tests.fabric import world
from tests.fabric.crash import sweep, watching
from tests.fabric.wire import Context, bus_event, envelope_of, http_event
from usage import wiring
from usage.adapters.price_files import PriceFiles
from usage.domain.cost import TokenPrice, listed, reckon
from usage.domain.hosts import Ran, Standing, hourly, ran
from usage.domain.rollup import Used

SAMPLE = ROOT / "events/serving/CapacityChanged/published/1.0.json"
TABLE, BUS = "audit", "bus"
DAY = "2026-11-20"
ADMIN = {"subject": "token:admin", "kind": "token", "groups": [], "scopes": ["admin"]}
READER = {"subject": "token:a", "kind": "token", "groups": ["research"], "scopes": ["models:read"]}


class Metered:
    """What routers and serving tell, and what people ask."""

    def __init__(self) -> None:
        self.clock = ManualClock(parse(f"{DAY}T12:00:00+00:00"))
        self._ids = Ids(self.clock, lambda bits: 1)

    def batch(self, *rows: Mapping[str, Any], batch_id: str | None = None) -> str:
        """Deliver a batch as the queue does; its id."""
        identity = batch_id or f"{self._ids.new()}-000"
        message = {"id": identity, "router_id": "router-0", "rows": [row(**each) for each in rows]}
        record = {"messageId": "m-1", "body": json.dumps(message)}
        assert _run("on_usage_reported", {"Records": [record]}) == {"batchItemFailures": []}
        return identity

    def copies(self, count: int, model_id: str = "tiny", **accelerator: Any) -> None:
        """Serving tells how many copies of 1.0.0 there are."""
        targets = [
            {"target_id": str(n), "version": "1.0.0", "address": "10.0.0.1", "port": 8080, "status": "running"} for n in range(count)
        ]
        data = json.loads(SAMPLE.read_text())["detail"]["data"] | {"model_id": model_id, "targets": targets}
        data["model"] |= {"model_id": model_id, "accelerator": {"gpus": 0, **accelerator}}
        event = bus_event(envelope_of("CapacityChanged", data, event_id=self._ids.new()))
        event["detail"]["metadata"]["occurred_at"] = iso(self.clock.now())
        _run("on_capacity_changed", event)

    def ask(self, caller: Mapping[str, Any] = ADMIN, headers: Mapping[str, str] | None = None, /, **query: str) -> tuple[int, Any]:
        """`GET /usage` of the day, unless asked otherwise; a whole answer."""
        query = {"from": DAY, "to": DAY} | query
        answer = _run("read_usage", http_event("GET", "/usage", principal=caller, query=query, headers=headers))
        kind = next(value for name, value in answer["headers"].items() if name.lower() == "content-type")
        return answer["statusCode"], json.loads(answer["body"]) if "json" in kind and "ndjson" not in kind else answer["body"]


def row(**changes: Any) -> dict[str, Any]:
    """Sums of one request with 10 tokens that was answered with 5."""
    made = {"day": DAY, "subject": "token:a", "token_id": "a", "group": "research", "model_id": "tiny", "version": "1.0.0"}
    return made | {"hosting": "hosted"} | {"requests": 1, "input_tokens": 10, "output_tokens": 5, "duration_ms": 100} | changes


def _run(function: str, message: Any) -> Any:
    return import_module(f"functions.usage.{function}.handler").handler(message, Context())


@pytest.fixture
def metered() -> Iterator[Metered]:
    """Nothing was used yet, in a fresh AWS."""
    environment = {"POWERTOOLS_SERVICE_NAME": "usage", "AUDIT_TABLE": TABLE, "AUDIT_RETENTION_DAYS": "400"}
    environment |= {"BUS_NAME": BUS, "ENVIRONMENT": "test"}
    with world.small_aws(environment):
        world.forget(wiring)
        world.create_table(TABLE)
        yield Metered()
    world.forget(wiring)


def test_sums_are_added_up(metered: Metered) -> None:
    """Batches of any router add to the same day's rows; the answer groups them as it is asked to."""
    metered.batch(row(), row(subject="token:b", group="sales", input_tokens=7))
    metered.batch(row(first_tokens=1, first_token_ms=30))
    status, page = metered.ask(group_by="token")
    assert status == 200
    assert [(item["token"], item["requests"], item["input_tokens"]) for item in page["items"]] == [("token:a", 2, 20), ("token:b", 1, 7)]
    assert (page["items"][0]["day"], page["items"][0]["mean_duration_ms"], page["items"][0]["mean_first_token_ms"]) == (None, 100, 30)
    assert (page["totals"]["requests"], page["totals"]["output_tokens"]) == (3, 15)


def test_a_batch_that_comes_twice_counts_once(metered: Metered) -> None:
    """And its events have the same ids each time, so that whoever hears them twice knows it."""
    with watching() as watch:
        identity = metered.batch(row(), row(subject="token:b"))
        metered.batch(row(), row(subject="token:b"), batch_id=identity)
    assert metered.ask()[1]["totals"]["requests"] == 2
    told = [json.loads(entry["Detail"]) for call in watch.of("PutEvents") for entry in call.parameters["Entries"]]
    assert len(told) == 2
    assert told[0] == told[1]
    assert told[0]["data"]["usage"]["requests"] == 2


def test_the_largest_batch_is_one_transaction(metered: Metered) -> None:
    """90 rows and the mark stay below DynamoDB's hundred."""
    metered.batch(*(row(subject=f"token:{number}") for number in range(90)))
    assert metered.ask(group_by="day")[1]["items"][0]["requests"] == 90


def test_a_crash_at_any_call_counts_a_batch_once(metered: Metered) -> None:
    """Before and after each read, the transaction and the word on the bus; the delivery that follows makes it whole."""

    class Arranged:
        def __enter__(self) -> Metered:
            for image in world.images(TABLE):
                client("dynamodb").delete_item(TableName=TABLE, Key={"pk": image["pk"], "sk": image["sk"]})
            return metered

        def __exit__(self, *_: object) -> None:
            pass

    fixed = f"{Ids(metered.clock, lambda bits: 1).new()}-000"

    def seen(_: Metered) -> list[tuple[tuple[str, str], str]]:
        return sorted((place, str(document)) for place, document in world.rows(TABLE).items())

    assert sweep(Arranged, lambda one: one.batch(row(), row(subject="token:b"), batch_id=fixed), seen) >= 8


def test_hosted_models_cost_the_time_of_their_copies(metered: Metered) -> None:
    """Two Fargate tasks for six hours, shared by tokens, a token of output as four of input; the same to the last millionth."""
    metered.copies(2)
    metered.clock.advance(6 * 3600)
    metered.copies(0)
    metered.batch(row(input_tokens=100, output_tokens=0), row(subject="token:b", group="sales", input_tokens=0, output_tokens=75))
    whole = 2 * 6 * int(PriceFiles().of_copies(DAY)["fargate_task"])
    items = metered.ask(group_by="token")[1]["items"]
    assert [item["cost_micro_usd"] for item in items] == [whole // 4, whole - whole // 4]
    assert metered.ask()[1]["totals"]["cost_micro_usd"] == whole


def test_engines_that_nobody_asks_cost_all_the_same(metered: Metered) -> None:
    """The day's cost is there, nobody's; what runs still is reckoned until now, and for past days until their midnight."""
    metered.copies(1)
    (item,) = metered.ask(group_by="model,token")[1]["items"]
    assert (item["model"], item["token"], item["requests"]) == ("tiny", "", 0)
    assert item["cost_micro_usd"] == 12 * int(PriceFiles().of_copies(DAY)["fargate_task"])
    assert metered.ask(READER)[1]["items"] == []


def test_a_word_that_comes_late_counts_for_nothing(metered: Metered) -> None:
    """Facts arrive in any order; each names all copies, so the newest is true."""
    metered.copies(1)
    metered.clock.advance(3600)
    metered.copies(0)
    metered.clock.advance(-1800)
    metered.copies(5)
    assert metered.ask()[1]["totals"]["cost_micro_usd"] == int(PriceFiles().of_copies(DAY)["fargate_task"])


def test_copies_that_stood_for_months_are_reckoned_day_by_day(metered: Metered) -> None:
    """Also for more days than one transaction has room for."""
    metered.clock.advance(-100 * 86_400)
    metered.copies(1)
    metered.clock.advance(100 * 86_400)
    metered.copies(0)
    first = iso(metered.clock.now() - timedelta(days=101))[:10]
    cost = metered.ask(**{"from": first})[1]["totals"]["cost_micro_usd"]
    assert cost == 100 * 24 * int(PriceFiles().of_copies(DAY)["fargate_task"])


def test_what_a_newer_release_adds_is_passed_over(metered: Metered) -> None:
    """In a router's batch and in the rows of a day: whoever takes a newer release's place goes on from what that wrote."""
    metered.copies(1)
    metered.clock.advance(1800)
    metered.copies(2)
    metered.batch(row(watts=7))
    for image in world.images(TABLE):
        document = json.dumps(json.loads(image["document"]["S"]) | {"watts": 7})
        client("dynamodb").put_item(TableName=TABLE, Item=image | {"document": {"S": document}})
    metered.clock.advance(900)
    metered.copies(0)
    metered.batch(row())
    totals = metered.ask()[1]["totals"]
    assert (totals["requests"], totals["cost_micro_usd"]) == (2, int(PriceFiles().of_copies(DAY)["fargate_task"]))


def test_third_parties_cost_their_list_price(metered: Metered) -> None:
    """By the price table of that day; what has no price is said to have none, and is in no sum."""
    metered.batch(
        row(
            model_id="mini",
            hosting="provider",
            priced_as="openai/gpt-4o-mini",
            input_tokens=2_000_000,
            cached_tokens=1_000_000,
            output_tokens=0,
        ),
        row(model_id="other", hosting="provider", priced_as="nobody/nothing", requests=3),
    )
    items = {item["model"]: item for item in metered.ask(group_by="model")[1]["items"]}
    assert items["mini"]["cost_micro_usd"] == 150_000 + 75_000
    assert (items["other"]["cost_micro_usd"], items["other"]["unpriced_requests"]) == (None, 3)
    totals = metered.ask()[1]["totals"]
    assert (totals["cost_micro_usd"], totals["unpriced_requests"]) == (225_000, 3)


def test_people_see_what_they_and_their_groups_used(metered: Metered) -> None:
    """Nothing of others, in no grouping and no sum; and a part of an engine's cost that does not depend on who asks."""
    metered.copies(1)
    metered.clock.advance(3600)
    metered.copies(0)
    metered.batch(row(), row(subject="token:b"), row(subject="token:a", group="sales"), row(subject="token:c", group="sales"))
    page = metered.ask(READER, group_by="token,group")[1]
    assert [(item["token"], item["group"]) for item in page["items"]] == [
        ("token:a", "research"),
        ("token:a", "sales"),
        ("token:b", "research"),
    ]
    assert page["totals"]["requests"] == 3
    everything = {(item["token"], item["group"]): item["cost_micro_usd"] for item in metered.ask(group_by="token,group")[1]["items"]}
    assert all(everything[item["token"], item["group"]] == item["cost_micro_usd"] for item in page["items"])
    bound = READER | {"only": ["another"]}
    assert metered.ask(bound)[1]["items"] == []


@pytest.mark.parametrize(
    ("query", "models"),
    [
        ({"model": "m1"}, ["m1"]),
        ({"token": "token:b"}, ["m2"]),
        ({"token": "b"}, ["m2"]),
        ({"group": "sales"}, ["m2"]),
        ({"version": "9.9.9"}, []),
    ],
)
def test_filters(metered: Metered, query: dict[str, str], models: list[str]) -> None:
    """By model, version, group, and by a token's name or id."""
    metered.batch(row(model_id="m1"), row(model_id="m2", subject="token:b", token_id="b", group="sales"))
    page = metered.ask(group_by="model", **query)[1]
    assert [item["model"] for item in page["items"]] == models
    assert page["totals"]["requests"] == len(models)


def test_pages_follow_one_another(metered: Metered) -> None:
    """Each group once, whatever the size of the pages, and the totals of all on each; a token of another question is refused."""
    metered.batch(*(row(subject=f"token:{number}") for number in range(7)))
    seen, token = [], None
    while True:
        page = metered.ask(group_by="token", limit="3", **({"next_token": token} if token else {}))[1]
        assert page["totals"]["requests"] == 7
        seen += [item["token"] for item in page["items"]]
        token = page["next_token"]
        if token is None:
            break
        assert metered.ask(group_by="model", next_token=token)[0] == 422
    assert seen == [f"token:{number}" for number in range(7)]


@pytest.mark.parametrize(("query", "accept"), [({"format": "csv"}, ""), ({}, "text/csv")])
def test_csv(metered: Metered, query: dict[str, str], accept: str) -> None:
    """A head and a line a group, by parameter or by Accept; what a spreadsheet would take for a formula is made harmless."""
    metered.batch(row(subject="=cmd()", group=""))
    status, text = metered.ask(ADMIN, {"accept": accept} if accept else None, group_by="token", **query)
    assert status == 200
    (line,) = csv.DictReader(io.StringIO(text))
    assert (line["token"], line["requests"]) == ("'=cmd()", "1")


def test_lines_of_json(metered: Metered) -> None:
    """One group a line."""
    metered.batch(row(), row(subject="token:b"))
    text = metered.ask(group_by="token", format="ndjson")[1]
    assert [json.loads(line)["token"] for line in text.splitlines()] == ["token:a", "token:b"]


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ({"group_by": "colour"}, "group_by"),
        ({"from": "2026-13-01", "to": DAY}, ""),
        ({"from": DAY, "to": "2026-11-19"}, ""),
        ({"from": "2020-01-01", "to": DAY}, ""),
        ({"limit": "0"}, "limit"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_bad_questions_are_refused(metered: Metered, query: dict[str, str], path: str) -> None:
    """422, with the field where it is one field's fault."""
    status, problem = metered.ask(**query)
    assert status == 422, problem
    assert [error["path"] for error in problem["errors"]] == [path], problem


def test_more_than_can_be_added_up_is_refused(metered: Metered) -> None:
    """An open end that is years away says what to do instead."""
    answer = _run("read_usage", http_event("GET", "/usage", principal=ADMIN, query={"from": "2020-01-01"}))
    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (422, "usage-too-much")


def test_whoever_may_read_nothing_reads_no_usage(metered: Metered) -> None:
    """A token for asking models alone is refused."""
    assert metered.ask(READER | {"scopes": ["inference"]})[0] == 403


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), min_size=1, max_size=30), st.integers(0, 10**12))
def test_shares_are_the_whole(tokens: list[tuple[int, int]], priced: int) -> None:
    """Whatever everybody used, the parts of an engine's cost are not negative and add up to it exactly."""
    users = [Used(DAY, f"t{number}", "", "m", "1.0.0", requests=1, input_tokens=i, output_tokens=o) for number, (i, o) in enumerate(tokens)]
    costs = reckon(users, {(DAY, "m", "1.0.0"): Ran(DAY, "m", "1.0.0", 1, priced)}, PriceFiles())
    assert all(cost.micro_usd is not None and cost.micro_usd >= 0 for cost in costs)
    assert sum(cost.micro_usd or 0 for cost in costs) == priced // 3600


def test_every_unit_has_its_price() -> None:
    """Tokens of each kind, images, seconds and characters."""
    used = Used(DAY, "t", "", "m", "", input_tokens=3, cached_tokens=1, output_tokens=5, images=7, audio_ms=11_000, characters=13)
    price = TokenPrice(10**6, 10**7, 10**8, 10**9, 10**10, 10**11)
    assert listed(used, price) == 2 + 50 + 100 + 11 * 10**3 + 7 * 10**4 + 13 * 10**5


def test_a_copy_costs_its_part_of_the_cheapest_instance() -> None:
    """By GPUs and memory, of the types that are named if any are; a type that is not known has no price."""
    prices = PriceFiles().of_copies(DAY)
    by_name = {one["instance_type"]: one for one in prices["instances"]}
    assert hourly({"gpus": 1, "instance_types": ["g5.xlarge"]}, prices) == by_name["g5.xlarge"]["hourly"]
    assert hourly({"gpus": 1, "gpu_memory_gib": 80.0}, prices) == min(
        one["hourly"] // one["accelerators"] for one in prices["instances"] if one["memory_gib"] >= 80
    )
    assert hourly({"gpus": 1, "instance_types": ["x9.huge"]}, prices) is None
    standing = Standing(parse(f"{DAY}T00:00:00+00:00"), {"1.0.0": 2}, None)
    (part,) = ran("m", standing, parse(f"{DAY}T01:00:00+00:00"))
    assert (part.seconds, part.priced, part.unpriced_seconds) == (7200, 0, 7200)
