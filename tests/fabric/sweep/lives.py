"""Stories in which nothing goes wrong: models that come, sleep, follow clock and load, and go; tokens; everything that can be read."""

from collections.abc import Mapping
from typing import Any

from tests.fabric.platform import ADMIN, PROVIDER
from tests.fabric.sweep.stage import Stage
from tests.fabric.sweep.telling import ARGUMENTS, after, scenario
from tests.fakes.region import GPUS, described


@scenario
def created(stage: Stage) -> None:
    """A hosted model comes."""
    stage.serve()


@after(created)
def replaced(stage: Stage) -> None:
    """It is replaced by another."""
    stage.update(engine=ARGUMENTS)
    stage.run()
    stage.stands("m1", "InService")


@after(replaced)
def stopped(stage: Stage) -> None:
    """It stops."""
    stage.command("stop")
    stage.run()
    stage.stands("m1", "Stopped")


@after(stopped)
def started(stage: Stage) -> None:
    """It starts again."""
    stage.command("start")
    stage.run()
    stage.stands("m1", "InService")


@after(started)
def deleted(stage: Stage) -> None:
    """It goes."""
    stage.command("delete")


@scenario
def provider_life(stage: Stage) -> None:
    """A third party's model comes, changes, stops and goes."""
    stage.wanted("create_model", "POST", "/models", body=PROVIDER)
    stage.run()
    stage.stands("claude", "InService")
    stage.update("claude", description="another")
    stage.run()
    stage.command("stop", "claude")
    stage.run()
    stage.command("start", "claude")
    stage.run()
    stage.command("delete", "claude")


def daily(opens: str, closes: str) -> dict[str, Any]:
    """A schedule of one window, the same every day."""
    days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    return {"time_zone": "UTC", "windows": [{"days": days, "opens": opens, "closes": closes}]}


@after(created)
def windows(stage: Stage) -> None:
    """A schedule closes, opens, is read and removed; the virtual clock begins at midnight."""
    stage.wanted("set_schedule", "PUT", "/models/m1/schedule", body=daily("02:00", "01:00"))
    stage.run()
    stage.live(3600)
    stage.run()
    stage.stands("m1", "Stopped")
    stage.live(3600)
    stage.run()
    stage.stands("m1", "InService")
    stage.wanted("read_schedule", "GET", "/models/m1/schedule")
    stage.wanted("remove_schedule", "DELETE", "/models/m1/schedule")
    stage.run()


@after(created)
def windows_and_deletion(stage: Stage) -> None:
    """A model goes with its schedule."""
    for closes in ("22:00", "21:00"):
        stage.wanted("set_schedule", "PUT", "/models/m1/schedule", body=daily("00:00", closes))
        stage.run()
    stage.command("delete")


@scenario
def sleep_and_wake(stage: Stage) -> None:
    """Nobody uses it: it sleeps, and wakes when it is asked."""
    stage.serve(capacity={"min": 0, "max": 1, "desired": 1, "idle_minutes": 5})
    stage.live(900)
    stage.run()
    stage.stands("m1", "Stopped")
    stage.router.request("m1")
    stage.run()
    stage.stands("m1", "InService")


@scenario
def woken_too_early(stage: Stage) -> None:
    """Asked for while it falls asleep."""
    stage.serve(capacity={"min": 0, "max": 1, "desired": 1, "idle_minutes": 5})
    stage.wait(lambda: stage.model("m1")["status"] == "Stopping" or stage.router.table["m1"]["state"] == "asleep", 30)
    stage.router.request("m1")
    stage.run()


@scenario
def load(stage: Stage) -> None:
    """Routers tell of much traffic, then of little."""
    stage.serve(capacity={"min": 1, "max": 3, "desired": 1, "cooldown_seconds": 60, "instance_warmup_seconds": 0})
    for in_flight in (40, 40, 40, 1, 1, 1, 1, 1):
        stage.router.load("m1", in_flight)
        stage.run()
        stage.live(60)
    stage.run()


@scenario
def tokens(stage: Stage) -> None:
    """Issued, shown to the authorizer, read, listed, revoked."""
    wanted = {"name": "mine", "groups": ["research"], "scopes": ["models:read"]}
    token = stage.wanted("issue_token", "POST", "/tokens", caller=ADMIN, body=wanted)
    stage.wanted("list_models", "GET", "/models", token=token["token"])
    stage.wanted("list_tokens", "GET", "/tokens", caller=ADMIN)
    stage.wanted("read_token", "GET", f"/tokens/{token['token_id']}", caller=ADMIN)
    stage.wanted("revoke_token", "DELETE", f"/tokens/{token['token_id']}", caller=ADMIN)
    assert stage.ask("list_models", "GET", "/models", token=token["token"])[0] == 403


@scenario
def reading(stage: Stage) -> None:
    """Everything that can be asked."""
    stage.quotas.value = stage.quotas.used = 8.0
    accepted = stage.create()
    stage.run()
    user = "/models/m1/users/repository/handbook"
    stage.wanted("add_model_user", "PUT", user, body={"name": "Handbook"})
    stage.wanted("list_model_users", "GET", "/models/m1/users")
    stage.wanted("remove_model_user", "DELETE", user)
    stage.wanted("list_models", "GET", "/models")
    stage.wanted("list_instances", "GET", "/instances", query={"fits_model": "m1"})
    stage.wanted("plan_model", "POST", "/models/plan", body={"model": stage.wish("m2", accelerator={"gpus": 1})})
    stage.wanted("read_model", "GET", "/models/m1")
    stage.wanted("list_model_events", "GET", "/models/m1/events")
    stage.wanted("read_operation", "GET", f"/operations/{accepted['operation_id']}")
    stage.wanted("list_versions", "GET", "/models/m1/versions")
    stage.wanted("read_version", "GET", "/models/m1/versions/1.0.0")
    stage.wanted("read_audit", "GET", "/audit", caller=ADMIN)
    stage.wanted("read_api_document", "GET", "/openapi.json")


class _Region:
    """EC2's and the price list's words, from recorded answers."""

    def call(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """What a region offers, and one type that our snapshot does not know."""
        if operation == "DescribeInstanceTypes":
            return {"InstanceTypes": [described(name) for name in given["InstanceTypes"]]}
        if operation == "DescribeInstanceTypeOfferings":
            names = [*GPUS, *(f"m{number}.large" for number in range(300))]
            return {"InstanceTypeOfferings": [{"InstanceType": name} for name in names]}
        return {"PriceList": []}


@scenario
def region_asked(stage: Stage) -> None:
    """The account may ask what its region offers."""
    stage.boundary._services = {**stage.boundary._services, "ec2": _Region(), "pricing": _Region()}
    stage.quotas.value, stage.quotas.used = 64.0, 0.0
    stage.wanted("list_instances", "GET", "/instances")
