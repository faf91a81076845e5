"""What people do goes well though a tenth to a fifth of all calls fail: everything settles, nothing is lost, nothing happens twice."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from tests.e2e.platform import TERMINAL, Platform, Started, eventually
from tests.e2e.test_provider import Upstream
from tests.emulator.faults.injection import Injection, everywhere
from tests.emulator.faults.patient import Patient
from tests.emulator.faults.scenarios import ALL, World
from tests.evidence import counted, scaled

RATE, PEOPLE = 0.15, 7
KINDS = {"throttle", "server_error", "connection_reset", "reply_lost", "latency"}
# What an operation ends with, once; an update that changes nothing about what runs needs no such event.
ENDS = ("ModelInService", "ModelStopped", "ModelFailed", "ModelDeleted")
WISHES = ("ModelRequested", "ModelUpdated", "ModelStopRequested", "ModelDeletionRequested")


class Storm:
    """One window of faults, in which everybody did something: what came of it."""

    def __init__(self, platform: Platform, prefix: str) -> None:
        self.platform, self.prefix = platform, prefix
        self.world = World(platform, Patient(platform), prefix)
        self.problems: dict[str, str] = {}
        self.injection = Injection(platform, everywhere(RATE), seed=prefix)

    def rage(self) -> None:
        """All scenarios, some at a time."""
        with self.injection, ThreadPoolExecutor(PEOPLE) as people:
            list(people.map(self._live, ALL))

    def _live(self, name: str) -> None:
        try:
            ALL[name](self.world)
        except Exception as error:  # noqa: BLE001 - each test tells of its own scenario
            self.problems[name] = f"{type(error).__name__}: {error}"

    def calm(self) -> None:
        """Until nothing is under way."""
        eventually(lambda: all(one["status"] in TERMINAL for one in self.operations), "every operation has ended", 240)

    def wishes(self) -> Counter[tuple[str, int]]:
        """How often the ledger has each wish: by operation and generation, for an update that goes back wishes the former state anew.

        The same wish told again is none: the sweep reminds who has not answered for a minute (`domain/reminders.py`), word for word, and
        says which event the operation had heard last; a command's own fact has no event before it.
        """
        entries = [entry for entry in self.ledger() if entry["event_type"] in WISHES]
        found, first = Counter[tuple[str, int]](), dict[tuple[str, int], dict[str, Any]]()
        for entry in sorted(entries, key=lambda entry: int(entry["data"]["revision"])):
            wish = {name: value for name, value in entry["data"].items() if name != "revision"}
            key = wish["operation_id"], wish["generation"]
            if entry["metadata"]["causation_id"] is None or first.setdefault(key, wish) != wish or not found[key]:
                first[key] = wish
                found[key] += 1
        return found

    @property
    def operations(self) -> list[dict[str, Any]]:
        """Every operation of this storm's models, as it stands."""
        rows = [json.loads(row["document"]["S"]) for row in self.platform.rows("ServingModelTable") if row["sk"]["S"] == "OPERATION"]
        return [row for row in rows if row["model_id"].startswith(f"{self.prefix}-")]

    def ledger(self, table: str = "ServingModelTable") -> list[dict[str, Any]]:
        """Every ledger entry about this storm's models in a context's table."""
        entries = [json.loads(row["document"]["S"]) for row in self.platform.rows(table) if row["sk"]["S"].startswith("LEDGER#")]
        return [entry for entry in entries if str(entry["data"].get("model_id", "")).startswith(f"{self.prefix}-")]


@pytest.fixture(scope="module")
def storms(started: Started) -> Iterator[list[Storm]]:
    """One storm, more in a deep run; afterwards calm, until nothing is under way any more."""
    server = Upstream(started.platform.upstream_port)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found = []
    for number in range(scaled(1)):
        storm = Storm(started.platform, f"storm{number}")
        storm.rage()
        storm.calm()
        found.append(storm)
    yield found
    for storm in found:
        left = [reply for name in _models(storm) if (reply := started.platform.call("DELETE", f"/models/{name}")).status == 202]
        for reply in left:
            started.platform.settled(reply)
    server.shutdown()
    server.server_close()


def _models(storm: Storm) -> list[str]:
    return sorted({one["model_id"] for one in storm.operations})


@pytest.mark.parametrize("name", ALL)
def test_it_goes_well(storms: list[Storm], name: str) -> None:
    """The scenario came to its good end, by a client that repeats what failed under the same key."""
    assert [storm.problems[name] for storm in storms if name in storm.problems] == []
    counted("storm_scenarios_passed", len(storms), scenario=name)


