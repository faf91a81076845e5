"""What happens seldom is made to happen: facts that nobody heard, commands that overtake others, alarms that were lost, hosts that go.

Each function does it as its own role. What no test of the suite needs is not granted, or `unused.yaml` says why.
"""

import json
import zlib
from functools import partial
from hashlib import sha256

import pytest

from tests.e2e.hastened import due_now, invoke
from tests.e2e.platform import Platform, eventually
from tests.emulator.faults.injection import Injection
from tests.emulator.faults.scenarios import age, sleeping
from tests.emulator.privilege.conftest import Bring
from tests.emulator.privilege.grants import Grant, Role, deployed, used
from tests.emulator.privilege.rare import document, held, running

SWEEPS = {
    "ServingModelTable": "ServingSweepModelsFunction",
    "RoutingRouteTable": "RoutingSweepRoutesFunction",
    "AccessTokenTable": "AccessSweepTokensFunction",
    "RegistryVersionTable": "RegistrySweepVersionsFunction",
}
UNSURE = {"action": "states:StopExecution", "when": "after"}
"""An execution is stopped, and nobody hears that it is."""
ENDERS = {"StopWhatIsSuperseded", "EndStopsThatWereTakenBack"}
"""Statements of those who end executions."""
SUPERSEDED = ("Provision", "Provision", "Update", "Update", "Stop", "Stop")
"""Machines of what is superseded: by a deletion and by a stop each, and a stop by a deletion and by its taking back."""
LOADING = {"engine": {"arguments": {"load_seconds": 600}}}


@pytest.mark.parametrize("sweep", SWEEPS.values())
def test_each_sweep_is_called_by_its_schedule(platform: Platform, sweep: str) -> None:
    """The scheduler calls it as the sweeps' role, which may call it and nothing else; most are due every five minutes only."""
    roles = deployed(platform)
    called = [grant for role in roles for grant in role.grants() if grant.resource.endswith(platform.physical(sweep))]
    (own,) = [grant for grant in called if grant.action == "lambda:InvokeFunction" and grant.sid == "StartTheSweep"]
    due_now(platform, sweep)
    eventually(lambda: not unused(platform, roles, [own]), "it is called")


def test_what_is_under_way_gives_way_to_what_comes_after(platform: Platform, serving: Bring) -> None:
    """A deletion and a stop end what works on the model, a start ends the stop that it takes back; each looks whether it has ended."""
    client = serving("rare-c", "rare-d", "rare-e", "rare-f")
    roles = deployed(platform)
    wanted = [grant for role in roles for grant in role.grants() if grant.sid in ENDERS and grant.action == "states:DescribeExecution"]
    assert len(wanted) == len(SUPERSEDED)
    with Injection(platform, [UNSURE, *held("StopEngines", seconds=1)], "superseded"):
        begun = [client.command("POST", "/models", platform.parrot(name, load_seconds=600)) for name in ("rare-a", "rare-b")]
        begun += [client.command("PATCH", f"/models/{name}", LOADING) for name in ("rare-c", "rare-d")]
        begun += [client.command("POST", f"/models/{name}/stop") for name in ("rare-e", "rare-f")]
        for machine, operation in zip(SUPERSEDED, begun, strict=True):
            eventually(partial(running, platform, machine, operation), f"{machine} works on {operation}")
        ends = [client.command("DELETE", f"/models/{name}") for name in ("rare-a", "rare-c", "rare-e")]
        ends += [client.command("POST", f"/models/{name}/stop") for name in ("rare-b", "rare-d")]
        assert client.call("POST", f"/operations/{begun[-1]}/cancel").status == 202
        for operation in begun:
            client.ended(operation, "Superseded", "Cancelled")
        # The command settles what it supersedes; its execution is ended a moment later, and only that is what is to be seen here.
        eventually(lambda: not unused(platform, roles, wanted), "each has looked whether what it superseded has ended")
    for operation in ends:
        client.ended(operation, "Succeeded")
    eventually(lambda: client.call("GET", "/models/rare-f").json["status"] == "InService", "the stop is taken back")


def unused(platform: Platform, roles: list[Role], grants: list[Grant]) -> list[Grant]:
    """Those of the grants that nobody has used yet."""
    uses = used(platform.settings.role_use, roles)
    return [grant for grant in grants if not any(grant.covers(use) for use in uses)]


def test_who_asks_while_a_model_falls_asleep_is_answered(platform: Platform, serving: Bring) -> None:
    """The request is written down while the engines end, and wakes the model once they have."""
    client = serving("rare-sleepy")
    client.done("PATCH", "/models/rare-sleepy", {"capacity": {"min": 0, "idle_minutes": 1}})
    age(platform, "rare-sleepy")
    with Injection(platform, held("StopEngines", seconds=1), "asleep"):
        eventually(lambda: sleeping(platform, "rare-sleepy"), "its route sleeps")
        eventually(lambda: platform.ask("rare-sleepy").status == 503, "nobody is answered")
        eventually(lambda: _wanted(platform, "rare-sleepy"), "that somebody asked is written down")
    eventually(lambda: platform.ask("rare-sleepy").status == 200, "it is awake", 60)


