"""Accept that a failed operation is tried again."""

from collections.abc import Mapping
from typing import Any

from kit.caller import Caller, Command
from serving.domain import commands
from serving.domain.change import Change
from serving.domain.commands import Ask
from serving.domain.model import Model
from serving.usecases.commanding import Commanding, deny


class RetryModel:
    """A failed deletion goes on; after any other failure the model is brought into service, under a new generation in both cases."""

    def __init__(self, commanding: Commanding) -> None:
        self._commanding = commanding

    def __call__(self, caller: Caller, model_id: str, expected: int | None, command: Command) -> Mapping[str, Any]:
        """The accepted operation; NotFound, StaleGeneration, Conflict where nothing has failed."""

        def decide(model: Model) -> tuple[Change, Ask]:
            if not commands.allowed("retry", model):
                raise deny("retry", model, "only a failed one can be retried")
            asked = self._commanding.ask(caller.subject, commands.goal_of_retry(model), model)
            return commands.retry(model, asked), asked

        return self._commanding.accept(caller, model_id, expected, command, decide)
