"""The supervisor as a process around the mock engine: loading, serving, draining, dying."""

import http.client
import json
import os
import signal
import socket

import pytest
from openai import AuthenticationError, OpenAI

from contracts.engine import FAILURES
from contracts.engine_status import EngineStatus
from tests.functional.engine.harness import KEY, Engine, arguments, chat, send


def test_the_port_tells_the_truth_from_the_first_second() -> None:
    """While the engine loads, the port answers: live, not ready, the phase with progress, and 503 with Retry-After for the model's API."""
    with Engine(arguments(load_seconds=30)) as engine:
        engine.wait_for_phase("loading")
        assert engine.request("GET", "/health/live", key=None)[0] == 200
        assert engine.request("GET", "/health/ready", key=None)[0] == 503
        status = EngineStatus.model_validate(engine.status() | {})
        assert (status.phase, status.failure, status.in_flight) == ("loading", None, 0)
        assert status.progress is not None
        code, headers, content = engine.request("POST", "/v1/chat/completions", chat())
        assert (code, headers["retry-after"]) == (503, "5")
        assert json.loads(content)["error"]["code"] == "model_not_ready"
        engine.terminate()
        assert engine.wait_for_end() == 0


def test_ready_means_that_a_completion_was_answered_and_bytes_pass_unchanged() -> None:
    """Once ready, plain and streamed answers arrive as the engine gave them, and the status knows the heartbeat and the version."""
    with Engine(arguments(tokens_per_second=1000)) as engine:
        engine.wait_for_phase("ready")
        assert engine.request("GET", "/health/ready", key=None)[0] == 200
        status = EngineStatus.model_validate(engine.status())
        assert status.heartbeat_at is not None
        assert (status.engine.kind, status.engine.version) == ("mock", "1")
        code, headers, content = engine.request("POST", "/v1/chat/completions", chat(max_tokens=3))
        assert (code, headers["content-type"], headers["x-slipway-in-flight"]) == (200, "application/json; charset=utf-8", "1")
        assert json.loads(content)["choices"][0]["message"]["content"] == "This is the"
        _, headers, content = engine.request("POST", "/v1/chat/completions", chat(max_tokens=2, stream=True))
        assert headers["content-type"] == "text/event-stream"
        events = content.decode().split("\n\n")
        assert [event[:6] for event in events if event] == ["data: "] * 4
        assert events[-2] == "data: [DONE]"
        assert json.loads(engine.request("GET", "/v1/models")[2])["data"][0]["id"] == "m-1"
        metrics = engine.request("GET", "/metrics", key=None)[2].decode()
        assert 'slipway_engine_phase{model_id="m-1",version="1.0.0",phase="ready"} 1\n' in metrics
        assert 'slipway_engine_generated_tokens_total{model_id="m-1",version="1.0.0"} 6\n' in metrics


def test_the_official_client_works() -> None:
    """The openai package speaks to an engine without any change but its address."""
    with Engine({}) as engine:
        engine.wait_for_phase("ready")
        with OpenAI(base_url=f"http://127.0.0.1:{engine.port}/v1", api_key=KEY, max_retries=0) as client:
            options = {"include_usage": True}
            stream = client.chat.completions.create(
                model="m-1",
                messages=[{"role": "user", "content": "hi"}],
                stream=True,
                max_tokens=4,
                stream_options=options,  # type: ignore[call-overload]
            )
            chunks = list(stream)
            assert "".join(chunk.choices[0].delta.content for chunk in chunks if chunk.choices) == "This is the mock "
            assert chunks[-1].usage.completion_tokens == 4
            vectors = client.embeddings.create(model="m-1", input=["a", "b"], encoding_format="float")
            assert len(vectors.data) == 2
        with (
            OpenAI(base_url=f"http://127.0.0.1:{engine.port}/v1", api_key="wrong", max_retries=0) as client,
            pytest.raises(AuthenticationError),
        ):
            client.models.list()


