"""How a test makes happen what happens seldom: news that come again, steps held back, letters taken out."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from tests.e2e.hastened import ago
from tests.e2e.platform import Platform, eventually

CRASH = "Runtime.ExitError"


def held(*functions: str, seconds: float = 3) -> list[dict[str, Any]]:
    """Fault rules: a service's invocation of the functions begins late and crashes, so that what comes before it stays as it is."""
    return [
        {"action": "lambda:invoke", "caller": f"*{name}*", "code": CRASH, "status": 500, "delay_seconds": seconds} for name in functions
    ]


def operation_of(platform: Platform, operation_id: str) -> dict[str, Any]:
    """An operation's document."""
    return document(platform, f"OPERATION#{operation_id}", "OPERATION")


def document(platform: Platform, pk: str, sk: str) -> dict[str, Any]:
    """The document of a row of serving's; empty where there is none."""
    row = platform.aws("dynamodb").get_item(
        TableName=platform.physical("ServingModelTable"), Key={"pk": {"S": pk}, "sk": {"S": sk}}, ConsistentRead=True
    )
    found: dict[str, Any] = json.loads(row["Item"]["document"]["S"]) if "Item" in row else {}
    return found


def running(platform: Platform, machine: str, operation_id: str) -> bool:
    """Whether the machine's execution for the operation runs; `machine` is its name in the template, without context and kind."""
    states = platform.aws("stepfunctions")
    execution = platform.physical(f"Serving{machine}ModelStateMachine").replace(":stateMachine:", ":execution:")
    try:
        return bool(states.describe_execution(executionArn=f"{execution}:{operation_id}")["status"] == "RUNNING")
    except states.exceptions.ExecutionDoesNotExist:
        return False


def waiting(platform: Platform, operation_id: str, step: str) -> dict[str, Any]:
    """What Step Functions gave the step at which the operation waits, once it waits there; a second delivery brings the same."""
    operation = operation_of(platform, operation_id)
    pk, found = f"MODEL#{operation['model_id']}", dict[str, Any]()

    def waits() -> bool:
        found.update(document(platform, pk, f"WAIT#{operation_id}"))
        return found.get("step") == step

    eventually(waits, f"operation {operation_id} waits at {step}")
    named = {name: operation[name] for name in ("operation_id", "model_id", "generation")}
    return named | {"task_token": found["token"]}


def told(platform: Platform, table: str, event_type: str, model_id: str) -> dict[str, Any]:
    """The newest fact of that type about the model, as the bus delivered it and may deliver it again."""
    facts = [json.loads(row["document"]["S"]) for row in platform.rows(table) if row["sk"]["S"].startswith("LEDGER#")]
    about = [fact for fact in facts if fact["event_type"] == event_type and fact["data"]["model_id"] == model_id]
    return _event(max(about, key=lambda fact: str(fact["metadata"]["id"])))


def _event(fact: Mapping[str, Any]) -> dict[str, Any]:
    metadata = fact["metadata"]
    return {
        "id": metadata["id"],
        "source": f"slipway.{metadata['producer']}",
        "detail-type": fact["event_type"],
        "detail": {"metadata": metadata, "data": fact["data"]},
    }


def by_ecs(service_arn: str, name: str, reason: str = "") -> dict[str, Any]:
    """What ECS tells of a service."""
    detail = {"eventType": "INFO", "eventName": name, "reason": reason}
    return {"id": "e" * 8, "source": "aws.ecs", "detail-type": "ECS Service Action", "resources": [service_arn], "detail": detail}


def observed(platform: Platform, model_id: str, target_id: str, failure: Mapping[str, str]) -> None:
    """A router's word that a copy will never answer, put on the bus as the router does."""
    base = told(platform, "ServingModelTable", "CapacityChanged", model_id)
    data = {
        "model_id": model_id, "generation": base["detail"]["data"]["generation"], "target_id": target_id, "observed": "failed",
        "phase": "failed", "progress": None, "failure": dict(failure), "router_id": "router-9", "observed_at": ago(seconds=0),
    }  # fmt: skip
    metadata = base["detail"]["metadata"] | {"producer": "routing", "id": base["detail"]["metadata"]["id"][:-4] + "RARE"}
    entry = {
        "Source": "slipway.routing", "DetailType": "RouteHealthObserved", "EventBusName": platform.values["BUS_NAME"],
        "Detail": json.dumps({"metadata": metadata, "data": data}),
    }  # fmt: skip
    assert platform.aws("events").put_events(Entries=[entry])["FailedEntryCount"] == 0


def letter_about(platform: Platform, word: str) -> Any:
    """What Lambda has given up that holds the word, taken out of serving's dead letters, once it lies there."""
    sqs, queue = platform.aws("sqs"), platform.physical("ServingDeadLetters")

    def look() -> Any:
        seen = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=0).get("Messages", [])
        return next((message for message in seen if word in message["Body"]), None)

    found = eventually(look, f"a dead letter about {word}")
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=found["ReceiptHandle"])
    return json.loads(found["Body"])


def all_gone(platform: Platform, names: Iterable[str]) -> None:
    """Delete the models, those that are gone already aside."""
    accepted = [reply for name in names if (reply := platform.call("DELETE", f"/models/{name}")).status == 202]
    for reply in accepted:
        platform.settled(reply)
