"""Doors: what stands between AWS and a use case. One decorator per kind of trigger, each does only

    parse → call → answer      with log keys, trace, metrics and the one mapping from errors to answers.

HTTP API (`http`), bus rule (`event`; `raw_event` for events of AWS itself), queue behind a bus rule (`queue`, `raw_queue`),
table stream (`stream`), state machine task (`step`), schedule (`schedule`), one-time schedule (`alarm`).
"""

import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from kit.caller import Caller
from kit.envelope import Envelope, unwrap
from kit.errors import (
    Broken,
    InvalidRequest,
    Refused,
    SlipwayError,
    TooLarge,
    Unauthenticated,
    Violation,
    http_status,
    problem,
)
from kit.observability import count, logger, metrics, tracer
from kit.table import Row, decode
from kit.validation import validated

__all__ = [
    "Answer",
    "Caller",
    "Request",
    "alarm",
    "event",
    "http",
    "principal_context",
    "queue",
    "raw_event",
    "raw_queue",
    "schedule",
    "step",
    "stream",
]

MAX_BODY_BYTES = 1_000_000
MAX_DEPTH = 32
_KEY_LIMIT = 255
_GENERATION_DIGITS = 12

Handler = Callable[[dict[str, Any], Any], Any]
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

    @_measured
    @tracer.capture_lambda_handler(capture_response=False, capture_error=False)
    @functools.wraps(function)
    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        request_id = event.get("requestContext", {}).get("requestId", "unknown")
        _log_context(request_id, context)
        try:
            answer = function(_request(event, request_id))
        except SlipwayError as error:
            return _respond(_refusal(error, request_id), request_id)
        except Exception:  # noqa: BLE001 - the outermost door: whatever it is, the caller gets a problem document and no trace of our insides
            logger.exception("unexpected error")
            return _respond(_internal(request_id), request_id)
        return _respond(answer, request_id)

    return handler


def event(function: Callable[[Envelope], None]) -> Handler:
    """A door for a bus rule whose target is this function. A refusal is final (logged); anything else is raised and delivered again."""

    @_measured
    @tracer.capture_lambda_handler(capture_response=False, capture_error=False)
    @functools.wraps(function)
    def handler(message: dict[str, Any], context: Any) -> None:
        _take(message, function, context)

    return handler


def raw_event(function: Callable[[dict[str, Any]], None]) -> Handler:
    """A door for a rule on AWS's own events, which carry no envelope of ours. Refusals and errors as in `event`."""

    @_measured
    @tracer.capture_lambda_handler(capture_response=False, capture_error=False)
    @functools.wraps(function)
    def handler(message: dict[str, Any], context: Any) -> None:
        _log_context(message["id"], context, event_type=message["detail-type"])
        _final(lambda: function(message))

    return handler


def queue(function: Callable[[Envelope], None]) -> Handler:
    """A door for a queue fed by a bus rule. Each message stands alone: those that fail come back, the others do not."""
    return _queue(lambda message, context: _take(message, function, context))


def raw_queue(function: Callable[[dict[str, Any]], None]) -> Handler:
    """A door for a queue fed by AWS's own events, which carry no envelope of ours."""

    def take(message: dict[str, Any], context: Any) -> None:
        _log_context(message["id"], context)
        _final(lambda: function(message))

    return _queue(take)


def stream(function: Callable[[Row], None]) -> Handler:
    """A door for a table's stream, called with each new row in order. The first that fails stops its batch, which is retried from there.

    Powertools' batch processor would go on behind the failure and so announce later facts before earlier ones.
    """

    @_measured
    @tracer.capture_lambda_handler(capture_response=False, capture_error=False)
    @functools.wraps(function)
    def handler(message: dict[str, Any], context: Any) -> dict[str, Any]:
        _log_context("stream", context)
        for record in message["Records"]:
            try:
                row = decode(record["dynamodb"]["NewImage"])
                function(row)
                count(str(row.document.get("event_type", "Row")))
            except Exception:  # noqa: BLE001 - the mapping retries from this record, bisects, and at last hands it to the dead letters
                logger.exception("a record failed", extra={"event_id": record.get("eventID")})
                return {"batchItemFailures": [{"itemIdentifier": record["dynamodb"]["SequenceNumber"]}]}
        return {"batchItemFailures": []}

    return handler


