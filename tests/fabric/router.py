"""A router in virtual time: it follows the real route table, looks at targets that run, and tells the bus what the real one would.

What it tells is made by the contracts of `contracts.routing` in the envelope of `serving_image/router/bus.py`.
"""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from contracts.engine import FAILURES
from contracts.routing import ROUTE_PREFIX, ROUTES_PARTITION, LoadObserved, ModelWakeRequested, RouteHealthObserved
from kit.clock import iso
from kit.ids import Ids
from tests.fabric.aws.boundary import Boundary
from tests.fabric.aws.cluster import Cluster
from tests.fabric.aws.dynamodb import DynamoDb
from tests.fabric.aws.engines import Task
from tests.fabric.clock import VirtualClock
from tests.fabric.delivery.agenda import Thing

LOOKS_AGAIN, REPEATS, PROGRESS = 0.25, 10.0, 300.0
"""Seconds until the first look, between repeated verdicts, and between two words on progress (the real one says so every 10)."""
Told = RouteHealthObserved | LoadObserved | ModelWakeRequested


@dataclass(eq=False)
class Follow(Thing):
    """The table has moved on."""


@dataclass(eq=False)
class Look(Thing):
    """A target to look at."""

    key: tuple[str, str] = ("", "")


@dataclass
class Sight:
    """What was told last of a target, and when the next look is due."""

    due: float
    told: str = ""
    repeats: bool = False
    generation: int = 0