@pytest.mark.parametrize(
    ("method", "path", "key", "status", "code"),
    [
        ("POST", "/v1/chat/completions", None, 401, "invalid_api_key"),
        ("POST", "/v1/chat/completions", "x", 401, "invalid_api_key"),
        ("POST", "/v1/chat/completions", "ключ", 401, "invalid_api_key"),
        ("GET", "/v1/models", None, 401, "invalid_api_key"),
        ("GET", "/v1/chat/completions", KEY, 405, "method_not_supported"),
        ("POST", "/invocations", KEY, 404, "unknown_url"),
        ("POST", "/tokenize", KEY, 404, "unknown_url"),
        ("POST", "/v1/load_lora_adapter", KEY, 404, "unknown_url"),
        ("GET", "/v1//models", KEY, 404, "unknown_url"),
        ("GET", "/v1/%2e%2e/metrics", KEY, 404, "unknown_url"),
        ("GET", "/docs", KEY, 404, "unknown_url"),
    ],
)
def test_only_the_listed_paths_and_only_with_the_key(
    serving: Engine, method: str, path: str, key: str | None, status: int, code: str
) -> None:
    """What an engine has open besides is shut, and errors have OpenAI's shape."""
    headers = {"Authorization": f"Bearer {key}".encode()} if key else {}
    connection = serving.connect()
    connection.request(method, path, b"{}", headers)
    answer = connection.getresponse()
    body = json.loads(answer.read())
    connection.close()
    assert (answer.status, body["error"]["code"]) == (status, code)


def test_a_body_over_the_limit_is_refused(serving: Engine) -> None:
    """33 MiB is more than any request may have; the engine never sees it."""
    with socket.create_connection(("127.0.0.1", serving.port), timeout=30) as client:
        head = f"POST /v1/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nContent-Length: {33 * 1024 * 1024}\r\n\r\n"
        client.sendall(head.encode())
        try:
            for _ in range(33):
                client.sendall(bytes(1024 * 1024))
        except (BrokenPipeError, ConnectionResetError):
            pass
        else:
            assert client.recv(100).startswith(b"HTTP/1.1 413")
    assert serving.request("POST", "/v1/completions", {"prompt": "x"})[0] == 200


def test_errors_of_the_engine_pass_unchanged() -> None:
    """A refusal by the engine reaches the client as the engine put it."""
    with Engine(arguments(context_length=5)) as engine:
        engine.wait_for_phase("ready")
        code, _, content = engine.request("POST", "/v1/completions", {"prompt": "one two three four five six"})
        assert code == 400
        assert "maximum context length is 5" in json.loads(content)["error"]["message"]


def test_sigterm_lets_an_open_stream_finish_and_refuses_new_requests() -> None:
    """Draining: the status says so, the stream runs to its end, new requests are turned away, the exit status is 0."""
    with Engine(arguments(tokens_per_second=8)) as engine:
        engine.wait_for_phase("ready")
        stream = engine.connect()
        send(stream, "POST", "/v1/chat/completions", chat(stream=True, max_tokens=40))
        answer = stream.getresponse()
        answer.readline()
        engine.terminate()
        engine.wait_for_phase("draining")
        assert engine.status()["phase"] == "draining"
        assert engine.request("GET", "/health/ready", key=None)[0] == 503
        refused = _first_refusal(engine)
        assert refused["retry-after"] == "1"
        assert engine.status()["in_flight"] == 1
        assert answer.read().endswith(b"data: [DONE]\n\n")
        stream.close()
        assert engine.wait_for_end() == 0
        assert engine.wait_for("drained")["cut"] == 0


def _first_refusal(engine: Engine) -> dict[str, str]:
    while True:
        code, headers, _ = engine.request("POST", "/v1/completions", {"prompt": "x", "max_tokens": 1})
        if code == 503:
            return headers


def test_a_stream_that_outlives_the_drain_is_cut_without_an_end() -> None:
    """At the deadline the connection breaks; it does not end as if the answer were whole."""
    with Engine(arguments(tokens_per_second=2) | {"SLIPWAY_DRAIN_SECONDS": "2"}) as engine:
        engine.wait_for_phase("ready")
        stream = engine.connect()
        send(stream, "POST", "/v1/chat/completions", chat(stream=True, max_tokens=10_000))
        answer = stream.getresponse()
        answer.readline()
        engine.terminate()
        with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
            answer.read()
        stream.close()
        assert engine.wait_for_end() == 0
        assert engine.wait_for("drained")["cut"] == 1


def test_a_client_that_goes_away_stops_the_engines_work() -> None:
    """The disconnection reaches the engine, which is no longer running the request."""
    with Engine(arguments(tokens_per_second=5)) as engine:
        engine.wait_for_phase("ready")
        stream = engine.connect()
        send(stream, "POST", "/v1/chat/completions", chat(stream=True, max_tokens=100_000))
        stream.getresponse().readline()
        assert engine.status()["in_flight"] == 1
        stream.close()
        while engine.status()["in_flight"]:
            pass
        idle = b'slipway_engine_requests_running{model_id="m-1",version="1.0.0"} 0\n'
        while idle not in engine.request("GET", "/metrics", key=None)[2]:
            pass


