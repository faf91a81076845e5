"""vLLM, from its official image: `vllm serve` on loopback, everything else shut."""

import json
import re
import socket
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final

from pydantic import StringConstraints

from contracts.artifact import CHAT_TEMPLATE_FILE, Manifest
from contracts.engine import EngineTask, Phase
from contracts.engine_arguments import VllmArguments
from engine.adapters.base import NOTHING, Adapter, Launch, Metrics, Reading, engine_environment, read_arguments
from engine.child import Command
from engine.errors import EngineError

_Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_]{0,40}$")]
_TOKENIZERS: Final = ("tokenizer.json", "tokenizer.model", "tekken.json", "vocab.json")
_SHUTDOWN_SECONDS: Final = 5


_FLAGS: Final = {
    "max_sequences": "max-num-seqs",
    "max_batched_tokens": "max-num-batched-tokens",
    "max_queued_requests": "max-num-queued-reqs",
    "gpu_memory_utilization": "gpu-memory-utilization",
    "kv_cache_dtype": "kv-cache-dtype",
    "dtype": "dtype",
    "quantization": "quantization",
    "load_format": "load-format",
    "tensor_parallel_size": "tensor-parallel-size",
    "pipeline_parallel_size": "pipeline-parallel-size",
    "enable_expert_parallel": "enable-expert-parallel",
    "enable_prefix_caching": "enable-prefix-caching",
    "enforce_eager": "enforce-eager",
    "max_cudagraph_capture_size": "max-cudagraph-capture-size",
    "reasoning_parser": "reasoning-parser",
    "generation_config": "generation-config",
    "generation_overrides": "override-generation-config",
    "chat_template_arguments": "default-chat-template-kwargs",
    "limit_multimodal_items": "limit-mm-per-prompt",
    "force_include_usage": "enable-force-include-usage",
}

_METRICS: Final = {
    "vllm:num_requests_running": "slipway_engine_requests_running",
    "vllm:num_requests_waiting": "slipway_engine_requests_waiting",
    "vllm:kv_cache_usage_perc": "slipway_engine_kv_cache_usage_ratio",
    "vllm:prompt_tokens": "slipway_engine_prompt_tokens",
    "vllm:generation_tokens": "slipway_engine_generated_tokens",
    "vllm:prompt_tokens_cached": "slipway_engine_cached_prompt_tokens",
    "vllm:num_preemptions": "slipway_engine_preemptions",
    "vllm:time_to_first_token_seconds": "slipway_engine_time_to_first_token_seconds",
    "vllm:inter_token_latency_seconds": "slipway_engine_inter_token_latency_seconds",
    "vllm:e2e_request_latency_seconds": "slipway_engine_request_seconds",
    "vllm:request_queue_time_seconds": "slipway_engine_queue_seconds",
}

_SHARDS: Final = re.compile(r"Loading \S+ checkpoint shards:\s+(\d+)%")
_GRAPHS: Final = re.compile(r"Capturing CUDA graphs.*?:\s+(\d+)%")
_VERSION: Final = re.compile(r"Initializing a V1 LLM engine \(v?([^)\s]{1,40})\)")
_LOADING: Final = ("Starting to load model", "Loading weights took", "Model loading took")
_WARMING: Final = (
    "torch_compile_cache",
    "torch.compile took",
    "Compiling a graph",
    "Available KV cache memory",
    "GPU KV cache size",
    "Graph capturing finished",
)


