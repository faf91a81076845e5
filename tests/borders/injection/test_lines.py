"""Where what people say becomes a line, a key, a label or a header: it stays within it."""

import io
import json
import logging
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from engine.adapters.base import Metrics as EngineMetrics
from engine.logs import JsonFormatter
from engine.metrics import own_metrics, translate
from engine.state import State
from kit.caller import command
from kit.commands import _partition
from kit.observability import logger
from router.errors import ApiError, error_event
from router.exchange import Exchange
from router.log import Log
from router.metrics import Metrics
from tests.borders.injection.nasty import TRICKS, texts
from tests.evidence import counted, scaled
from tests.functional.serving import samples
from tests.functional.serving.world import serving_world

whole = texts.filter(lambda text: not any("\ud800" <= character <= "\udfff" for character in text))


@settings(max_examples=scaled(200), deadline=None)
@given(st.dictionaries(st.sampled_from(["path", "trace", "subject", "model", "reason"]), whole, max_size=4), whole)
def test_a_routers_line_stays_one_line(fields: dict[str, str], message: str) -> None:
    """One JSON object, one line end, whatever is logged: nobody writes a line of somebody else's."""
    out = io.BytesIO()
    Log(out).info(message, **fields)
    assert out.getvalue().count(b"\n") == 1
    assert b"\r" not in out.getvalue()
    assert json.loads(out.getvalue())["message"] == message
    counted("log_lines_tried", 1, where="router")


@settings(max_examples=scaled(200), deadline=None)
@given(texts, texts, st.text(min_size=8, max_size=20))
def test_an_engines_line_stays_one_line(message: str, extra: str, secret: str) -> None:
    """Also of what engines print, with an exception's text, and without the secret in any of JSON's spellings."""
    formatter = JsonFormatter(State())
    formatter.hide(secret)
    error = ValueError(f"{extra} {secret}")
    record = logging.LogRecord("engine", logging.ERROR, "x", 1, f"{message} {secret}", None, (ValueError, error, None))
    record.cause = f"{secret} {extra}"
    line = formatter.format(record)
    assert line.count("\n") == 0
    document = json.loads(line)
    assert document["level"] == "ERROR"
    assert f" {secret}" not in document["message"][: 4000 - len(secret)]
    counted("log_lines_tried", 1, where="engine")


@settings(max_examples=scaled(100), deadline=None)
@given(message=texts, extra=texts)
def test_a_functions_line_stays_one_line(message: str, extra: str) -> None:
    """Powertools' formatter as the functions use it."""
    formatter = logger.registered_formatter
    record = logging.LogRecord("x", logging.INFO, "x", 1, message, None, None)
    record.reason = extra
    line = formatter.format(record)
    assert line.count("\n") == 0
    assert isinstance(json.loads(line), dict)
    counted("log_lines_tried", 1, where="functions")


@settings(max_examples=scaled(150), deadline=None)
@given(whole, whole)
def test_labels_stay_labels(model: str, version: str) -> None:
    """A model's name in a metric, at the router and at the engine, gives one sample with that very label and no other metric."""
    metrics = Metrics()
    metrics.traffic.answered(model, version, 200, 0.1, None)
    found = list(text_string_to_metric_families(metrics.text().decode()))
    (sample,) = [s for family in found for s in family.samples if s.name == "slipway_router_requests_total"]
    assert sample.labels == {"model": model, "version": version, "status": "200"}
    assert all(family.name.startswith("slipway_router") for family in found)
    state = State(model_id=model, version=version)
    exposition = own_metrics(state)
    names = {line.split("{")[0] for line in exposition.split("\n") if line}
    assert names <= {
        "slipway_engine_phase",
        "slipway_engine_phase_seconds",
        "slipway_engine_requests_in_flight",
        "slipway_engine_heartbeat_age_seconds",
    }
    counted("labels_tried", 1)


