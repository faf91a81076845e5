"""A call to AWS in words that are equal in every run: the operation, and the kinds of rows, facts and machines that it is about."""

import json
import re
from collections.abc import Mapping
from typing import Any

from tests.fabric.aws.boundary import Call

_SAID = ("event_type", "status", "goal", "state", "strategy", "phase")
"""Fields that tell one situation from another; in ledger rows, the fact's name."""
_ID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")


def signature(call: Call) -> str:
    """Such as `dynamodb.TransactWriteItems(Put MODEL InService, Put LEDGER ModelInService, Delete WAIT)`."""
    return f"{call}({_about(call.service, call.parameters)})"


def _about(service: str, given: Mapping[str, Any]) -> str:
    if service == "dynamodb":
        return _rows(given)
    if service == "events":
        return ", ".join(entry["DetailType"] for entry in given["Entries"])
    if service == "stepfunctions":
        return str(given.get("stateMachineArn", given.get("executionArn", ":"))).split(":")[-1 if "stateMachineArn" in given else -2]
    if service == "ecs":
        return f"desired {given['desiredCount']}" if "desiredCount" in given else ""
    return ""


def _rows(given: Mapping[str, Any]) -> str:
    if "TransactItems" in given:
        return ", ".join(_write(*pair) for item in given["TransactItems"] for pair in item.items())
    if "Key" in given:
        return _kind(given["Key"])
    if "Item" in given:
        return _write("Put", given)
    values = given.get("ExpressionAttributeValues", {})
    return " ".join(str(value.get("S", "")).partition("#")[0] for value in values.values())


def _write(verb: str, body: Mapping[str, Any]) -> str:
    if "Item" not in body:
        return f"{verb} {_kind(body['Key'])}"
    document = json.loads(body["Item"]["document"]["S"])
    said = [str(document[name]) for name in _SAID if isinstance(document.get(name), str)]
    return " ".join((verb, _kind(body["Item"]), *said))


def _kind(key: Mapping[str, Any]) -> str:
    partition, place = (key[name]["S"].partition("#")[0] for name in ("pk", "sk"))
    return "OUTBOX" if partition == "OUTBOX" else f"{partition}/{_ID.sub('<id>', place)}"
