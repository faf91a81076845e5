"""Say what a command would do, and write nothing."""

from collections.abc import Mapping
from typing import Any

from kit.caller import Caller
from kit.errors import Conflict
from serving.domain import acknowledgement, commands
from serving.domain.facts import ModelFacts, Unread
from serving.domain.fields import ChangeClass, classify
from serving.domain.model import Model, Spec, Status
from serving.domain.operation import Goal
from serving.domain.planning import Wish, plan
from serving.ports import Artifacts, Instances, Store
from serving.usecases.asking import check_generation
from serving.usecases.commanding import Commanding, deny
from serving.usecases.plan_views import planned
from serving.usecases.update_model import UpdateModel
from serving.usecases.using import refuse_while_used
from serving.usecases.views import visible_model
from serving.usecases.wish_checks import WishChecks

_WHY = {
    "start": "only a stopped model can be started; a failed one is retried",
    "stop": "nothing of it runs",
    "retry": "only a failed one can be retried",
    "delete": "it is being deleted",
}
_NOT_ASKED = Unread("nothing is started")


class PlanModel:
    """Refuses what the command itself would refuse, but for what does not fit: that is shown, under `refused`."""

    def __init__(
        self, store: Store, commanding: Commanding, updating: UpdateModel, checks: WishChecks, artifacts: Artifacts, instances: Instances
    ) -> None:
        self._store, self._commanding, self._updating, self._checks = store, commanding, updating, checks
        self._artifacts, self._instances = artifacts, instances

    def creation(self, caller: Caller, spec: Spec) -> dict[str, Any]:
        """The plan of a new model; Forbidden, InvalidRequest, Conflict where the id is taken."""
        self._checks(caller, spec)
        known = self._store.model(str(spec["model_id"]))
        if known and not known.deleted:
            raise Conflict("model-exists", f"a model {spec['model_id']} exists", "Choose another id, or delete that model first.")
        wish = Wish(spec, _copies(spec))
        found = plan("create", Wish(None), wish, (), self._facts(spec), self._instances.offer(), in_service=False, serves=True)
        return planned(found, str(spec["model_id"]), known.generation if known else 0, None)

    def update(self, caller: Caller, model_id: str, changes: Mapping[str, Any], expected: int | None = None) -> dict[str, Any]:
        """The plan of a change, with the acknowledgement that it needs; NotFound, StaleGeneration, InvalidRequest, Conflict."""
        model = self._read(caller, model_id, expected)
        self._commanding.refuse_while_running(model)
        if not commands.allowed("update", model):
            raise deny("update", model, "it cannot be changed now")
        spec = self._updating.wish(caller, model, changes)
        differences, running = classify(model.spec, spec), model.status is Status.IN_SERVICE
        before = Wish(model.spec, model.desired if running else 0)
        # A count that the load chose holds until somebody changes the wanted one.
        recounted = any(one.path == "capacity.desired" for one in differences)
        after = Wish(spec, (_copies(spec) if recounted else _bounded(model.desired, spec)) if running else 0)
        found = plan("update", before, after, differences, self._facts(spec), self._instances.offer(), in_service=running, serves=True)
        needed = running and found.change_class is ChangeClass.RESTART
        token = acknowledgement.token(model.model_id, model.generation, changes) if needed else None
        return planned(found, model.model_id, model.generation, token)

    def lifecycle(self, caller: Caller, model_id: str, command: str, expected: int | None = None) -> dict[str, Any]:
        """The plan of `start`, `stop`, `retry` or `delete`; NotFound, StaleGeneration, Conflict where the status does not admit it."""
        model = self._read(caller, model_id, expected)
        if command == "start":
            self._commanding.refuse_while_running(model)
        if not commands.allowed(command, model):
            raise deny(command, model, _WHY[command])
        if command == "delete" and model.spec.get("delete_protection"):
            raise Conflict("delete-protected", f"the model {model_id} is protected from deletion", "Set delete_protection to false first.")
        if command == "delete":
            refuse_while_used(model)
        serves = command == "start" or (command == "retry" and commands.goal_of_retry(model) is Goal.SERVE)
        gone = command == "delete" or (command == "retry" and not serves)
        running = model.status not in {Status.STOPPED, Status.FAILED}
        before = Wish(model.spec, model.desired if running else 0)
        after = Wish(None) if gone else Wish(model.spec, _copies(model.spec) if serves else 0)
        facts = self._facts(model.spec) if serves else _NOT_ASKED
        found = plan(command, before, after, (), facts, self._instances.offer(quotas=serves), in_service=running, serves=serves)
        return planned(found, model.model_id, model.generation, None)

    def _read(self, caller: Caller, model_id: str, expected: int | None) -> Model:
        model = visible_model(self._store, caller, model_id)
        check_generation(model, expected)
        return model

    def _facts(self, spec: Spec) -> ModelFacts | Unread:
        return self._artifacts.facts(spec)


def _copies(spec: Spec) -> int:
    return int(spec["capacity"]["desired"]) if "capacity" in spec else 0


def _bounded(copies: int, spec: Spec) -> int:
    return min(max(copies, int(spec["capacity"]["min"])), int(spec["capacity"]["max"])) if "capacity" in spec else 0
