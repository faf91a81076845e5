"""What one decision changes: all of it is written together or not at all."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from serving.domain.model import Deployment, Fact, Model
from serving.domain.operation import Operation, Wait
from serving.domain.tasks import TaskObservation
from serving.domain.traffic import Traffic


@dataclass(frozen=True)
class Cause:
    """Who asked, which operation (or request) it belongs to, which event led to it and what that is called."""

    actor: str
    correlation_id: str
    causation_id: str | None = None
    causation_type: str | None = None


@dataclass(frozen=True)
class TaskChange:
    """A task's row: the version that it had (None = no row) and what is known now."""

    known_version: int | None
    observation: TaskObservation


@dataclass(frozen=True)
class Change:
    """One transaction. `operations` are pairs of before (None = new) and after.

    `claim` is a service name that from now on leads to the model; `released` are services that belong to nobody any more.
    """

    before: Model | None
    after: Model
    operations: tuple[tuple[Operation | None, Operation], ...] = ()
    facts: tuple[Fact, ...] = ()
    task: TaskChange | None = None
    wait: Wait | None = None
    ended_wait: str | None = None
    claim: str | None = None
    released: tuple[Deployment, ...] = ()
    traffic: Traffic | None = None


def change(
    before: Model | None,
    after: Model,
    *,
    operations: Sequence[tuple[Operation | None, Operation]] = (),
    facts: Sequence[Fact] = (),
    **rest: Any,
) -> Change:
    """A change with the counters moved on: one edition, and a revision for each fact."""
    edition, revision = (before.edition, before.revision) if before else (0, 0)
    moved = replace(after, edition=edition + 1, revision=revision + len(facts))
    return Change(before, moved, tuple(operations), tuple(facts), **rest)


def picture(model: Model | None, *, wish: bool) -> dict[str, Any] | None:
    """How a model stands, for the ledger's before and after; with the whole wish only where that changed."""
    if model is None or model.deleted:
        return None
    told: dict[str, Any] = {
        "status": model.status.value,
        "generation": model.generation,
        "running": model.running,
        "failure": vars(model.failure) if model.failure else None,
        "conditions": {c.type: c.status for c in model.conditions},
    }
    return told | {"model": dict(model.spec)} if wish else told
