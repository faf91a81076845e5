"""Accept that a model leaves service and gives its copies back."""

from collections.abc import Mapping
from typing import Any, Literal

from kit.caller import Caller, Command
from serving.domain import commands
from serving.domain.change import Change
from serving.domain.commands import Ask
from serving.domain.model import Model, Status
from serving.domain.operation import Goal
from serving.usecases.commanding import Commanding, deny


class StopModel:
    """Supersedes what is under way to bring the model into service, or to change it: what is changed stays changed.

    A model that sleeps can be stopped, too: after that no request wakes it.
    """

    def __init__(self, commanding: Commanding) -> None:
        self._commanding = commanding

    def __call__(self, caller: Caller, model_id: str, expected: int | None, command: Command) -> Mapping[str, Any]:
        """The accepted operation; NotFound, StaleGeneration, Conflict where nothing of the model runs."""

        def decide(model: Model) -> tuple[Change, Ask]:
            if not (commands.allowed("stop", model) or _sleeps(model)):
                self._commanding.refuse_while_running(model)
                raise deny("stop", model, "nothing of it runs")
            asked = self._commanding.ask(caller.subject, Goal.HALT, model)
            return commands.stop("stop", model, self._commanding.running(model), asked), asked

        return self._commanding.accept(caller, model_id, expected, command, decide)

    def by_platform(self, model_id: str, kind: Literal["stop", "sleep"], actor: str, cause: str | None) -> bool:
        """The same where no person asks: only a model in service, with nothing under way, is stopped or put to sleep so.

        One that sleeps is stopped for good.
        """

        def decide(model: Model) -> tuple[Change, Ask] | None:
            if model.status is not Status.IN_SERVICE and not (kind == "stop" and _sleeps(model)):
                return None
            asked = self._commanding.ask(actor, Goal.HALT, model)
            return commands.stop(kind, model, None, asked), asked

        return self._commanding.accept_own(model_id, cause, decide)


def _sleeps(model: Model) -> bool:
    return model.status is Status.STOPPED and model.asleep
