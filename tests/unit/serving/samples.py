"""Models and operations for unit tests."""

from typing import Any

from contracts.model import MODEL_SPEC
from serving.domain import commands
from serving.domain.change import Change
from serving.domain.commands import Ask
from serving.domain.model import Model
from serving.domain.operation import Operation
from serving.domain.tasks import TaskObservation
from tests.functional.serving.samples import hosted

NOW = "2026-01-01T00:00:00.000Z"
LATER = "2026-01-01T00:01:00.000Z"
SERVICE = "slipway-test-smollm2-135m-1-0-0-g1"


def spec(**changes: Any) -> dict[str, Any]:
    """A validated wish."""
    return MODEL_SPEC.validate_python(hosted(**changes)).document()


def ask(operation_id: str = "op-1") -> Ask:
    """Who asks."""
    return Ask("token:x", NOW, operation_id, LATER)


def created(**changes: Any) -> tuple[Model, Operation]:
    """A model that has just been asked for."""
    return parts(commands.create(spec(**changes), None, ask()))


def parts(change: Change) -> tuple[Model, Operation]:
    """What a change leaves: the model and the first operation."""
    return change.after, change.operations[0][1]


def task(last: str = "RUNNING", version: int = 1, **changes: Any) -> TaskObservation:
    """A look at a task of generation 1."""
    seen: dict[str, Any] = {
        "task_id": "t1",
        "service": SERVICE,
        "generation": 1,
        "version": version,
        "last_status": last,
        "desired_status": "RUNNING",
        "address": "10.0.0.7",
    }
    return TaskObservation(**(seen | changes))
