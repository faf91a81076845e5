"""What happens to platforms before functions of theirs die: each scenario is a story that runs through some of them.

A story may go on where another has ended: then it is played on a copy of that platform, and only what itself tells is swept.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from kit.ids import floor_of
from tests.fabric.platform import ADMIN
from tests.fabric.sweep.spending import spend
from tests.fabric.sweep.stage import Stage
from tests.fakes.region import GPUS, described

Scenario = Callable[[Stage], None]
SCENARIOS: dict[str, Scenario] = {}
AFTER: dict[str, str] = {}
"""Scenarios that go on where another has ended, and which."""
ARGUMENTS: dict[str, Any] = {"kind": "llama.cpp", "arguments": {"context_length": 4096}}
PROVIDER: dict[str, Any] = {
    "model_id": "claude",
    "hosting": "provider",
    "allowed_groups": ["research"],
    "provider": {"name": "bedrock", "model": "anthropic.claude-sonnet-4-5", "region": "eu-west-1"},
}


def scenario(story: Scenario) -> Scenario:
    """One of them."""
    SCENARIOS[story.__name__] = story
    return story


def after(earlier: Scenario) -> Callable[[Scenario], Scenario]:
    """One that goes on where this one has ended: as soon as it was quiet, before anything was swept."""

    def follow(story: Scenario) -> Scenario:
        AFTER[story.__name__] = earlier.__name__
        return scenario(story)

    return follow


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


@scenario
def provider_refuses(stage: Stage) -> None:
    """A third party does not let us in; later it does."""
    stage.router.provider_failure = "provider-authentication-failed"
    stage.wanted("create_model", "POST", "/models", body=PROVIDER)
    stage.run()
    stage.stands("claude", "Failed")
    stage.router.provider_failure = ""
    stage.command("retry", "claude")


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
    stage.ecs.doom("g2", "weights-corrupt", 6)
    stage.update(engine=ARGUMENTS)
    stage.run()
    stage.stands("m1", "InService")


@after(created)
def surge_undone(stage: Stage) -> None:
    """New copies beside the old ones fail, and go."""
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


@scenario
def rejected(stage: Stage) -> None:
    """The artefact is not what it claims to be: failed, published again, retried."""
    body = stage.wish("m1")
    digest = body["artifact"]["manifest_sha256"]
    stage.wanted("create_model", "POST", "/models", body=body | {"artifact": body["artifact"] | {"manifest_sha256": "0" * 64}})
    stage.run()
    stage.stands("m1", "Failed")
    assert digest
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


def _daily(opens: str, closes: str) -> dict[str, Any]:
    days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    return {"time_zone": "UTC", "windows": [{"days": days, "opens": opens, "closes": closes}]}


@after(created)
def windows(stage: Stage) -> None:
    """A schedule closes, opens, is read and removed; the virtual clock begins at midnight."""
    stage.wanted("set_schedule", "PUT", "/models/m1/schedule", body=_daily("02:00", "01:00"))
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
        stage.wanted("set_schedule", "PUT", "/models/m1/schedule", body=_daily("00:00", closes))
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
def traffic(stage: Stage) -> None:
    """Shared by people, read, and left to the targets again."""
    stage.serve()
    path = "/models/m1/traffic"
    stage.wanted("set_traffic", "PUT", path, body={"versions": [{"version": "1.0.0", "weight": 10_000}, {"version": "2.0.0", "weight": 0}]})
    stage.wanted("read_traffic", "GET", path)
    stage.run()
    stage.wanted("set_traffic", "PUT", path, body={"versions": []})
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
def limits(stage: Stage) -> None:
    """A group is limited; a router writes down that half of its budget is spent; the limits are read, listed and removed."""
    path = "/limits/group/research"
    stage.wanted("set_limits", "PUT", path, caller=ADMIN, body={"budgets": [{"period": "day", "tokens": 1000}]})
    spend(stage.tables, stage.clock.now().timestamp(), group="research", tokens=500, budget=1000)
    stage.run()
    assert stage.wanted("read_limits", "GET", path, caller=ADMIN)["periods"][0]["spent"] == 500
    stage.wanted("list_limits", "GET", "/limits", caller=ADMIN)
    stage.wanted("remove_limits", "DELETE", path, caller=ADMIN)


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


@scenario
def nobody_was_told(stage: Stage) -> None:
    """Every table's stream loses a record: the sweeps announce what was recorded."""
    stage.create()
    stage.lose("stream", "Serving")
    stage.live(200)
    stage.live(700)
    stage.run()
    stage.stands("m1", "InService")


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
    """Copies end one after the other: memory, health, somebody's hand, and an engine that says that it is broken."""
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
def order_lost(stage: Stage) -> None:
    """The request never reaches its function: the sweep begins what was asked for."""
    stage.create()
    stage.lose("queue", "OnModelRequested")
    stage.live(200)
    stage.run()
    stage.stands("m1", "InService")


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
    stage.wanted("set_schedule", "PUT", "/models/m1/schedule", body=_daily("00:00", "22:00"))
    stage.run()
    stage.live(300)
    stage.lose("schedule", "alarm")
    stage.live(300)


@scenario
def hosted_life(stage: Stage) -> None:
    """All of a life in one go: what has died early meets what is asked for later, before any sweep has come."""
    for part in (created, replaced, stopped, started, deleted):
        part(stage)


@after(created)
def metered(stage: Stage) -> None:
    """Two routers send what was used of the same version, one of them twice; an administrator asks what it cost."""
    day = stage.clock.now().date().isoformat()
    used = {
        "day": day,
        "subject": "token:a",
        "token_id": "a",
        "group": "research",
        "model_id": "m1",
        "version": "1.0.0",
        "hosting": "hosted",
    }
    for router, number in (("router-0", 0), ("router-1", 1), ("router-0", 0)):
        batch = {"id": f"{floor_of(stage.clock.now())}-{number:03d}", "router_id": router}
        stage.queues.send("UsageOnUsageReportedQueue", json.dumps(batch | {"rows": [used | {"requests": 3, "output_tokens": 5}]}), router)
    stage.run()
    totals = stage.wanted("read_usage", "GET", "/usage", caller=ADMIN, query={"from": day, "to": day})["totals"]
    assert (totals["requests"], totals["output_tokens"]) == (6, 10)
