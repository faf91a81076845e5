"""Processes are killed in the middle of jobs, at moments that the ledger names; afterwards all is as it should be."""

import os
import random
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.hastened import ago, often_swept, rewritten
from tests.e2e.platform import Platform, Started, eventually
from tests.e2e.steady import SteadyClients
from tests.emulator.faults.injection import Injection
from tests.emulator.faults.patient import Patient
from tests.emulator.kills.victims import KINDS, kill, kill_one, processes
from tests.evidence import counted, scaled

MODEL = "served"
MOMENTS = 3
"""The job's ledger has at least so many entries before its end: the kill comes right after one of them."""
RESTARTED = {"container": {"shared_memory_mib": 128}}


@pytest.fixture(scope="module")
def served(started: Started) -> Iterator[Platform]:
    """A model in service, for clients that never pause."""
    platform = started.platform
    assert platform.settled(platform.call("POST", "/models", platform.parrot(MODEL, tokens_per_second=40)))["status"] == "Succeeded"
    platform.answers(MODEL)
    began = [row["event_id"]["S"] for row in platform.rows("ServingModelTable") if _in_service(row)]
    eventually(lambda: platform.is_on_disk(dynamodb=began[-1]), "the emulator has written down that it is in service")
    yield platform
    platform.settled(platform.call("DELETE", f"/models/{MODEL}"))


def _in_service(row: dict[str, Any]) -> bool:
    return bool(row["pk"]["S"] == f"MODEL#{MODEL}" and '"event_type":"ModelInService"' in row["document"]["S"])


def entries(platform: Platform, model_id: str) -> int:
    """How many entries the model's ledger has."""
    answer = platform.aws("dynamodb").query(
        TableName=platform.physical("ServingModelTable"), KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)",
        ExpressionAttributeValues={":pk": {"S": f"MODEL#{model_id}"}, ":sk": {"S": "LEDGER#"}}, Select="COUNT", ConsistentRead=True,
    )  # fmt: skip
    return int(answer["Count"])


def newest(platform: Platform, model_id: str) -> str:
    """The id of the last fact in the model's ledger."""
    answer = platform.aws("dynamodb").query(
        TableName=platform.physical("ServingModelTable"), KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)",
        ExpressionAttributeValues={":pk": {"S": f"MODEL#{model_id}"}, ":sk": {"S": "LEDGER#"}},
        ScanIndexForward=False, Limit=1, ConsistentRead=True,
    )  # fmt: skip
    return str(answer["Items"][0]["event_id"]["S"])


def strike(platform: Platform, victim: str, model_id: str, count: int) -> None:
    """Once the ledger has `count` entries, kill: a function's every environment, or the youngest engine or router."""
    eventually(lambda: entries(platform, model_id) >= count, f"{model_id} has {count} entries")
    if victim == "function":
        kill(processes(platform, victim))
    else:
        kill_one(platform, victim)
    counted("processes_killed", 1, victim=victim)


def consistent(platform: Platform, model_id: str) -> bool:
    """In service with one service, one task and a route to it; or failed, with nothing left."""
    model, route = platform.call("GET", f"/models/{model_id}").json, platform.route_of(model_id)
    services, tasks = platform.services_of(model_id), platform.tasks_of(model_id)
    ready = [target["target_id"] for target in route["targets"] if target["status"] == "ready"] if route else []
    if model["status"] == "InService":
        return len(services) == 1 and [arn.rsplit("/", 1)[-1] for arn in tasks] == ready and len(ready) == 1
    return model["status"] == "Failed" and not services and not tasks and not ready


@pytest.mark.parametrize("victim", KINDS)
@pytest.mark.parametrize("job", ["create", "update"])
def test_a_job_settles_though_something_was_killed(platform: Platform, victim: str, job: str) -> None:
    """Functions and routers are no reason to fail; an engine may be, and then its model is left as it was, or with a reason."""
    dice = random.Random(f"{victim} {job}")
    for number in range(scaled(1)):
        model_id, client = f"killed-{victim}-{job}-{number}", Patient(platform)
        wish = platform.parrot(model_id)
        operation = client.command("POST", "/models", wish)
        base = 0
        if job == "update":
            client.ended(operation, "Succeeded")
            base = entries(platform, model_id)
            operation = client.command("PATCH", f"/models/{model_id}", RESTARTED)
        count = base + dice.randint(1, MOMENTS if job == "create" else 1)
        strike(platform, victim, model_id, count)
        ends = ("Succeeded", "Failed") if victim == "engine" else ("Succeeded",)
        ended = client.ended(operation, *ends)
        assert ended["status"] == "Succeeded" or ended["reason"]["code"], ended
        eventually(partial(consistent, platform, model_id), f"{model_id} is what it is said to be", 240)
        client.done("DELETE", f"/models/{model_id}")
        platform.assert_nothing_left(model_id)


