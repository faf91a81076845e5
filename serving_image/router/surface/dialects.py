"""Refusals in the words of the API that was asked: OpenAI's, Anthropic's, and the event that ends a stream."""

from typing import Any, Final

import orjson

from contracts.inference import MESSAGES, RESPONSES
from router.errors import ApiError, error_event

_ANTHROPIC: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    408: "invalid_request_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}


def body(error: ApiError, path: str, request_id: str) -> bytes:
    """The refusal as the answer to a request at `path`; our code is in it whatever its shape."""
    return orjson.dumps(_anthropic(error, request_id)) if path.startswith(MESSAGES) else error.body()


def event(error: ApiError, path: str, request_id: str) -> bytes:
    """The refusal as the last event of a stream that has begun, perhaps in the middle of another event."""
    if path.startswith(MESSAGES):
        return _event(_anthropic(error, request_id))
    if path == RESPONSES:
        said = {"type": "error", "code": error.code, "message": error.message, "param": error.param, "sequence_number": 0}
        return _event(said | error.document())
    return error_event(error.body())


def _anthropic(error: ApiError, request_id: str) -> dict[str, Any]:
    kind = _ANTHROPIC.get(error.status, "api_error")
    said = {"type": kind, "message": error.message, "code": error.code, "param": error.param}
    return {"type": "error", "error": said, "request_id": request_id}


def _event(document: dict[str, Any]) -> bytes:
    return b"\n\nevent: error\ndata: " + orjson.dumps(document) + b"\n\n"
