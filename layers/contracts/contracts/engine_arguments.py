"""What may be set for each kind of engine: an allow-list, typed and bounded. Whatever is not named here never reaches an engine.

The management API refuses anything else with the field's path; the supervisor reads its configuration with the same classes.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from contracts.engine import FAILURES

_Whole = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]  # the 64 bits that every reader of JSON takes
_Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_]{0,40}$")]


class Arguments(BaseModel):
    """Engine arguments of some kind. Strict: a number is not a string."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class VllmArguments(Arguments):
    """What may be set for vLLM. Lengths in tokens, shares from 0 to 1; None leaves vLLM's own default."""

    context_length: Annotated[int, Field(ge=16, le=16_777_216)] | Literal["auto"] = "auto"
    max_sequences: Annotated[int, Field(ge=1, le=4096)] | None = None
    max_batched_tokens: Annotated[int, Field(ge=16, le=1_048_576)] | None = None
    max_queued_requests: int = Field(default=512, ge=1, le=100_000)
    gpu_memory_utilization: Annotated[float, Field(ge=0.1, le=0.98)] | None = None
    kv_cache_dtype: Literal["auto", "fp8", "fp8_e4m3", "fp8_e5m2", "fp8_ds_mla", "nvfp4"] | None = None
    dtype: Literal["auto", "bfloat16", "float16", "float32"] | None = None
    quantization: _Name | None = None
    load_format: Literal["auto", "safetensors", "fastsafetensors", "instanttensor", "sharded_state"] | None = None
    tensor_parallel_size: int = Field(default=1, ge=1, le=64)
    pipeline_parallel_size: int = Field(default=1, ge=1, le=64)
    enable_expert_parallel: bool | None = None
    enable_prefix_caching: bool | None = None
    enforce_eager: bool | None = None
    optimization_level: Annotated[int, Field(ge=0, le=3)] | None = None
    max_cudagraph_capture_size: Annotated[int, Field(ge=1, le=4096)] | None = None
    tool_call_parser: _Name | None = None
    reasoning_parser: _Name | None = None
    generation_config: Literal["auto", "vllm"] = "auto"
    generation_overrides: dict[_Name, float | _Whole] | None = None
    chat_template_arguments: dict[_Name, bool | _Whole | float | str] | None = None
    limit_multimodal_items: dict[_Name, Annotated[int, Field(ge=0, le=64)]] | None = None
    force_include_usage: bool | None = None


class LlamaCppArguments(Arguments):
    """What may be set for llama.cpp. `context_length` in tokens for each of `max_sequences` requests at a time."""

    context_length: Annotated[int, Field(ge=64, le=1_048_576)] | None = None
    max_sequences: int = Field(default=2, ge=1, le=64)
    threads: Annotated[int, Field(ge=1, le=256)] | None = None
    batch_size: int = Field(default=512, ge=32, le=8192)
    gpu_layers: Annotated[int, Field(ge=0, le=1000)] | None = None
    prompt_cache_mib: int = Field(default=128, ge=0, le=65_536)
    pooling: Literal["mean", "cls", "last"] | None = None


def _known(code: str) -> str:
    known = [failure.code for failure in FAILURES.values() if failure.exit_status is not None]
    if code not in known:
        msg = f"is none of {', '.join(known)}"
        raise ValueError(msg)
    return code


class MockArguments(Arguments):
    """The knobs. Times in seconds or milliseconds as named; counts of requests include the supervisor's own completions."""

    load_seconds: float = Field(default=0, ge=0, le=3600)
    first_token_ms: float = Field(default=0, ge=0, le=600_000)
    tokens_per_second: Annotated[float, Field(gt=0, le=1_000_000)] | None = None
    failure_rate: float = Field(default=0, ge=0, le=1)
    seed: int = Field(default=0, ge=0, le=2**63 - 1)
    fail_with: Annotated[str, AfterValidator(_known)] | None = None
    crash_after_seconds: Annotated[float, Field(ge=0)] | None = None
    crash_after_requests: Annotated[int, Field(ge=0)] | None = None
    freeze_after_requests: Annotated[int, Field(ge=0)] | None = None
    context_length: int = Field(default=8192, ge=1, le=16_777_216)
    embedding_dimensions: int = Field(default=8, ge=1, le=8192)