def test_streams_go_on_while_the_control_plane_is_dead(served: Platform) -> None:
    """From the kill to the return of the whole control plane: plain requests and streams, none lost."""
    with SteadyClients(served, MODEL, count=3) as clients:
        clients.wait_for(5)
        served.kill_emulator()
        clients.wait_for(scaled(40), seconds=120)
        assert [served.ask(MODEL).status for _ in range(5)] == [200] * 5
        answered = clients.answered
    assert clients.lost == []
    counted("answers_without_control_plane", answered)
    counted("answers_without_control_plane_lost", len(clients.lost))
    served.up()
    served.answers(MODEL)


@pytest.mark.parametrize("job", ["create", "update"])
def test_a_job_settles_though_the_control_plane_was_killed(served: Platform, job: str) -> None:
    """SIGKILL of everything that AWS is here, right after some fact was written down; after `make up` the job comes to its end."""
    dice, client = random.Random(f"control plane {job}"), Patient(served)
    model_id = f"killed-plane-{job}"
    operation = client.command("POST", "/models", served.parrot(model_id, load_seconds=5))
    base = 0
    if job == "update":
        client.ended(operation, "Succeeded")
        base = entries(served, model_id)
        operation = client.command("PATCH", f"/models/{model_id}", RESTARTED)
    count = base + dice.randint(1, MOMENTS if job == "create" else 1)
    eventually(lambda: entries(served, model_id) >= count, f"{model_id} has {count} entries")
    fact = newest(served, model_id)
    eventually(lambda: served.is_on_disk(dynamodb=fact), "the fact is on disk")
    served.kill_emulator()
    counted("processes_killed", 1, victim="control plane")
    served.up()
    # What was lost in flight is found by the sweep, which leaves alone for a minute whatever has just moved.
    rewritten(served, operation, updated_at=ago(minutes=3))
    with often_swept(served):
        ended = client.ended(operation, "Succeeded", "Failed")
        assert ended["status"] == "Succeeded" or ended["reason"]["code"], ended
        eventually(lambda: consistent(served, model_id), "the model is what it is said to be", 300)
        client.done("DELETE", f"/models/{model_id}")  # what was lost may be what it waits for: 245 s with sweeps once a minute
    served.assert_nothing_left(model_id)
    served.answers(MODEL)


def test_a_router_that_restarts_serves_from_its_last_good_table(served: Platform, tmp_path: Path) -> None:
    """With tables and bus out of reach from the first moment on; keys are never on disk, so Secrets Manager has to answer."""
    pid = processes(served, "router")[-1]
    before = _launched(pid)
    failing = {"caller": "*RouterTaskRole*", "code": "InternalServerError", "status": 500}
    dead = [{"action": action, **failing} for action in ("dynamodb:*", "events:*")]
    no_other = {"action": "ecs:placement", "caller": "service:router-*", "code": "RESOURCE:MEMORY"}
    with Injection(served, [*dead, no_other], "router"), (tmp_path / "router.log").open("wb") as log:
        kill([pid])
        eventually(lambda: pid not in processes(served, "router"), "the router is gone")
        again = subprocess.Popen(before["command"], cwd=before["folder"], env=before["environment"], stdout=log, stderr=log)
        try:
            eventually(lambda: _asks(served) == 200, "the restarted router answers", 60)
            assert [_asks(served) for _ in range(5)] == [200] * 5
        finally:
            again.terminate()
            again.wait(60)
    counted("routers_restarted_without_control_plane", 1)
    eventually(lambda: processes(served, "router"), "ECS starts a router")
    eventually(lambda: _asks(served) == 200, "and it answers")


def _launched(pid: int) -> dict[str, Any]:
    """How a process was started."""
    read = {name: Path(f"/proc/{pid}/{name}").read_bytes().rstrip(b"\0").split(b"\0") for name in ("cmdline", "environ")}
    pairs = (pair.partition(b"=") for pair in read["environ"])
    environment = {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}
    return {
        "command": [os.fsdecode(part) for part in read["cmdline"]],
        "environment": environment,
        "folder": Path(f"/proc/{pid}/cwd").readlink(),
    }


def _asks(platform: Platform) -> int:
    try:
        return platform.ask(MODEL).status
    except OSError:
        return 0


def test_a_router_that_is_killed_is_replaced(served: Platform) -> None:
    """Its clients lose what was on its way, and nothing else: they are answered again without anybody's doing."""
    killed = kill_one(served, "router")
    counted("processes_killed", 1, victim="router")
    eventually(lambda: _asks(served) == 200, "the next router answers")
    assert killed not in processes(served, "router")