class VllmAdapter(Adapter):
    """Starts `vllm serve` on a free loopback port; nobody but the supervisor can reach it, and it never goes to the network for a model."""

    metrics: ClassVar = Metrics(_METRICS, running="vllm:num_requests_running", steps="vllm:iteration_tokens_total_count")
    idle_connection_seconds: ClassVar = 60.0

    def __init__(self, launch: Launch) -> None:
        super().__init__(launch)
        self.arguments = read_arguments(VllmArguments, launch)
        if launch.features.get("tool_calls") and self.arguments.tool_call_parser is None:
            message = "engine.arguments.tool_call_parser is required where features.tool_calls is on."
            raise EngineError(
                "configuration-invalid", message, "Name the parser of the model's family, such as hermes, mistral or llama3_json."
            )
        self._port = _free_port()
        self.known_address = f"http://127.0.0.1:{self._port}"

    def check(self, directory: Path | None, manifest: Manifest | None) -> None:
        """Read config.json and look for weights and a tokenizer: vLLM would take a quarter of a minute to say the same."""
        if directory is None or manifest is None or manifest.format != "safetensors":
            raise EngineError(
                "model-unsupported", "vLLM needs an artefact of the format safetensors.", "Use engine.kind llama.cpp for GGUF."
            )
        config = _read_config(directory, manifest)
        if not any(manifest.file(name) for name in _TOKENIZERS):
            raise EngineError("model-incomplete", f"The artefact holds no tokenizer: none of {', '.join(_TOKENIZERS)}.")
        _check_index(directory, manifest)
        inner = config.get("text_config")
        text: dict[str, Any] = inner if isinstance(inner, dict) else config
        longest, asked = text.get("max_position_embeddings"), self.arguments.context_length
        scaled = text.get("rope_scaling") or text.get("rope_parameters")
        if isinstance(longest, int) and isinstance(asked, int) and not scaled and asked > longest:
            message = f"The context length {asked} is more than the {longest} tokens that the model was trained for."
            raise EngineError("context-too-long", message, f"Set engine.arguments.context_length to {longest} or less.")

    def command(self, directory: Path | None, manifest: Manifest | None) -> Command:
        """Build the argument list: fixed ones first, then the allow-listed ones."""
        given, launch = self.arguments, self.launch
        fixed: dict[str, str | int] = {
            "served-model-name": launch.model_id,
            "host": "127.0.0.1",
            "port": self._port,
            "max-model-len": given.context_length,
            # 0 would cut streams without an end and then hang on them; the supervisor has drained before it stops vLLM.
            "shutdown-timeout": _SHUTDOWN_SECONDS,
            "allowed-origins": "[]",
            "fingerprint-mode": "hash",
            # Keeps streams alive through proxies that cut idle connections, while a long prompt is being read.
            "sse-keep-alive-interval": 15,
        }
        if launch.task in {EngineTask.EMBEDDING, EngineTask.RERANK}:
            fixed["runner"] = "pooling"
        if manifest is not None and manifest.file(CHAT_TEMPLATE_FILE):
            fixed["chat-template"] = f"{directory}/{CHAT_TEMPLATE_FILE}"
        if given.tool_call_parser:
            fixed["tool-call-parser"] = given.tool_call_parser
        argv = ["vllm", "serve", str(directory)]
        for flag, value in fixed.items():
            argv += [f"--{flag}", str(value)]
        argv += ["--disable-uvicorn-access-log", "--disable-fastapi-docs", "--fail-on-environ-validation"]
        argv += ["--enable-auto-tool-choice"] if given.tool_call_parser else []
        argv += [f"-O{given.optimization_level}"] if given.optimization_level is not None else []
        for name, flag in _FLAGS.items():
            argv += _option(flag, getattr(given, name))
        return Command(argv, self._environment())

    def read_line(self, line: str) -> Reading:
        """Follow vLLM's start by the lines that it prints."""
        if match := _VERSION.search(line):
            return Reading(phase=Phase.STARTING, version=match[1])
        if match := _SHARDS.search(line):
            return Reading(phase=Phase.LOADING, progress=int(match[1]) / 100)
        if match := _GRAPHS.search(line):
            return Reading(phase=Phase.WARMING, progress=int(match[1]) / 100)
        if any(sign in line for sign in _LOADING):
            return Reading(phase=Phase.LOADING)
        if any(sign in line for sign in _WARMING):
            return Reading(phase=Phase.WARMING)
        if "Starting vLLM server on" in line or "Application startup complete" in line:
            return Reading(phase=Phase.WARMING)
        return NOTHING

    def is_noise(self, line: str) -> bool:
        """Progress bars are shown as progress, not as lines."""
        return bool(_SHARDS.search(line) or _GRAPHS.search(line)) or "non-default args" in line

    def _environment(self) -> dict[str, str]:
        environment = engine_environment(self.launch.environment, keep_python_path=False)
        caches = self.launch.cache_dir / "vllm"
        environment |= {
            "VLLM_API_KEY": self.launch.key,
            "VLLM_CACHE_ROOT": str(caches),
            "VLLM_ENABLE_STARTUP_PLAN": "1",
            "VLLM_ENGINE_READY_TIMEOUT_S": str(int(self.launch.start_timeout_seconds)),
            "VLLM_HTTP_TIMEOUT_KEEP_ALIVE": "120",
            "VLLM_KEEP_ALIVE_ON_ENGINE_DEATH": "0",
            "VLLM_MAX_N_SEQUENCES": "64",
            "VLLM_MEDIA_URL_ALLOW_REDIRECTS": "0",
            "VLLM_NO_USAGE_STATS": "1",
            "VLLM_SERVER_DEV_MODE": "0",
            "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "0",
            "DO_NOT_TRACK": "1",
            "HF_HUB_OFFLINE": "1",
            "TRANSFORMERS_OFFLINE": "1",
            "TRITON_CACHE_DIR": str(caches / "triton"),
            "TORCHINDUCTOR_CACHE_DIR": str(caches / "inductor"),
            "NUMBA_CACHE_DIR": str(caches / "numba"),
            "XDG_CACHE_HOME": str(caches / "xdg"),
            "NO_COLOR": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        return environment


def _option(flag: str, value: Any) -> list[str]:
    if value is None:
        return []
    if isinstance(value, bool):
        return [f"--{flag}" if value else f"--no-{flag}"]
    return [f"--{flag}", json.dumps(value, separators=(",", ":")) if isinstance(value, dict) else str(value)]


def _read_config(directory: Path, manifest: Manifest) -> dict[str, Any]:
    if manifest.file("config.json") is None:
        raise EngineError("model-incomplete", "The artefact holds no config.json.")
    try:
        config = json.loads((directory / "config.json").read_bytes())
    except (ValueError, RecursionError) as error:
        raise EngineError("weights-corrupt", f"config.json is no valid JSON: {error}.") from error
    if not isinstance(config, dict) or not config.get("architectures"):
        raise EngineError("model-incomplete", "config.json names no architectures.")
    return config


def _check_index(directory: Path, manifest: Manifest) -> None:
    name = "model.safetensors.index.json"
    if manifest.file(name) is None:
        return
    try:
        shards = set(json.loads((directory / name).read_bytes())["weight_map"].values())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise EngineError("weights-corrupt", f"{name} is no valid index of weights.") from error
    if missing := sorted(shard for shard in shards if not manifest.file(str(shard))):
        raise EngineError("model-incomplete", f"{name} names {missing[0]}, which the artefact lacks.")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
