"""Accept the wish for a new model."""

from collections.abc import Iterator, Mapping
from typing import Any

from kit.caller import Caller, Command
from kit.clock import Clock
from kit.errors import Conflict, Forbidden, InvalidRequest, Violation
from kit.ids import Ids
from serving.domain import commands
from serving.domain.model import Spec
from serving.domain.operation import Goal
from serving.domain.wishes import complaints
from serving.ports import AddressGuard, Remembered, Store
from serving.usecases.anew import decided_anew
from serving.usecases.asking import ask, cause_of
from serving.usecases.views import accepted


class CreateModel:
    """Writes aggregate, operation, answer and ModelRequested in one transaction; nothing else happens in the request."""

    def __init__(self, store: Store, guard: AddressGuard, clock: Clock, ids: Ids) -> None:
        self._store, self._guard, self._clock, self._ids = store, guard, clock, ids

    @decided_anew
    def __call__(self, caller: Caller, spec: Spec, command: Command) -> Mapping[str, Any]:
        """The accepted operation. Refused: another's group (Forbidden), a taken id (Conflict), values that no contract can judge."""
        if answered := self._store.answer(command):
            return answered
        self._check(caller, spec)
        known = self._store.model(str(spec["model_id"]))
        if known and not known.deleted:
            raise Conflict("model-exists", f"a model {spec['model_id']} exists", "Choose another id, or delete that model first.")
        asked = ask(caller, Goal.SERVE, spec, self._clock, self._ids)
        change = commands.create(spec, known, asked)
        answer = accepted(change.operations[0][1], change.after.generation)
        self._store.commit(change, cause_of(asked), Remembered(command, answer))
        return answer

    def _check(self, caller: Caller, spec: Spec) -> None:
        foreign = list(_foreign_groups(caller, spec))
        if foreign:
            raise Forbidden(
                "group-not-yours",
                "a model may be given only to groups that you are in",
                "Name groups of your own, or ask an administrator.",
                {"errors": [vars(violation) for violation in foreign]},
            )
        violations = [Violation(*complaint) for complaint in complaints(spec)]
        address = (spec.get("provider") or {}).get("api_base")
        if address and (reason := self._guard.refusal(str(address))):
            violations.append(Violation("provider.api_base", "address-refused", reason))
        if violations:
            raise InvalidRequest("validation-failed", f"{len(violations)} field(s) are not acceptable", violations=violations)


def _foreign_groups(caller: Caller, spec: Spec) -> Iterator[Violation]:
    if caller.is_admin:
        return
    for place, group in enumerate(spec["allowed_groups"]):
        if group not in caller.groups:
            yield Violation(f"allowed_groups[{place}]", "group-not-yours", f"you are not in the group {group}")
