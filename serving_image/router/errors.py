"""What a caller is told when a request is not answered: OpenAI's error shape with codes of ours that never change."""

from typing import Any, Final

import orjson

_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "invalid_request_error",
    405: "invalid_request_error",
    408: "invalid_request_error",
    413: "invalid_request_error",
    429: "rate_limit_error",
}
RETRY_LATER: Final = frozenset({429, 503})
DEFAULT_RETRY_SECONDS: Final = 2


class ApiError(Exception):
    """A refusal with its HTTP status, stable code, sentence, and the request's field it is about.

    `retry_after` (seconds) goes out as a header; 429 and 503 always carry one. So do `headers`, set by who refuses for want of quota.
    """

    headers: tuple[tuple[bytes, bytes], ...] = ()

    def __init__(self, status: int, code: str, message: str, *, param: str | None = None, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.param = status, code, message, param
        self.retry_after = retry_after if retry_after is not None else DEFAULT_RETRY_SECONDS if status in RETRY_LATER else None

    def document(self) -> dict[str, Any]:
        """`{"error": {"message", "type", "param", "code"}}`."""
        kind = _TYPES.get(self.status, "server_error")
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}

    def body(self) -> bytes:
        """The document as JSON."""
        return orjson.dumps(self.document())

    def sse(self) -> bytes:
        """The document as a server-sent event, for a stream that has begun already, perhaps in the middle of another event."""
        return error_event(self.body())


def error_event(body: bytes) -> bytes:
    """An error's JSON as a server-sent event, whatever it comes after."""
    return b"\n\ndata: " + body + b"\n\n"


def unauthorized(message: str = "The API key or token is missing, unknown, expired or revoked.") -> ApiError:
    """401: one answer for every reason, so that nothing can be learnt by trying."""
    return ApiError(401, "invalid_api_key", message)


def model_not_found(model: str) -> ApiError:
    """404: the same answer for a model that does not exist and for one that the caller may not use."""
    return ApiError(404, "model_not_found", f"The model `{model[:128]}` does not exist or you may not use it.", param="model")


def bad_request(code: str, message: str, param: str | None = None) -> ApiError:
    """400."""
    return ApiError(400, code, message, param=param)
