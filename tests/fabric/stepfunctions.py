"""Step Functions as boto3's clients see it, carried out by the interpreter of `tests.fabric.asl` in virtual time.

Functions that machines name are run through `invoke`; an exception of theirs becomes the error of that class name, as Lambda tells it.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any
from unittest.mock import patch

from botocore.client import BaseClient
from botocore.exceptions import ClientError

from tests.fabric.asl import StateMachines, TaskFailed, TokenGone
from tests.fabric.aws.errors import NotFaked

ARN = "arn:aws:states:eu-west-1:123456789012:stateMachine:"


def lambda_like(function: Callable[[str, Any], Any]) -> Callable[[str, Any], Any]:
    """Runs functions as Lambda does: JSON in, JSON out, exceptions by class name."""
    return partial(_as_lambda, function)


def _as_lambda(function: Callable[[str, Any], Any], name: str, payload: Any) -> Any:
    try:
        return json.loads(json.dumps(function(name, json.loads(json.dumps(payload)))))
    except TaskFailed:
        raise
    except Exception as error:
        cause = {"errorMessage": str(error), "errorType": type(error).__name__}
        raise TaskFailed(type(error).__name__, json.dumps(cause)) from error


class StepFunctionsApi:
    """The operations that we use, with the error codes that AWS answers."""

    def __init__(self, machines: StateMachines) -> None:
        self.machines = machines

    def call(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """One API call; `NotFaked` for one that nobody has written."""
        if not hasattr(self, operation):
            raise NotFaked(operation)
        found: dict[str, Any] = getattr(self, operation)(operation, parameters)
        return found

    def StartExecution(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802 - AWS's name
        machine, name = given["stateMachineArn"].rsplit(":", 1)[-1], given["name"]
        known = self.machines.executions.get((machine, name))
        if known is not None and (known.status != "RUNNING" or known.given != json.loads(given["input"])):
            raise _error(operation, "ExecutionAlreadyExists")
        if known is None:
            self.machines.start(machine, name, json.loads(given["input"]))
        return {"executionArn": given["stateMachineArn"].replace(":stateMachine:", ":execution:") + f":{name}"}

    def StopExecution(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802 - AWS's name
        known = self._known(operation, given)
        if self.machines.executions[known].status not in {"RUNNING", "ABORTED"}:
            raise _error(operation, "ValidationException")  # the documented error that fits; not to be relied upon either way
        self.machines.stop(*known)
        return {}

    def DescribeExecution(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802 - AWS's name
        return {"status": self.machines.executions[self._known(operation, given)].status}

    def SendTaskSuccess(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802 - AWS's name
        return self._send(operation, lambda: self.machines.succeed(given["taskToken"], json.loads(given["output"])))

    def SendTaskFailure(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802 - AWS's name
        return self._send(operation, lambda: self.machines.fail(given["taskToken"], given["error"], given["cause"]))

    def SendTaskHeartbeat(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802 - AWS's name
        return self._send(operation, lambda: self.machines.beat(given["taskToken"]))

    def _send(self, operation: str, act: Callable[[], None]) -> dict[str, Any]:
        try:
            act()
        except TokenGone as gone:
            raise _error(operation, "TaskTimedOut") from gone
        return {}

    def _known(self, operation: str, given: Mapping[str, Any]) -> tuple[str, str]:
        machine, name = given["executionArn"].split(":")[-2:]
        if (machine, name) not in self.machines.executions:
            raise _error(operation, "ExecutionDoesNotExist")
        return machine, name


@contextmanager
def stepfunctions(api: StepFunctionsApi) -> Iterator[None]:
    """Answer every boto3 client of Step Functions from `api`."""
    real: Any = vars(BaseClient)["_make_api_call"]

    def call(self: Any, operation: str, parameters: dict[str, Any]) -> Any:
        if self.meta.service_model.service_name == "stepfunctions":
            return api.call(operation, parameters)
        return real(self, operation, parameters)

    with patch.object(BaseClient, "_make_api_call", call):
        yield


def _error(operation: str, code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, operation)
