"""What AWS forgets by time is forgotten here by number as well: ended executions, archived events, a metric's points.

Stock: all of it for ever in memory, much of it copied and written every two seconds; every event that ever came, in a list that nobody
reads; and of each transaction with a token the whole request for ten minutes, to compare it with a second one of that token.
AWS keeps an ended execution for 90 days, an archived event for as long as its archive says, points for 3 hours to 15 months by their
period. A laptop's platform that runs for days would grow with all that ever happened.
"""

import hashlib
import json
from typing import Any

from ministack.services import cloudwatch, dynamodb, eventbridge, stepfunctions

from local.emulator.pin import expect, replace, rewrite

JSON = dict[str, Any]
EXECUTIONS_KEPT = 100
"""Ended executions of one state machine, each with its history of 10 to 20 KB."""
EVENTS_KEPT = 2000
"""Events of one archive; half of them stay when they become too many."""
POINTS_KEPT = 1000
"""Points of one metric with its dimensions; half of them stay when they become too many."""
WHOLE = 'signature = {k: v for k, v in data.items() if k != "ClientRequestToken"}'
DIGEST = "signature = _slipway_digest(data)"


def apply() -> None:
    """Cut each history where it grows."""
    _executions()
    _events()
    _points()
    dynamodb._slipway_digest = digest
    for name in ("_transact_write_items", "_execute_transaction"):
        rewrite(dynamodb, name, (WHOLE, DIGEST))


def _executions() -> None:
    expect(stepfunctions._start_execution, "_emit_execution_status_event(_executions[exec_arn])")

    def announce(execution: JSON) -> None:
        machine = execution["stateMachineArn"]
        found = [(arn, each) for arn, each in stepfunctions._executions.items() if each.get("stateMachineArn") == machine]
        ended = [arn for arn, each in found if each["status"] != "RUNNING" and each is not execution]
        for arn in ended[:-EXECUTIONS_KEPT]:
            stepfunctions._executions.pop(arn, None)
        stock(execution)

    stock = replace(stepfunctions, "_emit_execution_status_event", announce)


def _events() -> None:
    expect(eventbridge._put_events, "_events_log_list().append(event_record)")
    expect(eventbridge._archive_event, 'archive.setdefault("Events", []).append(event)')
    replace(eventbridge, "_events_log_list", list[JSON])

    def keep(event: JSON, view: Any = None) -> None:
        stock(event, view)
        for archive in eventbridge._archives.values():
            if len(archive.get("Events", [])) > EVENTS_KEPT:
                archive["Events"] = archive["Events"][-EVENTS_KEPT // 2 :]
                archive["EventCount"] = len(archive["Events"])

    stock = replace(eventbridge, "_archive_event", keep)


def _points() -> None:
    expect(cloudwatch.record_metric, "_metric_bucket((namespace, metric_name, _dims_key(dims))).append(")

    def bucket(key: tuple[Any, ...]) -> list[JSON]:
        points: list[JSON] = stock(key)
        if len(points) > POINTS_KEPT:
            del points[: -POINTS_KEPT // 2]
        return points

    stock = replace(cloudwatch, "_metric_bucket", bucket)


def digest(request: JSON) -> str:
    """What tells one transaction from another, whatever their tokens."""
    asked = {name: value for name, value in request.items() if name != "ClientRequestToken"}
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