def test_the_storm_was_one(storms: list[Storm]) -> None:
    """Every kind of fault fired, and of all calls a tenth to a fifth; else nothing of this was shown."""
    for storm in storms:
        assert set(storm.injection.fired) == KINDS
        assert 0.08 < sum(storm.injection.fired.values()) / storm.injection.calls < 0.2, storm.injection.fired


def test_no_command_is_lost_or_carried_out_twice(storms: list[Storm]) -> None:
    """Operations that somebody asked for are those that were accepted, one for each; the ledger wishes each once, reminders aside."""
    for storm in storms:
        by_people = [one["operation_id"] for one in storm.operations if one["created_by"].startswith("token:")]
        accepted = [operation for ids in storm.world.client.accepted.values() for operation in ids]
        wished = storm.wishes()
        counted("effects_lost", len(set(accepted) - set(by_people)), ring="emulator")
        counted("effects_doubled", len(by_people) - len(set(accepted)) + sum(n - 1 for n in wished.values()), ring="emulator")
        assert sorted(by_people) == sorted(accepted)
        assert set(accepted) <= {operation for operation, _ in wished}
        assert [name for name, times in wished.items() if times > 1] == []


def test_each_operation_ends_once(storms: list[Storm]) -> None:
    """At most one event of an end for each operation, and exactly one where it ended what the model does."""
    for storm in storms:
        ended = Counter(entry["data"].get("operation_id") for entry in storm.ledger() if entry["event_type"] in ENDS)
        counted("operations_ended_under_faults", len(storm.operations))
        for one in storm.operations:
            assert ended[one["operation_id"]] <= 1, one
            if one["status"] == "Succeeded" and one["goal"] in {"serve", "halt", "remove"}:
                assert ended[one["operation_id"]] == 1, one


def test_ledgers_have_neither_gaps_nor_repetitions(storms: list[Storm]) -> None:
    """Revisions rise by one, and no event's id occurs twice."""
    for storm in storms:
        ids = [entry["metadata"]["id"] for table in ("ServingModelTable", "RoutingRouteTable") for entry in storm.ledger(table)]
        assert len(ids) == len(set(ids))
        revisions: dict[str, list[int]] = {}
        for row in storm.platform.rows("ServingModelTable"):
            if row["pk"]["S"].startswith(f"MODEL#{storm.prefix}-") and row["sk"]["S"].startswith("LEDGER#"):
                revisions.setdefault(row["pk"]["S"], []).append(int(row["sk"]["S"].removeprefix("LEDGER#")))
        assert all(sorted(numbers) == list(range(1, len(numbers) + 1)) for numbers in revisions.values()), revisions


def test_every_fact_is_in_the_audit_once(storms: list[Storm]) -> None:
    """Each entry of the ledger went over the bus and was kept; what came twice was kept once; the outbox is empty."""
    for storm in storms:
        wanted = {entry["metadata"]["id"] for entry in storm.ledger()}
        _arrived(storm.platform, wanted)
        counted("facts_audited_under_faults", len(wanted))


def test_what_runs_is_what_is_wished(storms: list[Storm]) -> None:
    """One service and as many tasks as shown for each model that serves, none for the others; the route leads to those tasks."""
    for storm in storms:
        for model_id in _models(storm):
            eventually(partial(_agrees, storm.platform, model_id), f"{model_id} is what it is said to be", 240)


def _agrees(platform: Platform, model_id: str) -> bool:
    reply = platform.call("GET", f"/models/{model_id}")
    model: Any = reply.json if reply.status == 200 else {"status": "Gone"}
    serves, hosted = model["status"] == "InService", model.get("hosting") == "hosted"
    services: list[str] = platform.services_of(model_id)
    route: Any = platform.route_of(model_id)
    tasks = {arn.rsplit("/", 1)[-1] for arn in platform.tasks_of(model_id)}
    ready = {target["target_id"] for target in route["targets"] if target["status"] == "ready"} if route else set()
    if not serves:
        return not services and not tasks and not ready
    if not hosted:
        return bool(not services and route and route["state"] == "open" and len(ready) == 1)
    return bool(len(services) == 1 and len(tasks) == model["capacity"]["running"] and ready == tasks and route and route["state"] == "open")


def _arrived(platform: Platform, wanted: set[str]) -> None:
    eventually(lambda: wanted <= _audited(platform), "the audit has every fact", 240)
    eventually(lambda: not wanted & _outbox(platform), "the outbox is empty", 240)


def _audited(platform: Platform) -> set[str]:
    time.sleep(0.5)
    return {row["sk"]["S"] for row in platform.rows("UsageAuditTable")}


def _outbox(platform: Platform) -> set[str]:
    time.sleep(0.5)
    return {row["sk"]["S"] for row in platform.rows("ServingModelTable") if row["pk"]["S"].startswith("OUTBOX#")}
