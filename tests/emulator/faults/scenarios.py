"""What people and applications do with models and tokens, each with a model of its own, told to a patient client."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.e2e.hastened import changed
from tests.e2e.platform import Platform, eventually, send
from tests.emulator.faults.patient import Patient

DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
UNAUTHORIZED = 401


@dataclass(frozen=True)
class World:
    """The platform, the client, and what names in this run begin with."""

    platform: Platform
    client: Patient
    prefix: str

    def wish(self, name: str, **arguments: Any) -> dict[str, Any]:
        """A model of the mock engine."""
        return self.platform.parrot(f"{self.prefix}-{name}", **arguments)

    def path(self, name: str) -> str:
        """Where the API has the model."""
        return f"/models/{self.prefix}-{name}"

    def answers(self, name: str) -> None:
        """The router answers for it."""
        eventually(lambda: self.platform.ask(f"{self.prefix}-{name}").status == 200, f"{name} answers")

    def secret(self) -> str:
        """A provider's key; there may be one of an earlier run."""
        manager, name = self.platform.aws("secretsmanager"), f"slipway/local/providers/{self.prefix}"
        return str(manager.create_secret(Name=name, SecretString=json.dumps({"api_key": "sk-storm"}))["ARN"])


def create(world: World) -> None:
    """Into service, and it answers."""
    world.client.done("POST", "/models", world.wish("create"))
    world.answers("create")


def update_hot(world: World) -> None:
    """A description changes under a running engine."""
    world.client.done("POST", "/models", world.wish("hot"))
    world.client.done("PATCH", world.path("hot"), {"description": "hot"})
    assert world.client.call("GET", world.path("hot")).json["description"] == "hot"


def update_rolling(world: World) -> None:
    """One copy more, then one fewer."""
    world.client.done("POST", "/models", world.wish("rolling"))
    for desired in (2, 1):
        world.client.done("PATCH", world.path("rolling"), {"capacity": {"max": 2, "desired": desired}})
    world.answers("rolling")


def update_surge(world: World) -> None:
    """Other containers take the place of the old ones."""
    world.client.done("POST", "/models", world.wish("surge"))
    world.client.done("PATCH", world.path("surge"), {"container": {"shared_memory_mib": 128}})
    world.answers("surge")


def update_that_fails(world: World) -> None:
    """New containers that cannot start leave the old ones serving."""
    world.client.done("POST", "/models", world.wish("back"))
    operation = world.client.command("PATCH", world.path("back"), {"engine": {"arguments": {"fail_with": "out-of-memory-gpu"}}})
    world.client.ended(operation, "Failed")
    world.answers("back")


def stop_and_start(world: World) -> None:
    """Out of service and back."""
    world.client.done("POST", "/models", world.wish("stop"))
    world.client.done("POST", f"{world.path('stop')}/stop")
    world.client.done("POST", f"{world.path('stop')}/start")
    world.answers("stop")


def delete(world: World) -> None:
    """Gone, with all that belonged to it."""
    world.client.done("POST", "/models", world.wish("delete"))
    world.client.done("DELETE", world.path("delete"))
    assert world.client.call("GET", world.path("delete")).status == 404


def supersede(world: World) -> None:
    """A delete ends a creation that is still loading."""
    created = world.client.command("POST", "/models", world.wish("hasty", load_seconds=600))
    world.client.done("DELETE", world.path("hasty"))
    world.client.ended(created, "Superseded")


def retry(world: World) -> None:
    """A creation fails for want of a manifest; with it, the retry succeeds."""
    wish = world.wish("retry")
    s3, bucket, key = world.platform.aws("s3"), world.platform.values["ARTIFACT_BUCKET"], f"{world.prefix}-retry/1.0.0/manifest.json"
    manifest = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    s3.delete_object(Bucket=bucket, Key=key)
    world.client.ended(world.client.command("POST", "/models", wish), "Failed")
    s3.put_object(Bucket=bucket, Key=key, Body=manifest)
    world.client.done("POST", f"{world.path('retry')}/retry")
    world.answers("retry")


def cancel(world: World) -> None:
    """A creation that takes too long is given up, and leaves nothing."""
    created = world.client.command("POST", "/models", world.wish("cancel", load_seconds=600))
    assert world.client.call("POST", f"/operations/{created}/cancel").status == 202
    world.client.ended(created, "Cancelled")