@dataclass
class Router:
    """One router task. `table`: the routes as it knows them; `reachable`: whether third parties answer."""

    router_id: str
    clock: VirtualClock
    chance: random.Random
    boundary: Boundary
    tables: DynamoDb
    cluster: Cluster
    table_name: str
    bus_name: str
    note: Callable[[str], None]
    revision: int = 0
    table: dict[str, dict[str, Any]] = field(default_factory=dict)
    provider_failure: str = ""
    _sights: dict[tuple[str, str], Sight] = field(default_factory=dict)
    _ids: Ids | None = None

    # ── what a test does ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def restart(self) -> None:
        """A new process: it knows nothing, reads the whole table, and looks at every probing target anew."""
        self.revision = 0
        self.table.clear()
        self._sights.clear()

    def probe(self) -> None:
        """Follow the table, and look at every probing target at once."""
        self._follow()
        for key in list(self._sights):
            self._look(key)

    def load(self, model_id: str, in_flight: int, **more: Any) -> str:
        """Tell of traffic for a model."""
        route = self.table.get(model_id, {"targets": []})
        ready = sum(target["status"] == "ready" for target in route["targets"])
        told: dict[str, Any] = {
            "model_id": model_id,
            "router_id": self.router_id,
            "observed_at": iso(self.clock.now()),
            "window_seconds": 2.0,
            "in_flight": in_flight,
            "requests": in_flight,
            "ready_targets": ready,
            "last_request_at": iso(self.clock.now()) if in_flight else None,
        }
        return self._tell(LoadObserved.model_validate(told | more))

    def request(self, model_id: str) -> str:
        """A request comes: a ready target answers it (`open`), it wakes a sleeping model (`wakes`), or it finds `nobody`."""
        route = self.table.get(model_id)
        if route is None or route["state"] == "closed":
            return "nobody"
        if route["state"] == "asleep":
            asked = {"model_id": model_id, "generation": route["generation"], "router_id": self.router_id}
            self._tell(ModelWakeRequested.model_validate({**asked, "requested_at": iso(self.clock.now())}))
            return "wakes"
        return "open" if any(target["status"] == "ready" for target in route["targets"]) else "nobody"

    # ── on the agenda ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def things(self) -> list[Thing]:
        """Following the table where it has moved on; looking at targets. A repeated word is no sign of unrest."""
        found: list[Thing] = []
        if self._head() != self.revision:
            found.append(Follow("router", f"{self.router_id} follows the route table", self.clock.seconds, self))
        for key, sight in self._sights.items():
            quiet = sight.repeats or (bool(sight.told) and self._ready_at(key) is None)
            what = f"{self.router_id} looks at {key[0]} {key[1][:8]}"
            found.append(Look("router", what, sight.due, self, background=quiet, key=key))
        return found

    def deliver(self, thing: Thing) -> str:
        """Follow, or look."""
        if isinstance(thing, Follow):
            self._follow()
            return f"revision {self.revision}"
        assert isinstance(thing, Look)
        return self._look(thing.key)

    def duplicate(self, thing: Thing) -> None:
        """Nothing comes of looking twice but the same word again."""
        if isinstance(thing, Look):
            self._look(thing.key)

    def drop(self, thing: Thing) -> None:
        """The look is missed; the next one is not."""
        if isinstance(thing, Look) and thing.key in self._sights:
            self._sights[thing.key].due = self.clock.seconds + REPEATS

    def delay(self, thing: Thing, seconds: float) -> None:
        """Later."""
        if isinstance(thing, Look) and thing.key in self._sights:
            self._sights[thing.key].due = self.clock.seconds + seconds

    # ── the table ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _head(self) -> int:
        image = self.tables.tables[self.table_name].get(ROUTES_PARTITION, "HEAD")
        return int(image["revision"]["N"]) if image else 0

    def _rows(self) -> Iterator[dict[str, Any]]:
        partition = self.tables.tables[self.table_name].partitions.get(ROUTES_PARTITION)
        if partition:
            for image in partition.walk(prefix=ROUTE_PREFIX):
                yield json.loads(image["document"]["S"])

    def _follow(self) -> None:
        """Take over the table as of now, and look at what is probing and at nothing else."""
        self.revision = self._head()
        self.table = {route["model_id"]: route for route in self._rows()}
        wanted = {
            (route["model_id"], target["target_id"]): route["generation"] if target["kind"] == "provider" else 0
            for route in self.table.values()
            if route["state"] not in {"closed", "asleep"}
            for target in route["targets"]
            if target["status"] == "probing"
        }
        self._sights = {key: sight for key, sight in self._sights.items() if wanted.get(key) == sight.generation}
        for key, generation in wanted.items():
            self._sights.setdefault(key, Sight(self.clock.seconds + LOOKS_AGAIN, generation=generation))

    # ── looking ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _task(self, target_id: str) -> Task | None:
        return self.cluster.tasks.get(target_id)

    def _ready_at(self, key: tuple[str, str]) -> float | None:
        """When the engine behind this target will be ready; None if it never will, or if nobody knows yet."""
        task = self._task(key[1])
        if task is None or task.last != "RUNNING" or task.started is None or task.broken or task.fate:
            return None
        return task.started + task.loads_for

    def _state(self, key: tuple[str, str]) -> str:
        """What is to be seen of a target: connecting, loading, ready or failed."""
        route = self.table[key[0]]
        target = next(one for one in route["targets"] if one["target_id"] == key[1])
        if target["kind"] == "provider":
            return "failed" if self.provider_failure else "ready"
        task = self._task(key[1])
        return (task.phase(self.clock.seconds) if task else "") or "connecting"

    def _look(self, key: tuple[str, str]) -> str:
        sight, state = self._sights[key], self._state(key)
        sight.repeats = state in {"ready", "failed"}
        ready_at = self._ready_at(key)
        expected = max(ready_at - self.clock.seconds, LOOKS_AGAIN) if ready_at is not None else REPEATS
        sight.due = self.clock.seconds + (REPEATS if sight.repeats else min(expected, PROGRESS))
        again = state == sight.told
        sight.told = state
        if again and state == "connecting":
            return state  # told once: nobody is there yet
        observed = {"ready": "ready", "failed": "failed"}.get(state, "progressing")
        failure = None
        if state == "failed":
            task = self._task(key[1])
            code = (task.broken if task else "") or self.provider_failure
            known = FAILURES.get(code)
            failure = {"code": code, "message": known.message if known else "said no", "hint": known.hint if known else ""}
        told = {
            "model_id": key[0],
            "generation": self.table[key[0]]["generation"],
            "target_id": key[1],
            "observed": observed,
            "phase": "" if state == "failed" and not self._task(key[1]) else state,
            "progress": None,
            "failure": failure,
            "router_id": self.router_id,
            "observed_at": iso(self.clock.now()),
        }
        return f"{state}: {self._tell(RouteHealthObserved.model_validate(told))}"

    def _tell(self, observed: Told) -> str:
        """Put it on the bus; what the bus does not take is said again with the next look."""
        if self._ids is None:
            self._ids = Ids(random_bits=self.chance.getrandbits)
        metadata = {
            "id": self._ids.new(),
            "version": observed.contract_version,
            "occurred_at": iso(self.clock.now()),
            "producer": "routing",
            "environment": "test",
            "correlation_id": f"route:{observed.model_id}",
            "causation_id": None,
            "actor": f"router/{self.router_id}",
        }
        detail = json.dumps({"metadata": metadata, "data": observed.document()})
        entry = {"EventBusName": self.bus_name, "Source": observed.source, "DetailType": observed.event_type(), "Detail": detail}
        try:
            self.boundary.call("events", "PutEvents", {"Entries": [entry]})
        except Exception as error:  # noqa: BLE001 - whatever the bus says, the router goes on
            return f"not told ({type(error).__name__})"
        return "told"
