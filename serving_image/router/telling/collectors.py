"""Who collects traces: anything that takes OpenTelemetry's protocol over HTTP (as JSON), or the X-Ray daemon (over UDP)."""

import contextlib
import http.client
import socket
from collections.abc import Iterator, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from router.statuses import BAD_REQUEST, SERVER_ERROR, TOO_MANY_REQUESTS
from router.telling.tracing import CollectorUnavailable, Span

_SERVER, _CLIENT = 2, 3
_ERROR: Final = 2
_SECONDS: Final = 5.0
_NANO: Final = 1_000_000_000
_SERVICE: Final = "slipway-router"
_DAEMON_HEAD: Final = b'{"format":"json","version":1}\n'


class OtlpCollector:
    """OTLP over HTTP. `endpoint` takes POSTs, such as http://127.0.0.1:4318/v1/traces."""

    def __init__(self, endpoint: str, environment: str, router_id: str) -> None:
        place = urlsplit(endpoint)
        if place.scheme not in {"http", "https"} or not place.hostname:
            raise ValueError("not an address of a collector")
        self._https, self._host, self._port = place.scheme == "https", place.hostname, place.port
        self._path = (place.path or "/") + (f"?{place.query}" if place.query else "")
        named = {"service.name": _SERVICE, "service.instance.id": router_id, "deployment.environment.name": environment}
        self._resource = {"attributes": _attributes(named)}

    def send(self, spans: Sequence[Span]) -> None:
        """See `tracing.Collector`."""
        told = [one for span in spans for one in _otlp(span)]
        body = orjson.dumps({"resourceSpans": [{"resource": self._resource, "scopeSpans": [{"scope": {"name": _SERVICE}, "spans": told}]}]})
        kind = http.client.HTTPSConnection if self._https else http.client.HTTPConnection
        connection = kind(self._host, self._port, timeout=_SECONDS)
        try:
            connection.request("POST", self._path, body, {"Content-Type": "application/json"})
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            raise CollectorUnavailable(type(error).__name__) from error
        finally:
            connection.close()
        if status >= BAD_REQUEST:
            raise CollectorUnavailable(str(status))


class XRayDaemon:
    """The X-Ray daemon: a datagram for each segment. `address` is host:port."""

    def __init__(self, address: str, environment: str) -> None:
        host, _, port = address.rpartition(":")
        self._address = (host, int(port))
        self._environment = environment

    def send(self, spans: Sequence[Span]) -> None:
        """See `tracing.Collector`. Whether anybody hears is not told."""
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
            for span in spans:
                daemon.sendto(_DAEMON_HEAD + orjson.dumps(segment(span, self._environment)), self._address)


def segment(span: Span, environment: str) -> dict[str, Any]:
    """The span as a segment of X-Ray's, with what was asked of the model's target as its subsegment."""
    failed = {"fault": True} if span.status >= SERVER_ERROR else {"error": True} if span.status >= BAD_REQUEST else {}
    told: dict[str, Any] = {
        "name": _SERVICE,
        "id": span.span_id,
        "trace_id": f"1-{span.trace_id[:8]}-{span.trace_id[8:]}",
        "start_time": span.started_at / _NANO,
        "end_time": span.ended_at / _NANO,
        "http": {"request": {"method": span.method, "url": span.path}, "response": {"status": span.status}},
        "annotations": {name: value for name, value in _named(span).items() if value not in {"", 0}} | {"environment": environment},
        **failed,
    }
    if span.status == TOO_MANY_REQUESTS:
        told["throttle"] = True
    if span.parent_id:
        told["parent_id"] = span.parent_id
    if span.asked_at:
        call = {"name": span.model, "id": span.call_id, "namespace": "remote"}
        told["subsegments"] = [call | {"start_time": span.asked_at / _NANO, "end_time": span.ended_at / _NANO, **failed}]
    return told


def _named(span: Span) -> dict[str, str | int]:
    """What can be searched for; X-Ray takes letters, digits and low lines in a name."""
    return {
        "model": span.model,
        "version": span.version,
        "target": span.target,
        "token_id": span.token_id,
        "outcome": span.outcome,
        "request_id": span.request_id,
        "input_tokens": span.input_tokens,
        "output_tokens": span.output_tokens,
        "first_byte_ms": (span.first_byte_at - span.started_at) // 1_000_000 if span.first_byte_at else 0,
    }


def _otlp(span: Span) -> Iterator[dict[str, Any]]:
    """The request as it was served, and what was asked of the model's target, in OpenTelemetry's names."""
    status = {"status": {"code": _ERROR}} if span.status >= SERVER_ERROR else {}
    served = {
        "http.request.method": span.method,
        "url.path": span.path,
        "http.response.status_code": span.status,
        "slipway.outcome": span.outcome,
        "slipway.request_id": span.request_id,
        "slipway.token_id": span.token_id,
    }
    times = {"startTimeUnixNano": str(span.started_at), "endTimeUnixNano": str(span.ended_at)}
    about = {"traceId": span.trace_id, "spanId": span.span_id, "name": f"{span.method} {span.path}", "kind": _SERVER, **times, **status}
    if span.parent_id:
        about["parentSpanId"] = span.parent_id
    yield about | {"attributes": _attributes(served | _asked(span))}
    if not span.asked_at:
        return
    call = {"traceId": span.trace_id, "spanId": span.call_id, "parentSpanId": span.span_id, "name": f"ask {span.model}", "kind": _CLIENT}
    events = [{"timeUnixNano": str(span.first_byte_at), "name": "first byte"}] if span.first_byte_at else []
    yield call | times | status | {"startTimeUnixNano": str(span.asked_at), "events": events, "attributes": _attributes(_asked(span))}


def _asked(span: Span) -> dict[str, str | int | bool]:
    return {
        "gen_ai.request.model": span.model,
        "gen_ai.usage.input_tokens": span.input_tokens,
        "gen_ai.usage.output_tokens": span.output_tokens,
        "slipway.model.version": span.version,
        "slipway.target": span.target,
        "slipway.stream": span.stream,
    }


def _attributes(named: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": name, "value": _value(value)} for name, value in named.items() if value not in {"", 0} or isinstance(value, bool)]


def _value(value: str | int | bool) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}