def token(world: World) -> None:
    """One is issued, works at the router, is revoked, and works no longer."""
    body = {"name": world.prefix, "groups": ["research"], "scopes": ["inference"]}
    issued = world.client.call("POST", "/tokens", body)
    assert issued.status == 201, issued.text
    url, bearer = world.platform.values["OPENAI_BASE_URL"] + "/models", {"Authorization": f"Bearer {issued.json['token']}"}
    eventually(lambda: send("GET", url, headers=bearer).status == 200, "the router knows the token")
    revoked = world.client.call("DELETE", f"/tokens/{issued.json['token_id']}")
    assert revoked.status < 300, revoked.text
    eventually(lambda: send("GET", url, headers=bearer).status == UNAUTHORIZED, "the router knows that it is revoked")


def schedule(world: World) -> None:
    """A model keeps to windows, and then no longer."""
    world.client.done("POST", "/models", world.wish("schedule"))
    now = datetime.now(UTC)
    window = {"days": DAYS, "opens": f"{now - timedelta(hours=4):%H:%M}", "closes": f"{now + timedelta(hours=4):%H:%M}"}
    world.client.done("PUT", f"{world.path('schedule')}/schedule", {"time_zone": "UTC", "windows": [window]})
    state = world.client.call("GET", f"{world.path('schedule')}/schedule").json
    assert (state["in_window"], state["next_action"]["action"]) == (True, "stop")
    world.client.done("DELETE", f"{world.path('schedule')}/schedule")
    assert world.client.call("GET", world.path("schedule")).json["next_action"] is None


def wake(world: World) -> None:
    """A model that nobody uses sleeps; the first request wakes it."""
    shape = {"min": 0, "max": 1, "desired": 1, "idle_minutes": 1}
    world.client.done("POST", "/models", world.wish("wake") | {"capacity": shape})
    model_id = f"{world.prefix}-wake"
    age(world.platform, model_id)
    eventually(lambda: sleeping(world.platform, model_id), "it sleeps", 150)
    eventually(lambda: world.platform.ask(model_id).status != 200, "the router knows that it sleeps")
    eventually(lambda: world.platform.ask(model_id).status == 200, "a request has woken it", 150)
    eventually(lambda: world.client.call("GET", world.path("wake")).json["status"] == "InService", "it is in service")


def provider(world: World) -> None:
    """A third party's model answers through the router, under its second name too."""
    base = f"http://127.0.0.1:{world.platform.upstream_port}/v1"
    offer = {"name": "openai", "model": "stub", "api_base": base, "secret": world.secret()}
    wish = {"model_id": f"{world.prefix}-provider", "hosting": "provider", "allowed_groups": ["research"], "provider": offer}
    world.client.done("POST", "/models", wish)
    world.answers("provider")
    world.client.done("PATCH", world.path("provider"), {"provider": offer | {"model": "stub-2"}})
    world.answers("provider")


def age(platform: Platform, model_id: str) -> None:
    """Set the clock of one model forward: its route opened, and its last request came, an hour earlier than they did."""

    def set_back(document: dict[str, Any]) -> dict[str, Any]:
        for condition in document["conditions"]:
            condition["since"] = f"{datetime.fromisoformat(condition['since']) - timedelta(hours=1):%Y-%m-%dT%H:%M:%S.000Z}"
        return document

    changed(platform, "MODEL", model_id, set_back)


def sleeping(platform: Platform, model_id: str) -> bool:
    """Whether its route sleeps; asks the sweep to look, as the platform's own scheduler does once a minute."""
    route = platform.route_of(model_id)
    if route and route["state"] == "asleep":
        return True
    platform.aws("lambda").invoke(FunctionName=platform.physical("ServingSweepModelsFunction"), Payload=b"{}", InvocationType="Event")
    return False


ALL: dict[str, Callable[[World], None]] = {
    each.__name__: each
    for each in (
        create, update_hot, update_rolling, update_surge, update_that_fails, stop_and_start, delete, supersede, retry, cancel, token,
        schedule, wake, provider,
    )
}  # fmt: skip
