"""Routes of the HTTP API."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from kit.caller import Caller
from kit.door.opening import Handler, log_context, opened
from kit.door.principal import caller_of
from kit.errors import Broken, InvalidRequest, Refused, SlipwayError, TooLarge, Violation, http_status, problem
from kit.observability import logger
from kit.validation import validated

MAX_BODY_BYTES = 1_000_000
MAX_DEPTH = 32
_KEY_LIMIT = 255
_GENERATION_DIGITS = 12

Body = TypeVar("Body")


@dataclass(frozen=True)
class Request:
    """One HTTP request behind the authorizer."""

    method: str
    path: str
    path_parameters: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    raw_body: str
    caller: Caller
    request_id: str

    def json(self) -> Any:
        """The body as JSON; `InvalidRequest` if it is not, or nests deeper than 32 levels; `TooLarge` over 1 MB."""
        if len(self.raw_body.encode(errors="surrogatepass")) > MAX_BODY_BYTES:
            raise TooLarge("body-too-large", f"the body exceeds {MAX_BODY_BYTES} bytes")
        _refuse_deep(self.raw_body)
        try:
            content = json.loads(self.raw_body or "{}", parse_constant=_refuse_constant)
        except ValueError as error:
            raise InvalidRequest("body-not-json", "the body is not JSON", malformed=True) from error
        if not _is_text(self.raw_body, content):
            raise InvalidRequest("body-not-text", "the body holds half a surrogate pair, which is no character", malformed=True)
        return content

    def body(self, validate: Callable[[Any], Body]) -> Body:
        """The body as a contract (`Contract.validate`); `InvalidRequest` names every field that is refused."""
        content = self.json()
        if not isinstance(content, dict):
            raise InvalidRequest("body-not-object", "the body must be a JSON object", malformed=True)
        return validated(validate, content)

    def parameters(self, validate: Callable[[Any], Body]) -> Body:
        """The query string as a contract."""
        return validated(validate, dict(self.query))

    @property
    def idempotency_key(self) -> str | None:
        """The `Idempotency-Key` header, at most 255 visible characters. Refused where a dry run was asked for: what follows would act."""
        if self.dry_run:
            refused = Violation("dry_run", "dry-run-not-possible", "this command cannot be tried without being done")
            raise InvalidRequest("validation-failed", "1 field(s) are not acceptable", violations=[refused])
        key = self.headers.get("idempotency-key")
        if key is not None and not (0 < len(key) <= _KEY_LIMIT and key.isascii() and key.isprintable()):
            raise InvalidRequest("idempotency-key-invalid", "Idempotency-Key takes 1 to 255 visible ASCII characters", malformed=True)
        return key

    @property
    def dry_run(self) -> bool:
        """Whether the caller wants to know what would happen, and not that it happens (`?dry_run=true`)."""
        given = self.query.get("dry_run", "false")
        if given not in {"true", "false"}:
            refused = Violation("dry_run", "bool-parsing", "takes true or false")
            raise InvalidRequest("validation-failed", "1 field(s) are not acceptable", violations=[refused])
        return given == "true"

    @property
    def expected_generation(self) -> int | None:
        """The generation in `If-Match` (`"3"`), or None if it was not sent (or is `*`)."""
        header = self.headers.get("if-match")
        if header is None or header.strip() == "*":
            return None
        text = header.strip().removeprefix("W/").strip('"')
        if not (text.isdecimal() and len(text) <= _GENERATION_DIGITS):
            raise InvalidRequest("if-match-invalid", "If-Match takes the generation in quotes, as the ETag gave it", malformed=True)
        return int(text)


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; `body` is JSON-ready or None."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


def http(function: Callable[[Request], Answer]) -> Handler:
    """A door for one route of the HTTP API."""

    @opened(function)
    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        request_id = event.get("requestContext", {}).get("requestId", "unknown")
        log_context(request_id, context)
        try:
            answer = function(_request(event, request_id))
        except SlipwayError as error:
            return _respond(_refusal(error, request_id), request_id)
        except Exception:  # noqa: BLE001 - the outermost door: whatever it is, the caller gets a problem document and no trace of our insides
            logger.exception("unexpected error")
            return _respond(_internal(request_id), request_id)
        return _respond(answer, request_id)

    return handler


def _request(event: dict[str, Any], request_id: str) -> Request:
    context = event["requestContext"]
    caller = caller_of(context)
    body = event.get("body") or ""
    if event.get("isBase64Encoded"):
        body = _decoded(body)
    return Request(
        method=context["http"]["method"],
        path=event["rawPath"],
        path_parameters=event.get("pathParameters") or {},
        query=event.get("queryStringParameters") or {},
        headers={name.lower(): value for name, value in (event.get("headers") or {}).items()},
        raw_body=body,
        caller=caller,
        request_id=request_id,
    )


def _decoded(body: str) -> str:
    import base64
    import binascii

    try:
        return base64.b64decode(body, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise InvalidRequest("body-not-text", "the body is not UTF-8 text", malformed=True) from error


def _refusal(error: SlipwayError, request_id: str) -> Answer:
    status = http_status(error)
    level = logger.info if isinstance(error, Refused) else logger.error
    level("answered with a problem", extra={"code": error.code, "reason": error.message, "status": status})
    if isinstance(error, Broken) or type(error) is SlipwayError:
        return _internal(request_id)  # what is broken inside is for our logs, not for the caller
    headers = {"retry-after": "1"} if status in {429, 503} else {}
    return Answer(status, problem(error, request_id), headers | {"content-type": "application/problem+json"})


def _internal(request_id: str) -> Answer:
    document = problem(SlipwayError("internal-error", "something failed on our side", "Send the request id to the operators."), request_id)
    return Answer(500, document, {"content-type": "application/problem+json"})


def _respond(answer: Answer, request_id: str) -> dict[str, Any]:
    headers = {"content-type": "application/json", "cache-control": "no-store", "x-request-id": request_id, **answer.headers}
    body = "" if answer.body is None else answer.body if isinstance(answer.body, str) else json.dumps(answer.body, ensure_ascii=False)
    return {"statusCode": answer.status, "headers": headers, "body": body}


def _refuse_deep(text: str) -> None:
    depth = deepest = 0
    quoted = escaped = False
    for character in text:
        if quoted:
            quoted, escaped = (character != '"' or escaped), (character == "\\" and not escaped)
        elif character == '"':
            quoted = True
        elif character in "[{":
            depth += 1
            deepest = max(deepest, depth)
            if deepest > MAX_DEPTH:
                raise InvalidRequest("body-too-deep", f"the body nests deeper than {MAX_DEPTH} levels", malformed=True)
        elif character in "]}":
            depth -= 1


def _is_text(raw: str, content: Any) -> bool:
    """Whether everything in the body can be written as UTF-8: half a surrogate pair passes for JSON, and then no table takes it."""
    try:
        raw.encode()
        if "\\u" in raw:
            json.dumps(content, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)