def step(function: Callable[[dict[str, Any]], dict[str, Any]]) -> Handler:
    """A door for a state machine's task. Errors keep their class name: the machine's Retry and Catch read it."""

    @_measured
    @tracer.capture_lambda_handler(capture_response=False, capture_error=False)
    @functools.wraps(function)
    def handler(message: dict[str, Any], context: Any) -> dict[str, Any]:
        _log_context(str(message.get("operation_id", "unknown")), context)
        return function(message)

    return handler


def schedule(function: Callable[[], Mapping[str, int]]) -> Handler:
    """A door for a schedule; answers (and logs, and counts) what the sweep mended."""

    @_measured
    @tracer.capture_lambda_handler(capture_response=False, capture_error=False)
    @functools.wraps(function)
    def handler(message: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - the runtime's signature
        _log_context("sweep", context)
        outcome = dict(function())
        count("SweepRepairs", sum(outcome.values()))
        logger.info("swept", extra=outcome)
        return outcome

    return handler


def alarm(function: Callable[[dict[str, Any]], Mapping[str, Any]]) -> Handler:
    """A door for a one-time schedule that we set ourselves, called with what it was set with; answers (and logs) what was done."""

    @_measured
    @tracer.capture_lambda_handler(capture_response=False, capture_error=False)
    @functools.wraps(function)
    def handler(message: dict[str, Any], context: Any) -> dict[str, Any]:
        _log_context("alarm", context)
        outcome = dict(function(message))
        logger.info("alarm rang", extra={"called_with": message, "outcome": outcome})
        return outcome

    return handler


def _measured(function: Handler) -> Handler:
    """Flush the metrics after each call, if there are any: Powertools warns of an empty set, which is no fault here."""

    @functools.wraps(function)
    def handler(message: dict[str, Any], context: Any) -> Any:
        try:
            return function(message, context)
        finally:
            if metrics.metric_set:
                metrics.flush_metrics()

    return handler


def _queue(take: Callable[[dict[str, Any], Any], None]) -> Handler:
    from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response

    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)

    @_measured
    @tracer.capture_lambda_handler(capture_response=False, capture_error=False)
    def handler(message: dict[str, Any], context: Any) -> Any:
        def one(record: Any) -> None:
            try:
                take(json.loads(record.body), context)
            except Exception:
                logger.exception("a message failed", extra={"message_id": record.message_id})  # the processor reports it and says no word
                raise

        return process_partial_response(event=message, record_handler=one, processor=processor, context=context)

    return handler


def _take(message: dict[str, Any], function: Callable[[Envelope], None], context: Any) -> None:
    envelope = unwrap(message["detail-type"], message["detail"])
    _log_context(envelope.metadata.correlation_id, context, event_id=envelope.metadata.id, event_type=envelope.event_type)
    _final(lambda: function(envelope))


def _final(call: Callable[[], None]) -> None:
    """A refusal will be refused again however often it is delivered: say so once and let the message go."""
    try:
        call()
    except Refused as error:
        logger.warning("refused", extra={"code": error.code, "reason": error.message})


def _log_context(correlation_id: str, context: Any, **keys: str) -> None:
    logger.clear_state()
    logger.append_keys(correlation_id=correlation_id, function_request_id=getattr(context, "aws_request_id", None), **keys)
    tracer.put_annotation("correlation_id", correlation_id)  # traces are found by it, as log lines are


def _request(event: dict[str, Any], request_id: str) -> Request:
    context = event["requestContext"]
    authorized = (context.get("authorizer") or {}).get("lambda") or {}
    if not authorized.get("principal"):
        raise Unauthenticated("not-authenticated", "no principal behind this request")
    principal = json.loads(authorized["principal"])
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
        caller=Caller(
            subject=principal["subject"],
            kind=principal.get("kind", "token"),
            groups=tuple(principal.get("groups", ())),
            scopes=tuple(principal.get("scopes", ())),
            token_id=principal.get("token_id"),
            only=None if principal.get("only") is None else tuple(principal["only"]),
        ),
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


def principal_context(caller: Caller) -> dict[str, str]:
    """What the authorizer hands on: one JSON string, as the HTTP API passes only plain values."""
    return {"principal": json.dumps({name: value for name, value in asdict(caller).items() if value is not None})}
