"""What each kind of engine is started with, and what its output means."""

import json
from pathlib import Path
from typing import Any

import pytest

from contracts.artifact import Manifest, parse_manifest
from contracts.engine import EngineKind, EngineTask, Phase
from engine.adapters import create_adapter
from engine.adapters.base import Adapter, Launch
from engine.child import Death
from engine.errors import EngineError
from tests.unit.engine.store import artifact, gguf, safetensors

CONFIG = {"architectures": ["LlamaForCausalLM"], "max_position_embeddings": 8192}


def launch(arguments: dict[str, Any] | None = None, **more: Any) -> Launch:
    """What the supervisor hands to an adapter."""
    values: dict[str, Any] = {
        "model_id": "m-1",
        "task": EngineTask.CHAT,
        "arguments": arguments or {},
        "features": {},
        "cache_dir": Path("/cache"),
        "start_timeout_seconds": 900.0,
        "key": "inner-key",
        "environment": {"PATH": "/bin", "HOME": "/home/x"},
    }
    return Launch(**(values | more))


def model(tmp_path: Path, files: dict[str, bytes], kind: str) -> Manifest:
    """Lay an artefact's files into a folder."""
    objects, _ = artifact(files, kind=kind)
    for path, content in objects.items():
        (tmp_path / path).write_bytes(content)
    return parse_manifest(objects["manifest.json"])


def vllm(arguments: dict[str, Any] | None = None, **more: Any) -> Adapter:
    """A vLLM adapter."""
    return create_adapter(EngineKind.VLLM, launch(arguments, **more))


def option(argv: list[str], flag: str) -> str:
    """The value that follows a flag."""
    return argv[argv.index(flag) + 1]


def test_vllm_is_bound_to_loopback_and_told_what_it_must_know(tmp_path: Path) -> None:
    """Address, name, shutdown and privacy are fixed; the key is in the environment and not among the arguments."""
    manifest = model(tmp_path, {"m.safetensors": safetensors(), "chat_template.jinja": b"x"}, "safetensors")
    command = vllm().command(tmp_path, manifest)
    argv = list(command.argv)
    assert argv[:3] == ["vllm", "serve", str(tmp_path)]
    assert option(argv, "--host") == "127.0.0.1"
    assert option(argv, "--served-model-name") == "m-1"
    assert option(argv, "--max-model-len") == "auto"
    assert int(option(argv, "--shutdown-timeout")) >= 5
    assert option(argv, "--chat-template") == f"{tmp_path}/chat_template.jinja"
    assert option(argv, "--generation-config") == "auto"
    assert "inner-key" not in " ".join(argv)
    environment = command.environment
    assert environment["VLLM_API_KEY"] == "inner-key"
    assert (environment["VLLM_NO_USAGE_STATS"], environment["HF_HUB_OFFLINE"], environment["VLLM_SERVER_DEV_MODE"]) == ("1", "1", "0")
    assert environment["VLLM_ENGINE_READY_TIMEOUT_S"] == "900"
    assert environment["VLLM_CACHE_ROOT"] == "/cache/vllm"


def test_every_vllm_argument_has_its_flag() -> None:
    """Typed values become separate arguments, switches become --x or --no-x, and objects become JSON."""
    given: dict[str, Any] = {
        "context_length": 4096,
        "max_sequences": 64,
        "gpu_memory_utilization": 0.9,
        "tensor_parallel_size": 2,
        "enable_prefix_caching": False,
        "enforce_eager": True,
        "optimization_level": 1,
        "tool_call_parser": "hermes",
        "generation_overrides": {"temperature": 0.2},
        "limit_multimodal_items": {"image": 0},
    }
    argv = list(vllm(given, features={"tool_calls": True}).command(Path("/w"), None).argv)
    assert option(argv, "--max-model-len") == "4096"
    assert option(argv, "--max-num-seqs") == "64"
    assert option(argv, "--gpu-memory-utilization") == "0.9"
    assert option(argv, "--tensor-parallel-size") == "2"
    assert option(argv, "--tool-call-parser") == "hermes"
    assert json.loads(option(argv, "--override-generation-config")) == {"temperature": 0.2}
    assert json.loads(option(argv, "--limit-mm-per-prompt")) == {"image": 0}
    assert {"--no-enable-prefix-caching", "--enforce-eager", "-O1", "--enable-auto-tool-choice"} <= set(argv)


