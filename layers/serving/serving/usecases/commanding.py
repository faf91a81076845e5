"""What all commands on an existing model have in common: who may give them, on which generation, and that a repetition changes nothing."""

from collections.abc import Callable, Mapping
from typing import Any

from kit.caller import Caller, Command
from kit.clock import Clock
from kit.errors import Conflict, Contended
from kit.ids import Ids
from serving.domain.change import Cause, Change
from serving.domain.commands import Ask
from serving.domain.model import Model
from serving.domain.operation import Goal, Operation
from serving.ports import Remembered, Store
from serving.usecases.anew import decided_anew
from serving.usecases.asking import ask, cause_of, check_generation
from serving.usecases.views import accepted, visible_model


class Commanding:
    """Reads, lets `decide` say what the command changes, writes that together with the answer."""

    def __init__(self, store: Store, clock: Clock, ids: Ids) -> None:
        self._store, self._clock, self._ids = store, clock, ids

    @decided_anew
    def accept(
        self, caller: Caller, model_id: str, expected: int | None, command: Command, decide: Callable[[Model], tuple[Change, Ask]]
    ) -> Mapping[str, Any]:
        """The accepted operation; NotFound, StaleGeneration, and what `decide` refuses."""
        if answered := self._store.answer(command):
            return answered
        model = visible_model(self._store, caller, model_id)
        check_generation(model, expected)
        change, asked = decide(model)
        answer = accepted(change.operations[0][1], change.after.generation)
        self._store.commit(change, cause_of(asked), Remembered(command, answer))
        return answer

    @decided_anew
    def accept_own(self, model_id: str, causation_id: str | None, decide: Callable[[Model], tuple[Change, Ask] | None]) -> bool:
        """The same for a command that the platform gives itself; False where `decide` has nothing to do."""
        model = self._store.model(model_id)
        if model is None or model.deleted or (decided := decide(model)) is None:
            return False
        change, asked = decided
        self._store.commit(change, Cause(asked.actor, asked.operation_id, causation_id))
        return True

    def ask(self, actor: str, goal: Goal, model: Model) -> Ask:
        """The new operation."""
        return ask(actor, goal, model.spec, self._clock, self._ids)

    def running(self, model: Model) -> Operation | None:
        """The operation under way, if one is."""
        found = self._store.operation(model.operation) if model.operation else None
        if found and found.ended:  # since the model was read, which is therefore another by now
            raise Contended("operation-ended", f"operation {found.operation_id} has come to its end meanwhile")
        return found

    def refuse_while_running(self, model: Model) -> None:
        """Conflict that names the operation under way, if one is."""
        found = self.running(model)
        if found:
            raise Conflict(
                "operation-in-progress",
                f"the model is {model.status}: operation {found.operation_id} ({found.kind}) of {found.created_by} is under way",
                "Wait until it has ended, or cancel it.",
                {"operation": found.operation_id, "links": {"operation": f"/operations/{found.operation_id}"}},
            )


def deny(command: str, model: Model, why: str) -> Conflict:
    """The refusal of a command that the model's status does not admit."""
    return Conflict(f"{command}-not-possible", f"the model {model.model_id} is {model.status}: {why}")
