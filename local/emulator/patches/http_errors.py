"""A function that fails behind an HTTP API answers 500 `{"message":"Internal Server Error"}` and tells the caller nothing more.

Stock: 502 with the error's message and stack trace in the body.
"""

from typing import Any

from ministack.services import lambda_svc

from local.emulator.pin import expect, replace

ANSWER = {"statusCode": 500, "headers": {"Content-Type": "application/json"}, "body": '{"message":"Internal Server Error"}'}


def apply() -> None:
    """Answer as AWS does whenever the function raised, timed out or could not start."""
    name = "lambda_execute_result_to_api_proxy_response"
    expect(getattr(lambda_svc, name), '"statusCode": 502', 'if exec_result.get("error"):')

    def respond(result: dict[str, Any]) -> tuple[dict[str, Any] | None, str | None]:
        if result.get("error") and not result.get("throttle"):
            return dict(ANSWER), None
        answer: tuple[dict[str, Any] | None, str | None] = stock(result)
        return answer

    stock = replace(lambda_svc, name, respond)
