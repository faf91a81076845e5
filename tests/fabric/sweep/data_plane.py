"""Stories of what routers are told and what they tell: shares of traffic, limits and budgets, usage."""

import json

from kit.ids import floor_of
from tests.fabric.platform import ADMIN
from tests.fabric.sweep.lives import created
from tests.fabric.sweep.spending import spend
from tests.fabric.sweep.stage import Stage
from tests.fabric.sweep.telling import after, scenario


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
def limits(stage: Stage) -> None:
    """A group is limited; a router writes down that half of its budget is spent; the limits are read, listed and removed."""
    path = "/limits/group/research"
    stage.wanted("set_limits", "PUT", path, caller=ADMIN, body={"budgets": [{"period": "day", "tokens": 1000}]})
    spend(stage.tables, stage.clock.now().timestamp(), group="research", tokens=500, budget=1000)
    stage.run()
    assert stage.wanted("read_limits", "GET", path, caller=ADMIN)["periods"][0]["spent"] == 500
    stage.wanted("list_limits", "GET", "/limits", caller=ADMIN)
    stage.wanted("remove_limits", "DELETE", path, caller=ADMIN)


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
