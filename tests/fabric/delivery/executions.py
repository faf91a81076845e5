"""Step Functions on the agenda: each execution is one thing, due when it goes on, or when its silence or its deadline ends."""

from dataclasses import dataclass

from tests.fabric.asl import Execution, StateMachines
from tests.fabric.delivery.agenda import Thing


@dataclass(eq=False)
class Due(Thing):
    """An execution that goes on. Only one that waits for an answer is at rest."""

    execution: Execution | None = None


class Executions:
    """Every execution of every machine."""

    def __init__(self, machines: StateMachines) -> None:
        self.machines = machines

    def things(self) -> list[Thing]:
        """Executions under way."""
        found: list[Thing] = []
        for execution, at, goes_on in self.machines.due():
            verb = f"enters {execution.state}" if goes_on else f"waits in {execution.state}"
            what = f"{execution.machine} {execution.name[-4:]} {verb}"
            found.append(Due("machine", what, at, self, background=not goes_on, execution=execution))
        return found

    def deliver(self, thing: Thing) -> str:
        """Go on to the next task."""
        execution = _known(thing)
        self.machines.proceed(execution)
        return f"{execution.state}" if execution.status == "RUNNING" else execution.status

    def duplicate(self, thing: Thing) -> None:
        """Standard executions run once: there is nothing to double but the functions they call, which their retries do."""

    def drop(self, thing: Thing) -> None:
        """Somebody stops it."""
        execution = _known(thing)
        self.machines.stop(execution.machine, execution.name)


def _known(thing: Thing) -> Execution:
    assert isinstance(thing, Due)
    assert thing.execution is not None
    return thing.execution