@pytest.mark.parametrize(
    ("kind", "arguments", "field"),
    [
        ("vllm", {"trust_remote_code": True}, "trust_remote_code"),
        ("vllm", {"host": "0.0.0.0"}, "host"),
        ("vllm", {"quantization": "--api-key"}, "quantization"),
        ("vllm", {"context_length": "4096; rm"}, "context_length"),
        ("vllm", {"tensor_parallel_size": "2"}, "tensor_parallel_size"),
        ("vllm", {"gpu_memory_utilization": 1.0}, "gpu_memory_utilization"),
        ("vllm", {"generation_overrides": {"--x": 1}}, "generation_overrides"),
        ("llama.cpp", {"model_path": "/etc/passwd"}, "model_path"),
        ("llama.cpp", {"max_sequences": 0}, "max_sequences"),
        ("mock", {"fail_with": "no-such-code"}, "fail_with"),
        ("mock", {"failure_rate": 2}, "failure_rate"),
    ],
)
def test_arguments_off_the_allow_list_are_refused_by_name(kind: str, arguments: dict[str, Any], field: str) -> None:
    """Unknown, mistyped and out-of-range arguments never reach an engine."""
    with pytest.raises(EngineError, match=rf"configuration-invalid: engine\.arguments\.{field}"):
        create_adapter(EngineKind(kind), launch(arguments))


def test_tool_calls_need_a_parser() -> None:
    """vLLM would fail after a quarter of a minute; here it fails at once and says what to name."""
    with pytest.raises(EngineError, match="tool_call_parser is required") as caught:
        vllm(features={"tool_calls": True})
    assert "hermes" in caught.value.hint


def test_an_embedding_model_runs_the_pooling_runner() -> None:
    """The task decides what vLLM serves."""
    assert option(list(vllm(task=EngineTask.EMBEDDING).command(Path("/w"), None).argv), "--runner") == "pooling"


@pytest.mark.parametrize("kind", list(EngineKind))
def test_an_engine_gets_no_credentials_and_no_loader_tricks(tmp_path: Path, kind: EngineKind) -> None:
    """AWS credentials, the shared key, our settings and LD_PRELOAD stay with the supervisor; what a user may set arrives."""
    manifest = model(tmp_path, {"m.gguf": gguf()}, "gguf")
    hostile = {
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/x",
        "AWS_SECRET_ACCESS_KEY": "s",
        "ECS_CONTAINER_METADATA_URI_V4": "http://x",
        "ENGINE_API_KEY": "shared",
        "SLIPWAY_ARTIFACT_URI": "s3://x/",
        "LD_PRELOAD": "/x.so",
        "PYTHONOPTIMIZE": "2",
    }
    environment = hostile | {"PATH": "/bin", "NVIDIA_VISIBLE_DEVICES": "all", "TOKENIZERS_PARALLELISM": "false"}
    command = create_adapter(kind, launch(environment=environment)).command(tmp_path, manifest)
    assert not hostile.keys() & command.environment.keys()
    assert command.environment["TOKENIZERS_PARALLELISM"] == "false"
    assert "inner-key" not in " ".join(command.argv)


@pytest.mark.parametrize(
    ("line", "phase", "progress"),
    [
        ("INFO 11-21 02:30:05 Initializing a V1 LLM engine (v0.33.0) with config: model=x", Phase.STARTING, None),
        ("(EngineCore pid=1) INFO Starting to load model /w...", Phase.LOADING, None),
        ("Loading safetensors checkpoint shards:  40% Completed | 2/5 [00:01<00:02]", Phase.LOADING, 0.4),
        ("INFO Loading weights took 12.34 seconds", Phase.LOADING, None),
        ("INFO Using cache directory: /c/torch_compile_cache/ab/rank_0_0 for vLLM's torch.compile", Phase.WARMING, None),
        ("Capturing CUDA graphs (mixed prefill-decode, PIECEWISE):  50%|#####     | 10/20", Phase.WARMING, 0.5),
        ("INFO GPU KV cache size: 46,592 tokens, Maximum concurrency for 8192 tokens per request: 5.69x", Phase.WARMING, None),
        ("INFO Application startup complete.", Phase.WARMING, None),
        ("INFO anything else", None, None),
    ],
)
def test_vllms_lines_are_its_progress(line: str, phase: Phase | None, progress: float | None) -> None:
    """The lines that vLLM prints while it starts are all the progress there is."""
    reading = vllm().read_line(line)
    assert (reading.phase, reading.progress) == (phase, progress)


def test_vllm_tells_its_version() -> None:
    """The version of the engine is read from its first line."""
    assert vllm().read_line("Initializing a V1 LLM engine (v0.33.0) with config:").version == "0.33.0"


def test_a_whole_model_passes_vllms_check(tmp_path: Path) -> None:
    """Configuration, tokenizer and weights: nothing to say."""
    files = {"m.safetensors": safetensors(), "config.json": json.dumps(CONFIG).encode(), "tokenizer.json": b"{}"}
    vllm({"context_length": 8192}).check(tmp_path, model(tmp_path, files, "safetensors"))


