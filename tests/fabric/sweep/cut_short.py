"""Stories of what is ended before it has come to its end."""

from tests.fabric.sweep.lives import created
from tests.fabric.sweep.stage import Stage
from tests.fabric.sweep.telling import ARGUMENTS, after, scenario


@scenario
def cancelled(stage: Stage) -> None:
    """A creation that finds no place is given up. With a copy, whether routing was told of it before would decide whether a closed route is
    left or none; either is right (`model.test_regressions`), but two runs could not be compared."""
    stage.ecs.no_capacity()
    accepted = stage.create()
    stage.until(lambda: stage.ecs.services)
    stage.cancel(accepted)
    stage.run()
    stage.stands("m1", "Failed", "Stopped")


@after(created)
def cancelled_changes(stage: Stage) -> None:
    """An update that waits for its copies is given up, then a stop."""
    accepted = stage.update(engine=ARGUMENTS)
    stage.until(lambda: len(stage.ecs.tasks) == 2)
    stage.cancel(accepted)
    stage.run()
    stage.stands("m1", "InService")
    stage.cancel(stage.command("stop"))
    stage.run()


@scenario
def deleted_at_once(stage: Stage) -> None:
    """Deleted while its creation waits for the engine."""
    stage.create()
    stage.until(lambda: stage.ecs.tasks)
    stage.command("delete")


@after(created)
def deleted_in_change(stage: Stage) -> None:
    """Deleted while an update is under way."""
    stage.update(engine=ARGUMENTS)
    stage.until(lambda: len(stage.ecs.tasks) == 2)
    stage.command("delete")


@after(created)
def deleted_when_stopped(stage: Stage) -> None:
    """Stopped, then deleted; asked for once more under the same name."""
    stage.command("stop")
    stage.run()
    stage.update(description="another")
    stage.run()
    stage.command("delete")
    stage.settle()
    stage.create()


@scenario
def stopped_on_the_way(stage: Stage) -> None:
    """Stopped while it comes; started again."""
    stage.create()
    stage.until(lambda: stage.ecs.tasks)
    stage.command("stop")
    stage.run()
    stage.stands("m1", "Stopped")
    stage.command("start")
