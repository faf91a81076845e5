"""Stories in which something goes wrong outside of the platform: artefacts, engines, places, ECS, and what is lost on the way."""

from tests.fabric.platform import PROVIDER
from tests.fabric.sweep.lives import created, daily
from tests.fabric.sweep.stage import Stage
from tests.fabric.sweep.telling import after, scenario


@scenario
def provider_refuses(stage: Stage) -> None:
    """A third party does not let us in; later it does."""
    stage.router.provider_failure = "provider-authentication-failed"
    stage.wanted("create_model", "POST", "/models", body=PROVIDER)
    stage.run()
    stage.stands("claude", "Failed")
    stage.router.provider_failure = ""
    stage.command("retry", "claude")


@scenario
def rejected(stage: Stage) -> None:
    """The artefact is not what it claims to be; the model is deleted from Failed."""
    stage.create(artifact=stage.artefact("m1", "1.0.0") | {"manifest_sha256": "0" * 64})
    stage.run()
    stage.stands("m1", "Failed")
    stage.command("delete")


@scenario
def never_starts(stage: Stage) -> None:
    """No image: ECS gives up, the model fails, and a retry brings it into service."""
    stage.ecs.doom("m1", "image-pull-failed", 12)
    stage.create()
    stage.run()
    stage.stands("m1", "Failed")
    stage.ecs.heal()
    stage.command("retry")
    stage.run()
    stage.stands("m1", "InService")


@scenario
def engine_fails(stage: Stage) -> None:
    """The engine ends itself over corrupt weights; the model is deleted from Failed."""
    stage.ecs.doom("m1", "weights-corrupt", 6)
    stage.create()
    stage.run()
    stage.stands("m1", "Failed")
    stage.command("delete")


def _lost_on_the_way(stage: Stage, kind: str, name: str, seconds: float) -> None:
    """Something that a creation sends is lost; so much later the model is in service."""
    stage.create()
    stage.lose(kind, name)
    stage.live(seconds)
    stage.run()
    stage.stands("m1", "InService")


@scenario
def nobody_was_told(stage: Stage) -> None:
    """A table's stream loses a record: the sweep announces what was recorded."""
    _lost_on_the_way(stage, "stream", "Serving", 900)


@scenario
def order_lost(stage: Stage) -> None:
    """The request never reaches its function: the sweep begins what was asked for."""
    _lost_on_the_way(stage, "queue", "OnModelRequested", 200)


@scenario
def no_place(stage: Stage) -> None:
    """No capacity for a while."""
    stage.ecs.no_capacity()
    stage.create()
    stage.run()
    stage.live(200)
    stage.ecs.capacity_back()
    stage.run()
    stage.stands("m1", "InService")


@scenario
def spot(stage: Stage) -> None:
    """AWS takes a host back, with a warning."""
    stage.serve(accelerator={"gpus": 1})
    (task,) = stage.ecs.alive()
    stage.ecs.spot(task)
    stage.run()
    stage.stands("m1", "InService")


@after(created)
def dies_in_service(stage: Stage) -> None:
    """Copies end one after the other: memory, health, somebody's hand."""
    for befalls in (stage.ecs.oom, stage.ecs.flap, stage.ecs.stop_task):
        (task,) = stage.ecs.alive()
        befalls(task)
        stage.run()
        stage.stands("m1", "InService")


@scenario
def never_comes(stage: Stage) -> None:
    """No capacity until the deadline is over."""
    stage.ecs.no_capacity()
    stage.create()
    stage.wait(lambda: stage.model("m1")["status"] == "Failed", 600)


@after(created)
def not_erased(stage: Stage) -> None:
    """ECS does not let a service go for a while; the sweep takes the deletion up again."""
    stage.fault("ecs", "DeleteService", "ClientException", 1000)
    stage.command("delete")
    stage.run()
    stage.mend()
    stage.wait(lambda: stage.model("m1")["deleted"], 60)


@after(created)
def not_stopped(stage: Stage) -> None:
    """ECS does not scale a service down; the stop fails, and is asked for again."""
    stage.fault("ecs", "UpdateService", "ClientException", 1000)
    stage.command("stop")
    stage.run()
    stage.mend()
    stage.wait(lambda: stage.model("m1")["status"] != "Stopping", 60)
    stage.ask("stop_model", "POST", "/models/m1/stop")


@after(created)
def broken(stage: Stage) -> None:
    """An engine that runs and says that it has failed is replaced."""
    (task,) = stage.ecs.alive()
    stage.ecs.report_broken(task)
    stage.doubt("m1")
    stage.run()


@after(created)
def broken_and_kept(stage: Stage) -> None:
    """ECS does not take it away at first: the sweep asks again."""
    (task,) = stage.ecs.alive()
    stage.ecs.report_broken(task)
    stage.fault("ecs", "StopTask", "ServerException", 1000)
    stage.doubt("m1")
    stage.live(30)
    stage.mend()
    stage.live(200)
    stage.run()


@scenario
def execution_lost(stage: Stage) -> None:
    """Somebody stops every execution: the sweep begins anew, and gives up at last."""
    stage.ecs.no_capacity()
    stage.create()
    stage.until(lambda: stage.ecs.services)
    for _ in range(3):
        stage.wait(stage.executions.things, 30)
        stage.lose("machine", "provision_model")
        stage.live(200)
    stage.wait(lambda: stage.model("m1")["status"] == "Failed", 60)


@after(created)
def alarm_lost(stage: Stage) -> None:
    """An alarm that somebody removed is set again by the sweep."""
    stage.wanted("set_schedule", "PUT", "/models/m1/schedule", body=daily("00:00", "22:00"))
    stage.run()
    stage.live(300)
    stage.lose("schedule", "alarm")
    stage.live(300)