BAD_MODELS: dict[str, tuple[dict[str, bytes], str]] = {
    "no config": ({"tokenizer.json": b"{}"}, r"model-incomplete: The artefact holds no config\.json"),
    "no tokenizer": ({"config.json": json.dumps(CONFIG).encode()}, "model-incomplete: The artefact holds no tokenizer"),
    "no json": ({"config.json": b"{", "tokenizer.json": b"{}"}, "weights-corrupt: config.json is no valid JSON"),
    "no architecture": ({"config.json": b"{}", "tokenizer.json": b"{}"}, "model-incomplete: config.json names no architectures"),
    "missing shard": (
        {
            "config.json": json.dumps(CONFIG).encode(),
            "tokenizer.json": b"{}",
            "model.safetensors.index.json": b'{"weight_map": {"w": "x.safetensors"}}',
        },
        "model-incomplete: .* names x.safetensors",
    ),
    "broken index": (
        {"config.json": json.dumps(CONFIG).encode(), "tokenizer.json": b"{}", "model.safetensors.index.json": b"[]"},
        "weights-corrupt: .* no valid index",
    ),
    "short context": (
        {"config.json": json.dumps({**CONFIG, "max_position_embeddings": 2048}).encode(), "tokenizer.json": b"{}"},
        "context-too-long: The context length 8192 is more than the 2048",
    ),
}


@pytest.mark.parametrize("case", BAD_MODELS)
def test_what_vllm_would_choke_on_is_found_beforehand(tmp_path: Path, case: str) -> None:
    """Each defect of an artefact has its code before a quarter of a minute of imports is spent on it."""
    files, says = BAD_MODELS[case]
    manifest = model(tmp_path, {"m.safetensors": safetensors(), **files}, "safetensors")
    with pytest.raises(EngineError, match=says):
        vllm({"context_length": 8192}).check(tmp_path, manifest)


def test_each_engine_refuses_the_others_format(tmp_path: Path) -> None:
    """GGUF for llama.cpp, safetensors for vLLM, and the hint says so."""
    manifest = model(tmp_path, {"m.gguf": gguf()}, "gguf")
    with pytest.raises(EngineError, match="model-unsupported"):
        vllm().check(tmp_path, manifest)
    other = model(tmp_path, {"m.safetensors": safetensors()}, "safetensors")
    with pytest.raises(EngineError, match="model-unsupported"):
        create_adapter(EngineKind.LLAMA_CPP, launch()).check(tmp_path, other)


def test_llama_cpp_gives_each_request_its_whole_context(tmp_path: Path) -> None:
    """The context is per request: the cache holds it once for each request at a time, and the key travels by standard input."""
    manifest = model(tmp_path, {"m.gguf": gguf(), "chat_template.jinja": b"x"}, "gguf")
    adapter = create_adapter(EngineKind.LLAMA_CPP, launch({"context_length": 1000, "max_sequences": 3, "threads": 2}))
    adapter.check(tmp_path, manifest)
    command = adapter.command(tmp_path, manifest)
    assert command.first_input is not None
    told = json.loads(command.first_input)
    assert (told["context_tokens"], told["slots"], told["threads"], told["key"]) == (3000, 3, 2, "inner-key")
    assert told["model_path"] == str(tmp_path / "m.gguf")
    assert told["chat_template_path"] == str(tmp_path / "chat_template.jinja")
    assert list(command.argv)[1:] == ["-m", "engine.programs.llama_cpp"]


def test_llama_cpp_takes_a_split_model_and_refuses_two(tmp_path: Path) -> None:
    """Of a split model the first file is named; two models in an artefact are one too many."""
    adapter = create_adapter(EngineKind.LLAMA_CPP, launch())
    split = model(tmp_path, {"m-00001-of-00002.gguf": gguf(), "m-00002-of-00002.gguf": gguf()}, "gguf")
    adapter.check(tmp_path, split)
    told = json.loads(adapter.command(tmp_path, split).first_input or b"")
    assert told["model_path"].endswith("m-00001-of-00002.gguf")
    with pytest.raises(EngineError, match=r"The artefact holds 2 models: a\.gguf, b\.gguf"):
        adapter.check(tmp_path, model(tmp_path, {"a.gguf": gguf(), "b.gguf": gguf()}, "gguf"))


def test_our_programs_lines_are_read_and_not_logged() -> None:
    """Progress, address and version of a program of ours; anything else means nothing."""
    adapter = create_adapter(EngineKind.MOCK, launch())
    assert adapter.read_line("slipway-engine: loading 0.25").progress == 0.25
    assert adapter.read_line("slipway-engine: listening http://127.0.0.1:5").address == "http://127.0.0.1:5"
    assert adapter.read_line("slipway-engine: version 1.2").version == "1.2"
    assert adapter.read_line("user says slipway-engine: listening http://evil").address is None
    assert adapter.is_noise("slipway-engine: loading 0.25")


def test_the_mock_dies_of_what_it_was_told() -> None:
    """The mock's failure line names the code; without one its end is a crash like any other."""
    adapter = create_adapter(EngineKind.MOCK, launch())
    assert adapter.explain(Death(0, ("slipway-engine: failure disk-full",), out_of_memory=False)).code == "disk-full"
    assert adapter.explain(Death(1, (), out_of_memory=False)).code == "engine-crashed"
