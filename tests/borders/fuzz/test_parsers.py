"""Parsers of ours under anything at all: only what each documents comes out, and what a writer of ours wrote is read back."""

import base64
import json
import struct
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from contracts.artifact import Manifest, ManifestError, dump_manifest, parse_manifest
from contracts.audit import ListAudit
from contracts.engine_arguments import LlamaCppArguments, MockArguments, VllmArguments
from contracts.engine_status import EngineStatus
from contracts.model import MODEL_SPEC, Schedule
from contracts.patch import ModelPatch
from contracts.routing import LoadObserved
from kit.door.http import Request
from kit.envelope import unwrap
from kit.errors import Broken, InvalidRequest
from kit.ids import floor_of, is_ulid, moment_of
from kit.paging import seal, unseal
from kit.validation import validated
from router.engines import normalised
from router.errors import ApiError
from router.policy import parse
from serving.domain.facts import ModelFacts, Unread, config_facts
from serving.domain.gguf import Malformed, gguf_facts, metadata
from tests.borders.fuzz.inputs import JSON, anything, fuzz, only
from tests.functional.serving import samples

_MANIFEST = dump_manifest(
    Manifest.model_validate(
        {
            "schema": "slipway.manifest/1",
            "model_id": "tiny",
            "version": "1.0.0",
            "format": "gguf",
            "license": "MIT",
            "files": [{"path": "model.gguf", "size_bytes": 32, "sha256": "0" * 64}],
        }
    )
)


def _gguf(**facts: int | str) -> bytes:
    """A GGUF's beginning with these facts."""
    parts = [struct.pack("<4sIQQ", b"GGUF", 3, 0, len(facts))]
    for name, value in facts.items():
        key = name.replace("__", ".").encode()
        parts.append(struct.pack("<Q", len(key)) + key)
        text = value.encode() if isinstance(value, str) else b""
        parts.append(struct.pack("<IQ", 8, len(text)) + text if isinstance(value, str) else struct.pack("<IQ", 10, value))
    return b"".join(parts)


_GGUF = _gguf(general__architecture="x", x__block_count=2, x__attention__head_count=4, x__embedding_length=64)


def test_manifests() -> None:
    """A manifest or ManifestError; what is read can be written and read again."""

    def one(content: bytes) -> None:
        found = only(ManifestError, lambda: parse_manifest(content))
        assert found is None or parse_manifest(dump_manifest(found)) == found

    fuzz("manifest", anything(_MANIFEST), one)


def test_gguf_headers() -> None:
    """Metadata or Malformed; then facts, or why there are none. Never more memory than the file itself is worth."""

    def one(content: bytes) -> None:
        said = only(Malformed, lambda: metadata(content))
        if said is not None:
            assert isinstance(only(ArithmeticError, lambda: gguf_facts(said, 1)), ModelFacts | Unread | None)

    fuzz("gguf", anything(_GGUF), one)


@pytest.mark.parametrize("layers", [65_537, 2**32, 2**63, 2**64 - 1])
def test_a_gguf_of_impossibly_many_layers_takes_no_memory(layers: int) -> None:
    """A list of that length would."""
    said = metadata(_gguf(general__architecture="x", x__block_count=layers, x__attention__head_count=4, x__embedding_length=64))
    assert isinstance(gguf_facts(said, 1), Unread)


def test_configurations_of_models() -> None:
    """A `config.json` of any content is facts, or why there are none, or what its reader catches."""
    names: tuple[str, ...] = (
        "num_hidden_layers",
        "num_attention_heads",
        "hidden_size",
        "sliding_window",
        "layer_types",
        "rope_scaling",
        "model_type",
    )
    names += ("kv_lora_rank", "head_dim", "vocab_size", "text_config", "full_attention_interval", "max_position_embeddings", "dtype")
    configuration = st.dictionaries(st.sampled_from(names), st.integers(1, 64) | JSON, max_size=9)

    def one(config: dict[str, Any]) -> None:
        found = only((ValueError, TypeError, ArithmeticError), lambda: config_facts(config, 1))
        assert isinstance(found, ModelFacts | Unread | None)

    fuzz("config", configuration, one)


