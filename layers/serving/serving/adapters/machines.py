"""Step Functions: executions by name, and tokens that wake them."""

import json
from typing import Any

from kit.errors import Transient
from serving.domain.model import Failure
from serving.domain.operation import Goal, Operation, Wait

_GONE = frozenset({"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"})
_CAUSE_LIMIT = 32_000


class StepFunctions:
    """`ports.Machines`. `machines` names the ARN for each goal that the function at hand may start."""

    def __init__(self, client: Any, machines: dict[Goal, str]) -> None:
        self._client, self._machines = client, machines

    def start(self, goal: Goal, execution: str, operation: Operation) -> None:
        """See `ports.Machines`."""
        order = {"operation_id": operation.operation_id, "model_id": operation.model_id, "generation": operation.generation}
        machine, text = self._machines[goal], json.dumps(order)
        self._call("start_execution", {"ExecutionAlreadyExists"}, stateMachineArn=machine, name=execution, input=text)

    def stop(self, goal: Goal, execution: str, reason: str) -> None:
        """See `ports.Machines`."""
        try:
            self._call("stop_execution", {"ExecutionDoesNotExist"}, executionArn=self._execution(goal, execution), cause=reason)
        except Transient:
            # One that ended of itself a moment ago may be refused as a ValidationException, which says as much of a faulty request.
            if self.is_running(goal, execution):
                raise

    def is_running(self, goal: Goal, execution: str) -> bool | None:
        """See `ports.Machines`."""
        answer = self._call("describe_execution", {"ExecutionDoesNotExist"}, executionArn=self._execution(goal, execution))
        return None if answer is None else bool(answer["status"] in {"RUNNING", "PENDING_REDRIVE"})

    def succeed(self, wait: Wait, decision: str) -> None:
        """See `ports.Machines`."""
        self._call("send_task_success", _GONE, taskToken=wait.token, output=json.dumps({"decision": decision}))

    def fail(self, wait: Wait, failure: Failure) -> None:
        """See `ports.Machines`."""
        cause = json.dumps(vars(failure))[:_CAUSE_LIMIT]
        self._call("send_task_failure", _GONE, taskToken=wait.token, error="Refused", cause=cause)

    def beat(self, wait: Wait) -> None:
        """See `ports.Machines`."""
        self._call("send_task_heartbeat", _GONE, taskToken=wait.token)

    def _execution(self, goal: Goal, name: str) -> str:
        # arn:…:stateMachine:NAME → arn:…:execution:NAME:EXECUTION, the only form that an execution's ARN has.
        return f"{self._machines[goal].replace(':stateMachine:', ':execution:', 1)}:{name}"

    def _call(self, operation: str, harmless: set[str] | frozenset[str], **parameters: Any) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return getattr(self._client, operation)(**parameters)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in harmless:
                return None
            raise Transient("machines-refused", f"{operation} answered {code}: {error.response['Error'].get('Message', '')}") from error
        except BotoCoreError as error:
            raise Transient("machines-unreachable", f"{operation} failed: {type(error).__name__}") from error