def _wanted(platform: Platform, model_id: str) -> bool:
    platform.ask(model_id)
    return document(platform, f"MODEL#{model_id}", "LOAD").get("wake_wanted") is not None


def test_a_host_that_goes_is_looked_for(platform: Platform) -> None:
    """EC2 tells of every instance of the account; one that ECS does not know is nobody's business."""
    detail = {"instance-id": "i-0123456789abcdef0", "instance-action": "terminate"}
    event = {"id": "e" * 8, "source": "aws.ec2", "detail-type": "EC2 Spot Instance Interruption Warning", "detail": detail}
    invoke(platform, "ServingOnEngineHostInterruptedFunction", event, "Event")
    assert json.loads(invoke(platform, "ServingOnEngineHostInterruptedFunction", event)) in (None, {}, 0)


def test_another_version_is_looked_at_before_it_is_served(platform: Platform, serving: Bring) -> None:
    """An update that brings another version waits for the registry, which reads its manifest and looks for its files."""
    client = serving("rare-version")
    client.done("PATCH", "/models/rare-version", {"version": "1.1.0", "artifact": _next_version(platform, "rare-version")})
    assert {item["version"] for item in client.call("GET", "/models/rare-version/versions").json["items"]} == {"1.0.0", "1.1.0"}


def _next_version(platform: Platform, model_id: str) -> dict[str, str]:
    """The same files as version 1.1.0."""
    s3, bucket = platform.aws("s3"), platform.values["ARTIFACT_BUCKET"]
    before, after = f"{model_id}/1.0.0/", f"{model_id}/1.1.0/"
    manifest = json.loads(s3.get_object(Bucket=bucket, Key=f"{before}manifest.json")["Body"].read()) | {"version": "1.1.0"}
    body = json.dumps(manifest).encode()
    for file in manifest["files"]:
        s3.copy_object(Bucket=bucket, Key=after + file["path"], CopySource={"Bucket": bucket, "Key": before + file["path"]})
    s3.put_object(Bucket=bucket, Key=f"{after}manifest.json", Body=body)
    return {"uri": f"s3://{bucket}/{after}", "manifest_sha256": sha256(body).hexdigest()}


def test_lists_are_read_by_those_who_may(platform: Platform, serving: Bring) -> None:
    """Tokens, versions, a timeline, a schedule and the audit, whole and of one model; who is no administrator lists the own tokens."""
    client = serving("rare-listed")
    days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    window = {"days": days, "opens": "00:00", "closes": "23:00"}
    client.done("PUT", "/models/rare-listed/schedule", {"time_zone": "UTC", "windows": [window]})
    assert client.call("GET", "/models/rare-listed/schedule").status == 200
    paths = ["/tokens", "/models/rare-listed/versions", "/models/rare-listed/events", "/audit", "/audit?model_id=rare-listed"]
    assert [(path, reply.status) for path in paths if (reply := client.call("GET", path)).status != 200] == []
    token, version = client.call("GET", "/tokens").json["items"][0], client.call("GET", paths[1]).json["items"][0]
    assert client.call("GET", f"/tokens/{token['token_id']}").status == 200
    assert client.call("GET", f"{paths[1]}/{version['version']}").status == 200
    issuer = client.call("POST", "/tokens", {"name": "rare", "groups": ["research"], "scopes": ["tokens:write"]}).json["token"]
    assert platform.call("GET", "/tokens", token=issuer).json["items"] == []


@pytest.mark.parametrize("table", SWEEPS)
def test_a_fact_that_nobody_heard_is_told_by_the_sweep(platform: Platform, table: str) -> None:
    """The marker of a fact that the stream has lost is there again; the sweep tells the fact and takes the marker away.

    Last in this file: a sweep leaves a fact alone that is younger than a minute.
    """
    rows, name = platform.aws("dynamodb"), platform.physical(table)
    facts = {
        json.loads(row["document"]["S"])["metadata"]["id"]: row for row in platform.rows(table) if row["sk"]["S"].startswith("LEDGER#")
    }
    oldest = min(facts)
    pk, sk = facts[oldest]["pk"]["S"], facts[oldest]["sk"]["S"]
    marker = {"pk": {"S": f"OUTBOX#{zlib.crc32(pk.encode()) % 4}"}, "sk": {"S": oldest}}
    rows.put_item(TableName=name, Item=marker | {"document": {"S": json.dumps({"pk": pk, "sk": sk})}})

    def told() -> bool:
        invoke(platform, SWEEPS[table])
        return "Item" not in rows.get_item(TableName=name, Key=marker, ConsistentRead=True)

    eventually(told, "the sweep tells it")
