"""What has been seen of a platform: every row as it was written, every word of routers; and what the invariants say of it.

A witness of the tables is told of each transaction at the moment at which it happens, so that what holds `always` is asked at every
write, also in the middle of a step in which much happens. It may not raise there, where the product would catch it: the first violation
is kept, and raised after the step (`Seen.look`).
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.fabric.aws.table import Record
from tests.fabric.platform import Fabric

Document = dict[str, Any]
ACTIVE = frozenset({"Pending", "Running"})
ENDS = frozenset({"ModelInService", "ModelStopped", "ModelDeleted", "ModelFailed"})
LEAVING = frozenset({"Stopping", "Deleting"})
"""What a model is while it leaves service."""


@dataclass(frozen=True)
class Change:
    """One row before and after: `kind` is its context and the first part of its key, such as `serving MODEL` or `routing ROUTE`."""

    kind: str
    pk: str
    sk: str
    before: Document | None
    after: Document | None
    attributes: dict[str, Any]

    @property
    def name(self) -> str:
        """What the partition is named after: a model's id, an operation's."""
        return self.pk.partition("#")[2]


Check = Callable[["Seen", Change], None]


@dataclass
class Seen:
    """Keeps account. `rules` are asked of every change of their kind, once the whole transaction is known."""

    fabric: Fabric
    rules: dict[str, list[Check]]
    violation: Exception | None = None
    documents: dict[tuple[str, str, str], Document] = field(default_factory=dict)
    """Rows as they are: context, partition, sort key."""
    active: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Operations that have not ended, by model."""
    revisions: dict[tuple[str, str], int] = field(default_factory=dict)
    """The newest ledger row of each feed: context and partition."""
    facts: dict[str, Document] = field(default_factory=dict)
    """Every fact, by event id."""
    ends: Counter[str] = field(default_factory=Counter)
    """Facts that tell of an end, by operation."""
    ready: dict[str, tuple[str, int, float]] = field(default_factory=dict)
    """Targets that a router has seen answer, by id: model, generation, when last."""
    services: dict[str, tuple[str, int]] = field(default_factory=dict)
    """ECS services that were written down as a model's: model and generation."""
    secrets: list[str] = field(default_factory=list)
    """Secret parts of tokens that were issued."""
    transaction: Sequence[Change] = ()
    """The one under way."""
    checked: Counter[str] = field(default_factory=Counter)
    """How often each invariant was asked."""
    _heard: int = 0
    _spoken: int = 0

    def __post_init__(self) -> None:
        self.fabric.tables.witnesses.append(self.written)

    def written(self, records: Sequence[Record]) -> None:
        """A transaction has happened."""
        self.hear()
        changes = [self._change(record) for record in records]
        self.transaction = changes
        for change in changes:
            for check in self.rules.get(change.kind, ()):
                self._ask(check, change)

    def hear(self) -> None:
        """Take over what routers have told since the last time."""
        said = self.fabric.bus.seen
        for event in said[self._heard :]:
            if event["detail-type"] == "RouteHealthObserved" and event["detail"]["data"]["observed"] == "ready":
                data = event["detail"]["data"]
                self.ready[data["target_id"]] = data["model_id"], data["generation"], self.fabric.now
        self._heard = len(said)

    def look(self) -> None:
        """Raise the first violation, if there has been one."""
        if self.violation is not None:
            raise self.violation

    def spoken(self) -> list[str]:
        """What functions have logged since this was asked last."""
        lines, self._spoken = self.fabric.functions.logs[self._spoken :], len(self.fabric.functions.logs)
        return [f"{line.message} {line.keys} {line.extra} {line.error}" for line in lines]

    def row(self, context: str, pk: str, sk: str) -> Document | None:
        """A row as it is."""
        return self.documents.get((context, pk, sk))

    def model(self, model_id: str) -> Document | None:
        """Serving's row of a model, a tombstone included."""
        return self.row("serving", f"MODEL#{model_id}", "MODEL")

    def route(self, model_id: str) -> Document | None:
        """Routing's row of a model."""
        return self.row("routing", "ROUTES", f"ROUTE#{model_id}")

    def operation(self, operation_id: str) -> Document | None:
        """An operation's row."""
        return self.row("serving", f"OPERATION#{operation_id}", "OPERATION")

    def of(self, *kinds: str) -> list[Change]:
        """Changes of the transaction under way, of these kinds."""
        return [change for change in self.transaction if change.kind in kinds]

    def living(self, model_id: str) -> list[str]:
        """ECS tasks of a model that are not on their way out."""
        return [task.task_id for task in self.fabric.ecs.alive() if self.services.get(task.service, ("", 0))[0] == model_id]

    def left(self, model_id: str) -> list[str]:
        """ECS tasks of a model that have not ended."""
        tasks = self.fabric.ecs.tasks.values()
        return [one.task_id for one in tasks if one.last != "STOPPED" and self.services.get(one.service, ("", 0))[0] == model_id]

    def _ask(self, check: Check, change: Change) -> None:
        self.checked[check.__name__] += 1
        try:
            check(self, change)
        except Exception as error:  # noqa: BLE001 - none may reach the product, in the middle of whose write this is asked
            if self.violation is None:
                self.violation = error
                self.fabric.log.append(f"+{self.fabric.now:.3f} VIOLATION {check.__name__}: {error!r}")

    def _change(self, record: Record) -> Change:
        pk, sk = record.keys["pk"]["S"], record.keys["sk"]["S"]
        context = context_of(record.table)
        after = json.loads(record.image["document"]["S"]) if record.image else None
        plain = {name: next(iter(value.values())) for name, value in (record.image or {}).items() if name != "document"}
        key = context, pk, sk
        change = Change(kind_of(context, pk, sk), pk, sk, self.documents.get(key), after, plain)
        if after is None:
            self.documents.pop(key, None)
        else:
            self.documents[key] = after
        self._account(change)
        return change

    def _account(self, change: Change) -> None:
        after = change.after
        if after is None:
            return
        if change.kind == "serving OPERATION":
            ids = self.active[after["model_id"]]
            (ids.add if after["status"] in ACTIVE else ids.discard)(after["operation_id"])
        elif change.kind == "serving SERVICE":
            self.services[change.name] = after["model_id"], after["generation"]
        elif change.kind.endswith("LEDGER"):
            self.facts[after["metadata"]["id"]] = after
            if after["event_type"] in ENDS:
                self.ends[after["data"]["operation_id"]] += 1


def context_of(table: str) -> str:
    """`ServingModelTable` → `serving`."""
    return next(name for name in ("serving", "routing", "access", "registry", "usage") if table.lower().startswith(name))


def kind_of(context: str, pk: str, sk: str) -> str:
    """Context, and what the row is: by its sort key, or by its partition where that says more."""
    if pk.startswith("OUTBOX#"):
        return f"{context} OUTBOX"
    return f"{context} {(pk if context == 'usage' else sk).partition('#')[0]}"


def age(seen: Seen, operation: Document) -> float:
    """Virtual seconds since it was accepted."""
    return float((seen.fabric.clock.now() - datetime.fromisoformat(operation["created_at"])).total_seconds())