@given(st.sampled_from(["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", "\r"]))
def test_an_engines_label_makes_no_sample(line_end: str) -> None:
    """What Python takes for a line's end inside a label is none in this format."""
    exposition = f'vllm:num_requests_running{{a="x{line_end}vllm:num_requests_running 999"}} 1\n'
    assert " 999\n" not in translate(exposition, EngineMetrics({"vllm:num_requests_running": "slipway_running"}, "", ""), 'm="1"')


@settings(max_examples=scaled(150), deadline=None)
@given(whole, whole)
def test_an_error_in_a_stream_is_one_event(message: str, code: str) -> None:
    """Line ends in an error's text stay inside its JSON."""
    event = error_event(ApiError(500, code, message).body())
    (data,) = [block for block in event.split(b"\n\n") if block]
    assert data.startswith(b"data: ")
    assert b"\n" not in data
    assert b"\r" not in data
    assert json.loads(data[6:])["error"]["message"] == message


@settings(max_examples=scaled(150), deadline=None)
@given(st.binary(max_size=200))
def test_a_request_id_is_ours_or_plain(given_id: bytes) -> None:
    """What comes back in a header is letters, digits and four signs, at most 128 of them."""

    async def nothing(*_: Any) -> Any:
        return {}

    exchange = Exchange({"method": "GET", "path": "/", "headers": [(b"x-request-id", given_id)]}, nothing, nothing)
    ((_, value),) = exchange.extra_headers
    assert 0 < len(value) <= 128
    assert all(character in b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:-" for character in value)


@settings(max_examples=scaled(300), deadline=None)
@given(st.tuples(texts, st.text("ab#:%|", max_size=6)), st.tuples(texts, st.text("ab#:%|", max_size=6)))
def test_no_two_commands_share_a_key(one: tuple[str, str], other: tuple[str, str]) -> None:
    """Caller and Idempotency-Key make the row's key together; no caller can spell another's."""
    callers = [pair[0].encode("utf-8", "replace").decode() for pair in (one, other)]
    keys = [_partition(command(caller, pair[1], {})) for caller, pair in zip(callers, (one, other), strict=True)]
    assert (keys[0] == keys[1]) == (callers[0] == callers[1] and one[1] == other[1])


IDS = (
    *(
        "tiny#MODEL",
        "MODEL#tiny",
        "tiny#",
        "../tiny",
        "tiny/../tiny",
        "TINY",
        "tiny ",
        "tiny\n",
        "tiny\x00",
        "%74iny",
        "tiny*",
        "",
        "*",
        "OPERATION#x",
    ),
    *("LEDGER#000000000001", "a" * 3000, "tiny\u200b", "\uff54\uff49\uff4e\uff59"),
)


def test_an_id_in_a_path_finds_nothing_but_its_model() -> None:
    """Signs of our keys, other cases, other alphabets: not found, no row read or written under them, no 5xx."""
    with serving_world() as serving:
        assert serving.create(samples.hosted("tiny"))[0] == 202
        for model_id in IDS:
            for function in ("read_model", "delete_model", "stop_model", "list_model_events"):
                status, problem = serving.on_model(function, model_id, samples.ADMIN)
                assert status in {404, 422, 400}, (function, model_id, problem)
        assert serving.on_model("read_model", "tiny", samples.ADMIN)[0] == 200
        assert serving.model("tiny")["generation"] == 1
    counted("odd_ids_tried", len(IDS))


@pytest.mark.parametrize("trick", [trick for trick in TRICKS if trick.strip() and trick not in {"*", "CON", "--"}])
def test_a_model_is_never_called_so(trick: str) -> None:
    """Names reach keys, log streams, services and metrics: letters, digits and hyphens only."""
    from contracts.model import MODEL_SPEC

    for model_id in (trick, "a" + trick):
        if not (model_id.isascii() and model_id.replace("-", "").isalnum() and len(model_id) < 64):
            with pytest.raises(ValueError, match="model_id"):
                MODEL_SPEC.validate_python(samples.hosted(model_id))
