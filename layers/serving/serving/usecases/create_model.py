"""Accept the wish for a new model."""

from collections.abc import Mapping
from typing import Any

from kit.caller import Caller, Command
from kit.clock import Clock
from kit.errors import Conflict
from kit.ids import Ids
from serving.domain import commands
from serving.domain.model import Spec
from serving.domain.operation import Goal
from serving.ports import Remembered, Store
from serving.usecases.anew import decided_anew
from serving.usecases.asking import ask, cause_of
from serving.usecases.views import accepted
from serving.usecases.wish_checks import WishChecks


class CreateModel:
    """Writes aggregate, operation, answer and ModelRequested in one transaction; nothing else happens in the request."""

    def __init__(self, store: Store, checks: WishChecks, clock: Clock, ids: Ids) -> None:
        self._store, self._checks, self._clock, self._ids = store, checks, clock, ids

    @decided_anew
    def __call__(self, caller: Caller, spec: Spec, command: Command) -> Mapping[str, Any]:
        """The accepted operation. Refused: another's group (Forbidden), a taken id (Conflict), values that no contract can judge."""
        if answered := self._store.answer(command):
            return answered
        self._checks(caller, spec)
        known = self._store.model(str(spec["model_id"]))
        if known and not known.deleted:
            raise Conflict("model-exists", f"a model {spec['model_id']} exists", "Choose another id, or delete that model first.")
        if self._store.holder(str(spec["model_id"])):
            raise Conflict("model-exists", f"another model has the alias {spec['model_id']}", "Choose another id, or take the alias away.")
        asked = ask(caller.subject, Goal.SERVE, spec, self._clock, self._ids)
        change = commands.create(spec, known, asked)
        answer = accepted(change.operations[0][1], change.after.generation)
        self._store.commit(change, cause_of(asked), Remembered(command, answer))
        return answer