@pytest.mark.parametrize("shape", [VllmArguments, LlamaCppArguments, MockArguments, Schedule, ModelPatch, EngineStatus, LoadObserved])
def test_contracts(shape: Any) -> None:
    """A document of any content is the contract or ValidationError; what is the contract is plain JSON, and itself again."""
    names = st.sampled_from(sorted(shape.model_fields)) | st.text(max_size=5)
    adapter: TypeAdapter[Any] = TypeAdapter(shape)

    def one(document: dict[str, Any]) -> None:
        found = only(ValidationError, lambda: adapter.validate_python(document))
        if found is not None:
            again = json.loads(json.dumps(adapter.dump_python(found, mode="json"), allow_nan=False))
            assert adapter.validate_python(again) == found

    whole = st.fixed_dictionaries({}, optional={name: JSON | st.integers() | st.floats() for name in shape.model_fields})
    fuzz(f"contract {shape.__name__}", whole | st.dictionaries(names, JSON, max_size=5), one)


def test_models() -> None:
    """A model with any part replaced is a model in plain JSON, or refused with the path of what is wrong."""
    good = samples.hosted("fresh")

    def one(change: tuple[str, Any]) -> None:
        document = {**good, change[0]: change[1]}
        found = only(InvalidRequest, lambda: validated(MODEL_SPEC.validate_python, document))
        assert found is None or json.dumps(found.document(), allow_nan=False)

    fields = st.sampled_from([*good, "capacity", "schedule", "container", "accelerator", "features", "generation_defaults", "x"])
    fuzz("model", st.tuples(fields, JSON), one)


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), float("nan"), 10**30])
def test_numbers_that_no_reader_takes_are_refused(number: float) -> None:
    """JSON has no name for the first three, and 64 bits no room for the last: a route with it could not be served."""
    for part in ({"capacity": {"target": {"value": number}}} if number != 10**30 else {}, {"generation_defaults": {"seed": number}}):
        if part:
            with pytest.raises(InvalidRequest):
                validated(MODEL_SPEC.validate_python, samples.hosted("fresh") | part)


def test_addresses_of_providers() -> None:
    """An `api_base` is a plain http(s) address, or refused."""

    def one(address: str) -> None:
        spec = samples.provider() | {"provider": {"name": "openai", "model": "m", "api_base": address}}
        found = only(InvalidRequest, lambda: validated(MODEL_SPEC.validate_python, spec))
        assert found is None or address.lower().startswith(("http://", "https://"))

    words = st.lists(
        st.sampled_from(["https://", "http://", "a.example", "@", "\\", "[", "]", "::1", ":80", ":99999", "/", "%", "?", "#"]), max_size=6
    )
    fuzz("address", st.text(max_size=40) | words.map("".join), one)


def test_page_tokens() -> None:
    """Only what was sealed for the same question is a position; anything else is refused, nested or forged ones too."""
    question = {"list": "models", "order": "asc"}

    def one(token: str) -> None:
        after = only(InvalidRequest, lambda: unseal(token, question, "[a-z-]{1,63}"))
        assert after is None or (after and after.isascii() and len(after) <= 63)

    written = JSON.map(lambda found: base64.urlsafe_b64encode(json.dumps(found).encode()).decode())
    deep = st.integers(1, 1500).map(lambda depth: base64.urlsafe_b64encode(b"[" * depth).decode())
    forged = st.text(max_size=20).map(lambda after: seal(after, question)) | st.integers(1, 3000).map(
        lambda size: seal("a" * size, question)
    )
    fuzz("page token", st.text(max_size=60) | written | deep | forged, one)


def test_page_tokens_lead_on() -> None:
    """What is sealed is unsealed, for its question alone."""

    def one(after: str) -> None:
        token = seal(after, {"q": 1})
        assert unseal(token, {"q": 1}, "[a-z-]+") == after
        assert only(InvalidRequest, lambda: unseal(token, {"q": 2}, "[a-z-]+")) is None

    fuzz("page token", st.from_regex(r"[a-z-]{1,63}", fullmatch=True), one)


