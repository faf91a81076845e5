"""A management API with something in it: models in every status that lasts, of two groups, with operations, versions, tokens and history.

One small AWS holds the tables of all contexts. `restore` brings them back to where they were, so that every request meets the same estate.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any
from unittest.mock import patch

from moto.core import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from kit.aws import client
from tests.borders.gateway import Gateway
from tests.fabric import world
from tests.fabric.moto_shortcuts import copied_rows
from tests.fabric.wire import Context, bus_event, envelope_of, http_event
from tests.functional.serving import samples
from tests.functional.serving import world as serving_side
from tests.functional.serving.changing import told_by_routing

TABLES = ("models", "tokens", "versions", "audit", "routes", "spend")
_ENVIRONMENT = {
    "TOKEN_TABLE": "tokens",
    "PEPPER_SECRET_ARN": "pepper",
    "SPEND_TABLE": "spend",
    "VERSION_TABLE": "versions",
    "ROUTE_TABLE": "routes",
    "AUDIT_TABLE": "audit",
    "AUDIT_RETENTION_DAYS": "400",
}
_ROOT = {"subject": "oidc:root", "kind": "oidc", "groups": [], "scopes": ["admin"]}
ALL_SCOPES = ("models:read", "models:write", "tokens:write", "inference")
_ROUTING = {
    "CapacityChanged": "on_capacity_changed",
    "ModelDeleted": "on_model_deleted",
    "ModelDeletionRequested": "on_model_deletion_requested",
    "ModelFailed": "on_model_failed",
    "ModelRequested": "on_model_requested",
    "ModelStopRequested": "on_model_stop_requested",
    "ModelUpdated": "on_model_updated",
}
OFFICE_HOURS = {
    "time_zone": "Europe/Berlin",
    "windows": [{"days": ["mon", "tue", "wed", "thu", "fri"], "opens": "08:00", "closes": "18:00"}],
}


class Estate:
    """What there is: `models` by id with their status, `operations` by model, `tokens` (text) by the name of their holder."""

    def __init__(self, serving: serving_side.Serving) -> None:
        self.gateway = Gateway()
        self.serving = serving
        self.tokens: dict[str, str] = {}
        self.models: dict[str, str] = {}
        self.operations: dict[str, str] = {}
        self.version = "1.0.0"
        self.user = {"kind": "repository", "user_id": "handbook"}
        self.limited = {"subject_kind": "group", "subject_id": "research"}
        self._tables: dict[str, dict[str, dict[str, Any]]] = {}

    def issue(self, name: str, *, caller: Mapping[str, Any] = _ROOT, **wish: Any) -> str:
        """A token for `name`, by the real use case; the token."""
        handler = import_module("functions.access.issue_token.handler").handler
        answer = handler(http_event("POST", "/tokens", principal=caller, body={"name": name, **wish}), Context())
        assert answer["statusCode"] == 201, answer["body"]
        self.tokens[name] = json.loads(answer["body"])["token"]
        return self.tokens[name]

    def token_id(self, name: str) -> str:
        """The id of the token of `name`."""
        return self.tokens[name].split("_")[1]

    def bearer(self, name: str) -> tuple[str, str]:
        """The header with which `name` comes."""
        return "authorization", f"Bearer {self.tokens[name]}"

    def change_token(self, name: str, **changes: Any) -> None:
        """Write the row of a token anew, as time or another release would have it."""
        key = {"pk": {"S": "TOKENS"}, "sk": {"S": f"TOKEN#{self.token_id(name)}"}}
        item = client("dynamodb").get_item(TableName="tokens", Key=key)["Item"]
        item["document"] = {"S": json.dumps(json.loads(item["document"]["S"]) | changes)}
        client("dynamodb").put_item(TableName="tokens", Item=item)

    def keep(self) -> None:
        """Remember the tables as they are now."""
        self._tables = {name: copied_rows(_items(name)) for name in TABLES}

    def restore(self) -> None:
        """Bring the tables back to where `keep` found them."""
        for name, kept in self._tables.items():
            items = _items(name)
            items.clear()
            items.update(copied_rows(kept))

    def model(self, model_id: str, status: str, group: str = "research", **changes: Any) -> None:
        """Bring a model of this group into this status, by its real commands and what other contexts say to them."""
        serving = self.serving
        caller = {"subject": f"token:{group}", "kind": "token", "groups": [group], "scopes": list(ALL_SCOPES)}
        made = samples.provider if changes.pop("hosting", "") == "provider" else samples.hosted
        code, accepted = serving.create(made(model_id, allowed_groups=[group], **changes), caller)
        assert code == 202, accepted
        self.operations[model_id] = accepted["operation_id"]
        self.models[model_id] = status
        if status == "Creating":
            return
        serving.pump()
        if status == "Failed":
            serving.hear("ModelVersionRejected", samples.rejected(model_id), within=accepted["operation_id"])
        else:
            self._opened(model_id, caller, accepted["operation_id"], status)
        if status == "Deleted":
            assert (f"MODEL#{model_id}", "MODEL") not in world.rows("models") or serving.model(model_id)["status"] == "Deleting"
            del self.models[model_id]
        else:
            assert serving.model(model_id)["status"] == status

    def _opened(self, model_id: str, caller: Mapping[str, Any], operation_id: str, status: str) -> None:
        serving, task = self.serving, f"{len(self.models):032x}"
        serving.hear("ModelVersionValidated", samples.validated(model_id), within=operation_id)
        service = str(serving.model(model_id)["deployments"][-1]["service"])
        serving.ecs(samples.task_event(service, "RUNNING", 3, task=task))
        told_by_routing(serving, 2, task, model_id=model_id)
        if status != "InService":
            command = {"Stopped": "stop_model", "Updating": "update_model"}.get(status, "delete_model")
            body = {"capacity": {"max": 4, "desired": 3}} if command == "update_model" else None
            path = {"model_id": model_id}
            assert serving.http(command, "X", f"/models/{model_id}", caller, path_parameters=path, body=body)[0] == 202
            if status in {"Stopped", "Deleted"}:
                serving.pump()
                told_by_routing(serving, 3, state="closed", model_id=model_id)
                serving.ecs(samples.task_event(service, "STOPPED", 9, task=task, desired="STOPPED"))

    def published(self, model_id: str, group: str) -> None:
        """Let the registry have heard of a model: its version is written down (and rejected, for want of an artefact)."""
        model = samples.hosted(model_id, allowed_groups=[group])
        operation_id = self.operations[model_id]
        data = {"model_id": model_id, "generation": 1, "operation_id": operation_id, "hosting": "hosted", "version": self.version}
        envelope = envelope_of("ModelRequested", {**data, "model": model}, event_id=operation_id)
        import_module("functions.registry.on_model_requested.handler").handler(bus_event(envelope), Context())

    def used(self, model_id: str) -> None:
        """Let something depend on a model."""
        path = {"model_id": model_id, **self.user}
        assert self.serving.http("add_model_user", "PUT", f"/models/{model_id}/users", _ROOT, path_parameters=path, body={})[0] == 200

    def limit(self) -> None:
        """Let a group be limited."""
        handler = import_module("functions.access.set_limits.handler").handler
        path = "/limits/{subject_kind}/{subject_id}".format(**self.limited)
        wish = {"concurrency": 5, "budgets": [{"period": "day", "tokens": 1000}]}
        answer = handler(http_event("PUT", path, principal=_ROOT, path_parameters=self.limited, body=wish), Context())
        assert answer["statusCode"] == 200, answer["body"]

    def routed(self) -> None:
        """Let routing have heard of everything that serving has told."""
        for fact in world.ledger("models"):
            event = serving_side.own_event(fact)
            reaction = _ROUTING.get(event["detail-type"])
            if reaction:
                import_module(f"functions.routing.{reaction}.handler").handler(event, Context())

    def recorded(self) -> None:
        """Let the audit have heard of everything that serving has told."""
        handler = import_module("functions.usage.on_fact_announced.handler").handler
        for fact in world.ledger("models"):
            handler(serving_side.own_event(fact), Context())


def _fill(made: Estate) -> None:
    """Two of everything that can be had or not be had: ours, and theirs."""
    made.model("up", "InService", schedule=OFFICE_HOURS, tags={"team": "ml"})
    made.model("off", "Stopped")
    made.model("broken", "Failed")
    made.model("new", "Creating")
    made.model("moving", "Updating")
    made.model("leaving", "Deleting")
    made.model("guarded", "Creating", hosting="provider", delete_protection=True)
    made.model("theirs", "InService", group="sales", schedule=OFFICE_HOURS)
    made.model("theirs-off", "Stopped", group="sales")
    made.model("theirs-broken", "Failed", group="sales")
    made.model("theirs-new", "Creating", group="sales")
    made.model("gone", "Deleted")
    for name in ("up", "theirs"):
        made.published(name, "research" if name == "up" else "sales")
        made.used(name)
    made.limit()
    made.recorded()
    made.routed()
    made.issue("admin", scopes=["admin"])
    made.issue("writer", groups=["research"], scopes=list(ALL_SCOPES))
    made.issue("stranger", groups=["sales"], scopes=list(ALL_SCOPES))


def _items(table: str) -> Any:
    return dynamodb_backends[DEFAULT_ACCOUNT_ID][world.REGION].tables[table].items


def _forget(contexts: Sequence[str] = ("access", "registry", "routing", "serving", "usage")) -> None:
    """Let every use case be composed anew."""
    for name in [name for name in sys.modules if name.split(".")[0] in contexts and ".wiring" in name]:
        world.forget(sys.modules[name])


@contextmanager
def estate(more: Mapping[str, str] | None = None) -> Iterator[Estate]:
    """An estate in a fresh AWS, filled, and kept for `restore`. `more` is environment."""
    environment = patch.dict("os.environ", {**_ENVIRONMENT, **(more or {})})
    with serving_side.serving_world() as serving, environment:
        _forget()
        for name in TABLES[1:]:
            world.create_table(name)
        client("secretsmanager").create_secret(Name="pepper", SecretString='{"current": "1", "1": "x7Zq0"}')
        client("s3").create_bucket(Bucket="slipway-artifacts", CreateBucketConfiguration={"LocationConstraint": world.REGION})
        made = Estate(serving)
        _fill(made)
        made.keep()
        yield made
    _forget()
