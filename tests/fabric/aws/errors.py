"""Errors of AWS as boto3 raises them."""

from typing import Any

from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError

_STATUS = {"ThrottlingException": 400, "InternalServerError": 500, "ServiceUnavailable": 503, "InternalServerException": 500}


def refusal(operation: str, code: str, message: str = "", **more: Any) -> ClientError:
    """A `ClientError`; `more` stands beside `Error` in its response (`CancellationReasons=[…]`)."""
    response: Any = {
        "Error": {"Code": code, "Message": message or code},
        "ResponseMetadata": {"HTTPStatusCode": _STATUS.get(code, 400), "RequestId": "fabric"},
        **more,
    }
    return ClientError(response, operation)


def unreachable(service: str) -> ConnectTimeoutError:
    """No connection: nothing has happened there."""
    return ConnectTimeoutError(endpoint_url=f"https://{service}.eu-west-1.amazonaws.com")


def unanswered(service: str) -> ReadTimeoutError:
    """No answer: whatever was asked for may have happened."""
    return ReadTimeoutError(endpoint_url=f"https://{service}.eu-west-1.amazonaws.com")
