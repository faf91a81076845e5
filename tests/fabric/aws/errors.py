"""Errors of AWS as boto3 raises them."""

from collections.abc import Mapping
from typing import Any, TypeVar

from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError

Operation = TypeVar("Operation")
_STATUS = {"ThrottlingException": 400, "InternalServerError": 500, "ServiceUnavailable": 503, "InternalServerException": 500}


class NotFaked(BaseException):
    """A call that no fake answers. Not an Exception, so that no function takes it for AWS's answer: the fake has to be written."""


def refusal(operation: str, code: str, message: str = "", **more: Any) -> ClientError:
    """A `ClientError`; `more` stands beside `Error` in its response (`CancellationReasons=[…]`)."""
    response: Any = {
        "Error": {"Code": code, "Message": message or code},
        "ResponseMetadata": {"HTTPStatusCode": _STATUS.get(code, 400), "RequestId": "fabric"},
        **more,
    }
    return ClientError(response, operation)


def answering(operations: Mapping[str, Operation], operation: str) -> Operation:
    """What answers an operation; `NotFaked` for one that nobody has written."""
    if operation not in operations:
        raise NotFaked(operation)
    return operations[operation]


def unreachable(service: str) -> ConnectTimeoutError:
    """No connection: nothing has happened there."""
    return ConnectTimeoutError(endpoint_url=f"https://{service}.eu-west-1.amazonaws.com")


def unanswered(service: str) -> ReadTimeoutError:
    """No answer: whatever was asked for may have happened."""
    return ReadTimeoutError(endpoint_url=f"https://{service}.eu-west-1.amazonaws.com")
