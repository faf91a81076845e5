"""Stories of models that are changed while they serve, and of changes that are taken back."""

from tests.fabric.sweep.lives import created
from tests.fabric.sweep.stage import Stage
from tests.fabric.sweep.telling import ARGUMENTS, after, scenario


@after(created)
def hot_and_scale(stage: Stage) -> None:
    """Changes that restart nothing: words, groups, copies up and down."""
    stage.update(description="another", tags={"team": "ml"})
    stage.run()
    stage.update(capacity={"min": 1, "max": 2, "desired": 2})
    stage.run()
    stage.update(capacity={"min": 1, "max": 2, "desired": 1})


def _last_gpu(stage: Stage) -> None:
    """A model in service on the last GPU that the quota has room for."""
    stage.quotas.value, stage.quotas.used = 8.0, 4.0
    stage.serve(accelerator={"gpus": 1})
    stage.quotas.used = 8.0
    stage.live(120)  # what was learned of quotas is kept for a minute


@scenario
def in_place(stage: Stage) -> None:
    """There is no room for two: the copies go before the new ones come."""
    _last_gpu(stage)
    stage.update(engine=ARGUMENTS)
    stage.run()
    stage.stands("m1", "InService")


@scenario
def in_place_undone(stage: Stage) -> None:
    """The new copies fail, and the old ones come back."""
    _last_gpu(stage)
    _undone(stage)


@after(created)
def surge_undone(stage: Stage) -> None:
    """New copies beside the old ones fail, and go."""
    _undone(stage)


def _undone(stage: Stage) -> None:
    """Weights of the new copies are corrupt; the model serves as before."""
    stage.ecs.doom("g2", "weights-corrupt", 6)
    stage.update(engine=ARGUMENTS)
    stage.run()
    stage.stands("m1", "InService")


@after(created)
def copies_undone(stage: Stage) -> None:
    """A second copy fails as often as it is tried."""
    stage.ecs.doom("m1", "image-pull-failed", 12)
    stage.update(capacity={"min": 1, "max": 2, "desired": 2})
    stage.run()


@after(created)
def another_artefact(stage: Stage) -> None:
    """An update to another version, which is judged first; and to one that is not there."""
    stage.update(version="1.1.0", artifact=stage.artefact("m1", "1.1.0"))
    stage.run()
    stage.stands("m1", "InService")
    missing = {"uri": stage.artefact("m1", "1.1.0")["uri"].replace("1.1.0", "1.2.0"), "manifest_sha256": "0" * 64}
    stage.update(version="1.2.0", artifact=missing)
