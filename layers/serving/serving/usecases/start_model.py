"""Accept that a stopped model is in service again."""

from collections.abc import Mapping
from typing import Any, Literal

from kit.caller import Caller, Command
from serving.domain import commands
from serving.domain.change import Change
from serving.domain.commands import Ask
from serving.domain.model import Model
from serving.domain.operation import Goal
from serving.usecases.commanding import Commanding, deny


class StartModel:
    """Starts what the wish says now, whatever was changed while the model was stopped."""

    def __init__(self, commanding: Commanding) -> None:
        self._commanding = commanding

    def __call__(self, caller: Caller, model_id: str, expected: int | None, command: Command) -> Mapping[str, Any]:
        """The accepted operation; NotFound, StaleGeneration, Conflict where the model is not stopped."""

        def decide(model: Model) -> tuple[Change, Ask]:
            self._commanding.refuse_while_running(model)
            if not commands.allowed("start", model):
                raise deny("start", model, "only a stopped model can be started; a failed one is retried")
            asked = self._commanding.ask(caller.subject, Goal.SERVE, model)
            return commands.start("start", model, asked), asked

        return self._commanding.accept(caller, model_id, expected, command, decide)

    def by_platform(self, model_id: str, kind: Literal["start", "wake"], actor: str, cause: str | None) -> bool:
        """The same where no person asks; False where there is nothing to start. A wake-up is for a model that sleeps, and for no other."""

        def decide(model: Model) -> tuple[Change, Ask] | None:
            if not commands.allowed("start", model) or (kind == "wake" and not model.asleep):
                return None
            asked = self._commanding.ask(actor, Goal.SERVE, model)
            return commands.start(kind, model, asked), asked

        return self._commanding.accept_own(model_id, cause, decide)
