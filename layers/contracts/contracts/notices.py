"""Events as those read them who need little of them.

Building the whole contract of a model is most of what a cold start of a small consumer costs. A notice has some of an event's fields, with
the types that they have there, and `of` names the events that it may be read from; tests compare it with their published schemas.
"""

from typing import ClassVar, Literal

from contracts.common import Contract, ModelId, Ulid


class Notice(Contract):
    """Some fields of the `data` of an event; `receive` passes over every other."""

    of: ClassVar[frozenset[str]]


class OperationNamed(Notice):
    """An operation was accepted."""

    of = frozenset({"ModelRequested", "ModelUpdated", "ModelStopRequested", "ModelDeletionRequested"})

    operation_id: Ulid


class ModelNamed(Notice):
    """Something happened to a model."""

    of = frozenset({"ModelRequested", "ModelUpdated", "ModelInService", "ModelStopped", "ModelFailed", "ModelDeletionRequested"})

    model_id: ModelId


class TargetSeen(Contract):
    """One place that can answer."""

    target_id: str
    status: Literal["probing", "ready", "draining"]


class RouteSeen(Contract):
    """A route by its targets alone."""

    targets: tuple[TargetSeen, ...] = ()


class RouteMoved(Notice):
    """Where requests for a model go, and where they shall go."""

    of = frozenset({"RouteChanged"})

    model_id: ModelId
    generation: int
    revision: int
    state: Literal["probing", "open", "closed", "asleep", "removed"]
    route: RouteSeen | None = None