def test_envelopes() -> None:
    """An event is an envelope or Broken, and an envelope says again what it was read from."""
    metadata_of = st.dictionaries(st.sampled_from(["id", "version", "producer", "actor", "causation_id", "change", "x"]), JSON)

    def one(detail: Any) -> None:
        only(Broken, lambda: unwrap("ModelRequested", detail))

    fuzz("envelope", JSON | st.fixed_dictionaries({"metadata": metadata_of | JSON, "data": JSON}), one)


def test_conditions_of_requests() -> None:
    """If-Match is a generation, nothing, or refused; so are keys and dry runs."""

    def one(given_header: tuple[str, str]) -> None:
        name, value = given_header
        query = {"dry_run": value} if name == "dry_run" else {}
        request = Request("GET", "/", {}, query, {name: value}, "", None, "r")  # type: ignore[arg-type]  # nobody asks who it is
        generation = only(InvalidRequest, lambda: request.expected_generation)
        assert generation is None or 0 <= generation < 10**12
        key = only(InvalidRequest, lambda: request.idempotency_key)
        assert key is None or 0 < len(key) <= 255

    fuzz("condition", st.tuples(st.sampled_from(["if-match", "idempotency-key", "dry_run"]), st.text(max_size=30)), one)


def test_bodies_of_requests() -> None:
    """Any text is a JSON object that UTF-8 can hold, or refused."""

    def one(text: str) -> None:
        request = Request("POST", "/", {}, {}, {}, text, None, "r")  # type: ignore[arg-type]  # nobody asks who it is
        found = only(InvalidRequest, lambda: request.body(lambda content: content))
        assert found is None or json.dumps(found, ensure_ascii=False).encode()

    hostile = anything(b'{"name": "n", "groups": ["a"], "models": null, "expires_in_days": 5}').map(
        lambda content: content.decode("latin-1")
    )
    fuzz("body", st.text(max_size=80) | hostile | JSON.map(json.dumps), one)


def test_bodies_of_inference() -> None:
    """Any bytes are a JSON object, or refused in OpenAI's words."""

    def one(content: bytes) -> None:
        found = only(ApiError, lambda: parse(content, 64))
        assert found is None or isinstance(found, dict)

    fuzz("inference body", anything(b'{"model": "tiny", "messages": [{"role": "user", "content": "x"}], "stream": true}'), one)


def test_refusals_of_engines() -> None:
    """Whatever an engine says, the caller gets OpenAI's shape."""

    def one(content: bytes) -> None:
        error = json.loads(normalised(400, content).body())["error"]
        assert set(error) == {"message", "type", "param", "code"}
        assert isinstance(error["message"], str)
        assert isinstance(error["code"], str)

    good = anything(b'{"error": {"message": "too long", "code": 400, "type": "BadRequestError", "param": null}}')
    fuzz("engine refusal", good | JSON.map(lambda found: json.dumps({"error": found}).encode()), one)


def test_moments_of_the_audit() -> None:
    """Any two moments are a span in UTC, or refused."""

    def one(given_query: dict[str, Any]) -> None:
        found = only(ValidationError, lambda: ListAudit.validate_document(given_query))
        for moment in (found.since, found.until) if found else ():
            assert moment is None or len(floor_of(moment)) == 26

    moments = st.datetimes().map(lambda moment: moment.isoformat() + "Z") | st.sampled_from(
        ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "1e300", "-1e300", "inf", "nan", "0"]
    )
    fuzz("moment", st.fixed_dictionaries({}, optional={"since": moments | st.text(max_size=20), "until": moments}), one)


def test_identifiers() -> None:
    """What looks like a ULID has a moment or none, and never an error."""

    def one(text: str) -> None:
        moment = moment_of(text)
        assert moment is None or (is_ulid(text) and floor_of(moment)[:10] == text[:10])

    fuzz("ulid", st.text(max_size=30) | st.from_regex(r"[0-9A-HJKMNP-TV-Z]{26}", fullmatch=True), one)


def test_every_millisecond_is_itself() -> None:
    """4.095 seconds are 4,095 milliseconds, though a float of them times a thousand is less: what was made then is not made earlier."""
    for milliseconds in (*range(5_000), *range(1_790_000_000_000, 1_790_000_001_000)):
        moment = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds)
        assert moment_of(floor_of(moment)) == moment
