"""Traces: joined to the caller's, sampled as the caller or a share decides, told to collectors in their own words."""

import asyncio
import json
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.exchange import Exchange
from router.metrics import Metrics
from router.settings import Settings, SettingsInvalid
from router.telling.collectors import OtlpCollector, XRayDaemon
from router.telling.tracing import CollectorUnavailable, Span, Tracer
from router.telling.usage import Usage

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
W3C = f"00-{TRACE}-{PARENT}-01".encode()
XRAY = f"Root=1-{TRACE[:8]}-{TRACE[8:]};Parent={PARENT};Sampled=1".encode()
ENVIRONMENT = {
    "ENVIRONMENT": "test", "ROUTE_TABLE": "r", "TOKEN_TABLE": "t", "BUS_NAME": "b", "PEPPER_SECRET_ARN": "p", "ENGINE_API_KEY": "k",
}  # fmt: skip


class Kept:
    """A collector that keeps what it gets, or is away."""

    def __init__(self, *, away: bool = False) -> None:
        self.away, self.spans = away, list[Span]()

    def send(self, spans: Sequence[Span]) -> None:
        """Keep them."""
        if self.away:
            raise CollectorUnavailable("gone")
        self.spans += spans


def tracer(collector: Any = None, share: float = 1.0) -> tuple[Tracer, Metrics]:
    """A tracer, and what it counts."""
    metrics = Metrics()
    return Tracer(collector or Kept(), share, ThreadPoolExecutor(1), metrics), metrics


def exchange(headers: dict[bytes, bytes] | None = None, path: str = "/v1/chat/completions") -> Exchange:
    """A chat that was answered with 5 tokens."""

    async def never() -> Any:
        raise AssertionError

    made = Exchange({"method": "POST", "path": path, "headers": list((headers or {}).items())}, never, lambda _message: never())
    made.model, made.version, made.target, made.status, made.outcome = "tiny", "1.0.0", "t-1", 200, "ok"
    made.usage, made.token_id, made.stream = Usage(7, 5), "abcdefghijklmn23", True
    made.started_at -= 0.01
    made.asked_at, made.first_byte_at = made.started_at + 0.001, made.started_at + 0.002
    return made


@pytest.mark.parametrize(
    "headers", [{b"traceparent": W3C}, {b"x-amzn-trace-id": XRAY}, {b"traceparent": W3C, b"x-amzn-trace-id": b"Root=x"}]
)
def test_a_request_joins_its_callers_trace(headers: dict[bytes, bytes]) -> None:
    """The engine is told the same trace in both forms, under a span that is neither the caller's nor the router's own."""
    trace = tracer()[0].join(headers)
    assert trace is not None
    assert (trace.trace_id, trace.parent_id) == (TRACE, PARENT)
    assert headers[b"traceparent"] == f"00-{TRACE}-{trace.call_id}-01".encode()
    assert headers[b"x-amzn-trace-id"] == f"Root=1-{TRACE[:8]}-{TRACE[8:]};Parent={trace.call_id};Sampled=1".encode()
    assert len({trace.call_id, trace.span_id, PARENT}) == 3


@pytest.mark.parametrize(
    ("headers", "share", "sampled"),
    [
        ({b"traceparent": W3C[:-2] + b"00"}, 1.0, False),
        ({b"traceparent": W3C}, 0.0, True),
        ({b"x-amzn-trace-id": XRAY[:-1] + b"0"}, 1.0, False),
        ({b"x-amzn-trace-id": XRAY.partition(b";")[0]}, 1.0, True),
        ({b"x-amzn-trace-id": XRAY.partition(b";")[0]}, 0.0, False),
        ({}, 1.0, True),
        ({}, 0.0, False),
    ],
)
def test_who_decided_has_decided(headers: dict[bytes, bytes], share: float, sampled: bool) -> None:
    """The caller's word counts before our share; what is not sampled goes through as it came."""
    before = dict(headers)
    assert (tracer(share=share)[0].join(headers) is not None) == sampled
    assert sampled or headers == before


@given(st.binary(max_size=80))
def test_nonsense_begins_a_trace_of_its_own(given_header: bytes) -> None:
    """Whatever stands in the headers, the engine gets well-formed ones."""
    headers = {b"traceparent": given_header, b"x-amzn-trace-id": given_header}
    trace = tracer()[0].join(headers)
    assert trace is not None
    assert len(trace.trace_id) == 32
    assert headers[b"traceparent"].isascii()


def told(collector: Any, *exchanges: Exchange) -> Metrics:
    """Tell of these."""

    async def work() -> Metrics:
        made, metrics = tracer(collector)
        for one in exchanges:
            trace = made.join(one.headers)
            assert trace is not None
            made.tell(one, trace)
        await made.flush()
        return metrics

    return asyncio.run(work())


