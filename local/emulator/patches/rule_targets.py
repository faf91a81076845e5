"""Rule targets: finite retries, then the target's dead-letter queue; queues must allow EventBridge, functions are invoked asynchronously.

Stock: an event that cannot be delivered is dropped, a queue without a policy receives, a failing function is not tried again.
"""

import contextvars
import fnmatch
import json
import logging
import time
from typing import Any

from ministack.core.arn import parse_arn
from ministack.core.concurrency import spawn_background
from ministack.services import eventbridge, lambda_svc, sqs, stepfunctions

from local.emulator.faults import RULES
from local.emulator.pin import expect, replace

JSON = dict[str, Any]
log = logging.getLogger("slipway.rule_targets")
DEFAULT_RETRIES = 185
RETRY_BASE_SECONDS, RETRY_MAX_SECONDS = 0.2, 10.0
_outcome: contextvars.ContextVar["dict[str, DeliveryError] | None"] = contextvars.ContextVar("outcome", default=None)


class DeliveryError(Exception):
    """A target did not take an event: the code that EventBridge puts into the dead-letter message, and whether trying again can help."""

    def __init__(self, code: str, message: str, *, retriable: bool) -> None:
        super().__init__(message)
        self.code = code
        self.retriable = retriable


def apply() -> None:
    """Wrap delivery, and make the deliveries that we use say when they fail."""
    expect(eventbridge._invoke_target, 'logger.error("EventBridge target dispatch error for %s: %s", arn, e)')
    expect(eventbridge._dispatch_to_sqs, 'logger.warning("EventBridge → SQS: queue %s not found", queue_name)')
    deliver, to_machine = eventbridge._invoke_target, eventbridge._dispatch_to_stepfunctions

    def invoke_target(target: JSON, event: JSON, rule: JSON, view: Any = None) -> None:
        failure = attempt(target, event, rule, view)
        if failure:
            spawn_background(retry, target, event, rule, failure, thread_name="rule-retry")

    def attempt(target: JSON, event: JSON, rule: JSON, view: Any) -> DeliveryError | None:
        outcome: dict[str, DeliveryError] = {}
        token = _outcome.set(outcome)
        try:
            check_target(target, rule)
            deliver(target, event, rule, view)
        except DeliveryError as error:
            return error
        finally:
            _outcome.reset(token)
        return outcome.get("failure")

    def retry(target: JSON, event: JSON, rule: JSON, failure: DeliveryError) -> None:
        limit = (target.get("RetryPolicy") or {}).get("MaximumRetryAttempts", DEFAULT_RETRIES)
        tries = 0
        while failure.retriable and tries < int(limit):
            time.sleep(min(RETRY_BASE_SECONDS * 2**tries, RETRY_MAX_SECONDS))
            tries += 1
            again = attempt(target, event, rule, None)
            if again is None:
                return
            failure = again
        bury(target, event, rule, failure, tries)

    def start_machine(arn: str, payload: str) -> None:
        if stepfunctions._resolve_state_machine_arn(arn) is None:
            note(DeliveryError("NO_RESOURCE", f"State machine {arn} does not exist", retriable=False))
        else:
            to_machine(arn, payload)

    replace(eventbridge, "_invoke_target", invoke_target)
    replace(eventbridge, "_dispatch_to_stepfunctions", start_machine)
    replace(eventbridge, "_dispatch_to_lambda", invoke_function)


def note(failure: DeliveryError) -> None:
    """Record a failure for the delivery under way; the emulator itself swallows exceptions here."""
    outcome = _outcome.get()
    if outcome is not None:
        outcome["failure"] = failure


def check_target(target: JSON, rule: JSON) -> None:
    """Refuse what AWS refuses before delivery: an injected fault, a queue that is absent or closed to this rule; raises DeliveryError."""
    arn = target.get("Arn", "")
    fault = RULES.match_target(arn)
    if fault:
        raise DeliveryError(fault.code or "InternalFailure", "injected", retriable=True)
    if ":sqs:" not in arn:
        return
    queue = sqs._queue_by_arn(arn)
    if queue is None:
        raise DeliveryError("NO_RESOURCE", f"Queue {arn} does not exist", retriable=False)
    if not allows(queue.get("attributes", {}).get("Policy", ""), arn, rule):
        raise DeliveryError("NO_PERMISSIONS", f"The policy of {arn} does not allow {rule.get('Arn')} to send", retriable=False)


def allows(policy: str, queue_arn: str, rule: JSON) -> bool:
    """Whether a queue's policy lets EventBridge send on behalf of a rule."""
    statements = json.loads(policy or "{}").get("Statement") or []
    return any(_statement_allows(statement, queue_arn, rule.get("Arn", "")) for statement in _list(statements))


def _statement_allows(statement: JSON, queue_arn: str, rule_arn: str) -> bool:
    principal = statement.get("Principal")
    services = ["*"] if principal == "*" else _list((principal or {}).get("Service") or (principal or {}).get("AWS") or [])
    actions = [action.lower() for action in _list(statement.get("Action") or [])]
    if statement.get("Effect") != "Allow" or not {"events.amazonaws.com", "*"} & set(services):
        return False
    if not any(fnmatch.fnmatchcase("sqs:sendmessage", action) for action in actions):
        return False
    if not any(fnmatch.fnmatchcase(queue_arn, resource) for resource in _list(statement.get("Resource") or [])):
        return False
    for operator, pairs in (statement.get("Condition") or {}).items():
        for key, wanted in pairs.items():
            about_source = key.lower() == "aws:sourcearn" and operator in {"ArnEquals", "ArnLike", "StringEquals", "StringLike"}
            if about_source and not any(fnmatch.fnmatchcase(rule_arn, value) for value in _list(wanted)):
                return False
    return True


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def invoke_function(arn: str, payload: str) -> None:
    """Invoke a function asynchronously, with the retries and the failure destination of asynchronous invocation."""
    function, config, _ = lambda_svc._get_func_record_for_ref(arn)
    if not function or not config:
        note(DeliveryError("NO_RESOURCE", f"Function {arn} does not exist", retriable=False))
        return
    lambda_svc.invoke_async_with_retry(lambda_svc._execution_record_for_config(function, config), json.loads(payload))


def bury(target: JSON, event: JSON, rule: JSON, failure: DeliveryError, tries: int) -> None:
    """Put an undeliverable event into the target's dead-letter queue, with the attributes that AWS sets."""
    arn = (target.get("DeadLetterConfig") or {}).get("Arn", "")
    queue = sqs._queue_by_arn(arn) if arn else None
    log.warning("%s did not take an event of %s: %s (%s)", target.get("Arn"), rule.get("Name"), failure, failure.code)
    if queue is None:
        return
    payload = json.dumps(eventbridge._pattern_event_view(event).event_with_detail())
    eventbridge._dispatch_to_sqs(parse_arn(arn), payload, {})
    attributes = {
        "RULE_ARN": rule.get("Arn", ""),
        "TARGET_ARN": target.get("Arn", ""),
        "ERROR_CODE": failure.code,
        "ERROR_MESSAGE": str(failure),
        "RETRY_ATTEMPTS": str(tries),
        "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts" if failure.retriable else "NonRetriableError",
    }
    queue["messages"][-1]["message_attributes"] = {
        name: {"DataType": "String", "StringValue": value} for name, value in attributes.items() if value
    }
