"""Schedules act as their role: what its trust or its policies do not allow is not called, and goes to the schedule's dead letters.
Policies name a schedule by its group and name; lists of schedules go on beyond their first page. What is due is called within a second.

Stock: any role will do, a policy is compared with `schedule/default/NAME` whatever the group, a list ends after its first page, and
what is due waits for up to ten seconds (AWS promises the minute).
"""

import base64
import json
import logging
from typing import Any

from ministack.core import iam_actions, iam_evaluator
from ministack.core.arn import parse_arn
from ministack.core.iam_evaluator import EvalContext
from ministack.services import eventbridge, iam, scheduler, sqs

from local.emulator.pin import expect, replace, rewrite

JSON = dict[str, Any]
log = logging.getLogger("slipway.schedules")
TICK_SECONDS = 1.0
ACTIONS = {"lambda": "lambda:InvokeFunction", "sqs": "sqs:SendMessage", "events": "events:PutEvents", "states": "states:StartExecution"}
PAGE = '    results = results[:max_results]\n    return _json_resp(200, {"Schedules": results})\n'


def apply() -> None:
    """Name schedules whole, page their list, and put a check before each call."""
    expect(scheduler._ticker_loop, "time.sleep(_SCHEDULE_TICK_INTERVAL)")
    scheduler._SCHEDULE_TICK_INTERVAL = TICK_SECONDS
    scheduler._slipway_page = page
    scheduler._slipway_fire = fire
    rewrite(scheduler, "_list_schedules", (PAGE, "    return _json_resp(200, _slipway_page(results, max_results, query))\n"))
    rewrite(scheduler, "_tick_schedules", ("_eb._invoke_target(target, event, sched)", "_slipway_fire(target, event, sched)"))
    expect(iam_evaluator._service_principal_matches, "services = principal.get")

    def resource(service: str, method: str, path: str, headers: JSON, body: bytes, parameters: JSON, region: str, account: str) -> str:
        name = path.removeprefix("/schedules/")
        if service == "scheduler" and path != name:
            return f"arn:aws:scheduler:{region}:{account}:schedule/{group_of(body, parameters)}/{name}"
        return str(stock(service, method, path, headers, body, parameters, region, account))

    stock = replace(iam_actions, "extract_resource_arn", resource)


def group_of(body: bytes, parameters: JSON) -> str:
    """The group that a request names, in its body or in its query."""
    asked = parameters.get("groupName")
    if asked:
        return str(asked[0] if isinstance(asked, list) else asked)
    try:
        return str(json.loads(body or b"{}").get("GroupName") or "default")
    except ValueError:
        return "default"


def page(found: list[JSON], size: int, query: JSON) -> JSON:
    """One page of a list, by name, and the token for the next one."""
    after = base64.urlsafe_b64decode(str(query.get("NextToken") or "")).decode()
    left = [item for item in sorted(found, key=_key) if _key(item) > after]
    answer: JSON = {"Schedules": left[:size]}
    if len(left) > size:
        answer["NextToken"] = base64.urlsafe_b64encode(_key(left[size - 1]).encode()).decode()
    return answer


def fire(target: JSON, event: JSON, schedule: JSON) -> None:
    """Call the target as the schedule's role, or say in its dead letters why not."""
    from ministack import app

    refusal = denial(target, schedule) if app.AUTH else None
    if refusal is None:
        eventbridge._invoke_target(target, event, schedule)
        return
    log.warning("%s does not call %s: %s", schedule.get("Name"), target.get("Arn"), refusal)
    dead = (target.get("DeadLetterConfig") or {}).get("Arn", "")
    queue = sqs._queue_by_arn(dead) if dead else None
    if queue is not None:
        eventbridge._dispatch_to_sqs(parse_arn(dead), target.get("Input") or "{}", {})
        told = {
            "ERROR_CODE": "AccessDeniedException",
            "ERROR_MESSAGE": refusal,
            "SCHEDULE_ARN": schedule["Arn"],
            "TARGET_ARN": target["Arn"],
        }
        queue["messages"][-1]["message_attributes"] = {name: {"DataType": "String", "StringValue": text} for name, text in told.items()}


def denial(target: JSON, schedule: JSON) -> str | None:
    """Why the scheduler may not call the target as the role; None if it may."""
    own = parse_arn(schedule["Arn"])
    role_name = target["RoleArn"].rsplit("/", 1)[-1]
    role = iam._roles.get_scoped(own.account_id, None, role_name)
    if role is None:
        return f"there is no role {role_name}"
    group = f"arn:aws:scheduler:{own.region}:{own.account_id}:schedule-group/{schedule['GroupName']}"
    said = {"aws:sourcearn": group, "aws:sourceaccount": own.account_id}
    trust = _context(own, "scheduler.amazonaws.com", "sts:AssumeRole", target["RoleArn"], said)
    if not trusts(role["AssumeRolePolicyDocument"], trust):
        return f"the role {role_name} is not for scheduler.amazonaws.com in the name of {group}"
    action = ACTIONS.get(parse_arn(target["Arn"]).service)
    if action is None:
        return None
    asked = _context(own, f"arn:aws:sts::{own.account_id}:assumed-role/{role_name}/scheduler", action, target["Arn"], {})
    allowed = iam_evaluator.evaluate(asked, iam_evaluator._gather_role_policies(role_name, own.account_id)).decision == "Allow"
    return None if allowed else f"the role {role_name} does not allow {action} on {target['Arn']}"


def trusts(document: Any, context: EvalContext) -> bool:
    """Whether a trust policy lets the service assume the role."""
    content = json.loads(document) if isinstance(document, str) else document
    statements = content.get("Statement") or []
    for statement in statements if isinstance(statements, list) else [statements]:
        named = iam_evaluator._service_principal_matches(statement.get("Principal"), context.principal_arn)
        met = iam_evaluator._conditions_met(statement.get("Condition") or {}, context)
        if statement.get("Effect") == "Allow" and named and met:
            return True
    return False


def _context(own: Any, principal: str, action: str, resource: str, keys: JSON) -> EvalContext:
    return EvalContext(
        principal_arn=principal,
        principal_type="AssumedRole",
        principal_account=own.account_id,
        action=action,
        resource_arn=resource,
        region=own.region,
        service_context=keys,
    )


def _key(item: JSON) -> str:
    return f"{item['GroupName']}/{item['Name']}"