def test_a_span_says_what_was_asked_of_whom_and_what_became_of_it() -> None:
    """Times in their order, ids, counts; it has no room for more."""
    kept = Kept()
    told(kept, exchange({b"traceparent": W3C}))
    (span,) = kept.spans
    assert span.started_at < span.asked_at < span.first_byte_at < span.ended_at
    assert (span.trace_id, span.parent_id, span.model, span.input_tokens, span.output_tokens) == (TRACE, PARENT, "tiny", 7, 5)


def test_a_collector_that_is_away_costs_spans_alone() -> None:
    """They are counted; so are those that come while too many wait."""
    text = told(Kept(away=True), exchange()).text()
    assert b'slipway_router_spans_total{outcome="lost"} 1.0' in text
    text = told(Kept(), *[exchange() for _ in range(4097)]).text()
    assert b'slipway_router_spans_total{outcome="lost"} 1.0' in text
    assert b'slipway_router_spans_total{outcome="sent"} 4096.0' in text


@pytest.fixture
def post() -> Any:
    """An HTTP server that takes one kind of answer from the test and keeps what was posted."""

    class Door(BaseHTTPRequestHandler):
        status, bodies = 200, list[Any]()

        def do_POST(self) -> None:
            """Keep the body."""
            self.bodies.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            self.send_response(self.status)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    Door.bodies = []
    server = HTTPServer(("127.0.0.1", 0), Door)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1/traces", Door
    server.shutdown()
    server.server_close()
    thread.join()


def test_otlp(post: Any) -> None:
    """Two spans: as served, joined to the caller's, and as asked of the target, below it; nothing of ours leaves out its service's name."""
    url, door = post
    told(OtlpCollector(url, "test", "router-0"), exchange({b"traceparent": W3C}))
    ((path, document),) = door.bodies
    assert path == "/v1/traces"
    (resource,) = document["resourceSpans"]
    assert {"key": "service.name", "value": {"stringValue": "slipway-router"}} in resource["resource"]["attributes"]
    served, asked = resource["scopeSpans"][0]["spans"]
    assert (served["traceId"], served["parentSpanId"], served["kind"], asked["parentSpanId"]) == (TRACE, PARENT, 2, served["spanId"])
    attributes = {one["key"]: next(iter(one["value"].values())) for one in served["attributes"]}
    assert (attributes["gen_ai.request.model"], attributes["gen_ai.usage.output_tokens"], attributes["slipway.stream"]) == (
        "tiny",
        "5",
        True,
    )


def test_a_collector_that_refuses_is_unavailable(post: Any) -> None:
    """A status of its own, or nobody there: the spans are lost, and the request has long been answered."""
    url, door = post
    door.status = 503
    assert b'spans_total{outcome="lost"} 1.0' in told(OtlpCollector(url, "test", "r"), exchange()).text()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}/"
    assert b'spans_total{outcome="lost"} 1.0' in told(OtlpCollector(nobody, "test", "r"), exchange()).text()


@pytest.mark.parametrize(("status", "marks"), [(200, set()), (400, {"error"}), (429, {"error", "throttle"}), (502, {"fault"})])
def test_xray(status: int, marks: set[str]) -> None:
    """A segment in a datagram, with the daemon's head, the caller's segment as its parent and the target as its subsegment."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
        daemon.bind(("127.0.0.1", 0))
        daemon.settimeout(5)
        one = exchange({b"x-amzn-trace-id": XRAY})
        one.status = status
        told(XRayDaemon(f"127.0.0.1:{daemon.getsockname()[1]}", "test"), one)
        head, _, body = daemon.recv(65_536).partition(b"\n")
    segment = json.loads(body)
    assert json.loads(head) == {"format": "json", "version": 1}
    assert (segment["trace_id"], segment["parent_id"]) == (f"1-{TRACE[:8]}-{TRACE[8:]}", PARENT)
    assert (segment["annotations"]["model"], segment["subsegments"][0]["name"]) == ("tiny", "tiny")
    assert {"error", "fault", "throttle"} & set(segment) == marks


@pytest.mark.parametrize(
    ("variables", "read"),
    [
        ({}, ("", "")),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318/"}, ("http://c:4318/v1/traces", "")),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://d/t"}, ("https://d/t", "")),
        ({"AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000"}, ("", "127.0.0.1:2000")),
        ({"AWS_XRAY_DAEMON_ADDRESS": "tcp:127.0.0.1:2000 udp:127.0.0.2:2001"}, ("", "127.0.0.2:2001")),
    ],
)
def test_collectors_are_named_as_others_name_them(variables: dict[str, str], read: tuple[str, str]) -> None:
    """OpenTelemetry's and X-Ray's own variables; without them nothing is traced."""
    settings = Settings.from_environment(ENVIRONMENT | variables)
    assert (settings.trace_endpoint, settings.xray_daemon) == read


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "c:4317"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "c:4317/v1/traces"),
        ("AWS_XRAY_DAEMON_ADDRESS", "daemon"),
    ],
)
def test_a_collector_that_cannot_be_is_refused_at_the_start(name: str, value: str) -> None:
    """By the name of the variable that was set."""
    with pytest.raises(SettingsInvalid, match=f"^{name} "):
        Settings.from_environment(ENVIRONMENT | {name: value})