def test_a_crash_while_serving_is_seen_by_probers_and_named_by_the_exit_status() -> None:
    """The client gets an error, the status says failed with the cause, and the container exits with the code's number."""
    with Engine(arguments(crash_after_requests=1)) as engine:
        engine.wait_for_phase("ready")
        assert engine.request("POST", "/v1/chat/completions", chat())[0] in {502, 503}
        engine.wait_for("failed", code="engine-crashed")
        failure = engine.status()["failure"]
        assert failure["code"] == "engine-crashed"
        assert "the mock engine crashes as it was told to" in failure["message"]
        assert engine.request("GET", "/health/live", key=None)[0] == 200
        engine.terminate()
        assert engine.wait_for_end() == FAILURES["engine-crashed"].exit_status


def test_a_crash_in_the_middle_of_a_stream_breaks_it() -> None:
    """A stream whose engine died does not end like a whole one."""
    with Engine(arguments(tokens_per_second=5, crash_after_seconds=2)) as engine:
        engine.wait_for_phase("ready")
        stream = engine.connect()
        send(stream, "POST", "/v1/chat/completions", chat(stream=True, max_tokens=10_000))
        with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
            stream.getresponse().read()
        stream.close()


@pytest.mark.parametrize("code", ["out-of-memory-gpu", "context-too-long", "out-of-memory-host", "gpu-unavailable"])
def test_each_failure_at_the_start_has_its_exit_status(code: str) -> None:
    """The mock fails as it is told to, through the same path as a real engine."""
    with Engine(arguments(fail_with=code) | {"SLIPWAY_FAILURE_LINGER_SECONDS": "0"}) as engine:
        assert engine.wait_for_end() == FAILURES[code].exit_status
        assert engine.wait_for("failed", code=code)["hint"] == FAILURES[code].hint


def test_a_wrong_argument_is_told_on_the_port() -> None:
    """Nothing is started, but whoever probes learns which field is wrong."""
    with Engine(arguments(shell="; rm -rf /")) as engine:
        engine.wait_for("failed", code="configuration-invalid")
        status = engine.status()
        assert status["phase"] == "failed"
        assert "engine.arguments.shell" in status["failure"]["message"]
        engine.terminate()
        assert engine.wait_for_end() == 64


def test_a_taken_port_has_its_exit_status() -> None:
    """Without its port the supervisor cannot tell anyone but by its exit."""
    with socket.create_server(("127.0.0.1", 0)) as taken, Engine({"SLIPWAY_LISTEN_PORT": str(taken.getsockname()[1])}) as engine:
        assert engine.wait_for_end() == FAILURES["port-in-use"].exit_status


def test_an_engine_that_never_gets_ready_times_out() -> None:
    """The start has an end, and the phase in which it got stuck is in the message."""
    with Engine(arguments(load_seconds=3600) | {"SLIPWAY_START_TIMEOUT_SECONDS": "1", "SLIPWAY_FAILURE_LINGER_SECONDS": "0"}) as engine:
        assert engine.wait_for_end() == FAILURES["engine-start-timeout"].exit_status
        assert "still loading" in engine.wait_for("failed")["cause"]


def test_the_engine_dies_with_its_supervisor() -> None:
    """Even SIGKILL to the supervisor leaves no engine behind."""
    with Engine({}) as engine:
        engine.wait_for_phase("ready")
        pid = engine.wait_for("engine started")["pid"]
        os.kill(engine.process.pid, signal.SIGKILL)
        engine.wait_for_end()
        while _runs(pid):
            pass


def test_no_secret_and_no_prompt_in_the_log() -> None:
    """Neither the shared key nor a prompt ever reaches the log."""
    with Engine({}) as engine:
        engine.wait_for_phase("ready")
        engine.request("POST", "/v1/completions", {"prompt": "my-very-own-prompt"})
        engine.terminate()
        engine.wait_for_end()
        text = json.dumps(engine.log)
        assert KEY not in text
        assert "my-very-own-prompt" not in text
        assert all({"time", "level", "message", "model_id", "version", "phase"} <= entry.keys() for entry in engine.log)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
