"""What the management API takes and answers: engine arguments. Generated from its OpenAPI document by `make contracts`: do not edit."""

from typing import Any, Literal, NotRequired, TypedDict

LlamaCppArgumentsPooling = Literal["mean", "cls", "last"]
VllmArgumentsKvCacheDtype = Literal["auto", "fp8", "fp8_e4m3", "fp8_e5m2", "fp8_ds_mla", "nvfp4"]
VllmArgumentsDtype = Literal["auto", "bfloat16", "float16", "float32"]
VllmArgumentsLoadFormat = Literal["auto", "safetensors", "fastsafetensors", "instanttensor", "sharded_state"]
VllmArgumentsGenerationConfig = Literal["auto", "vllm"]


class LlamaCppArguments(TypedDict):
    """What may be set for llama.cpp."""

    context_length: NotRequired[int | None]
    max_sequences: NotRequired[int]
    threads: NotRequired[int | None]
    batch_size: NotRequired[int]
    gpu_layers: NotRequired[int | None]
    prompt_cache_mib: NotRequired[int]
    pooling: NotRequired[LlamaCppArgumentsPooling | None]


class MockArguments(TypedDict):
    """The knobs."""

    load_seconds: NotRequired[float]
    first_token_ms: NotRequired[float]
    tokens_per_second: NotRequired[float | None]
    failure_rate: NotRequired[float]
    seed: NotRequired[int]
    fail_with: NotRequired[str | None]
    crash_after_seconds: NotRequired[float | None]
    crash_after_requests: NotRequired[int | None]
    freeze_after_requests: NotRequired[int | None]
    context_length: NotRequired[int]
    embedding_dimensions: NotRequired[int]


class VllmArguments(TypedDict):
    """What may be set for vLLM."""

    context_length: NotRequired[int | Literal["auto"]]
    max_sequences: NotRequired[int | None]
    max_batched_tokens: NotRequired[int | None]
    max_queued_requests: NotRequired[int]
    gpu_memory_utilization: NotRequired[float | None]
    kv_cache_dtype: NotRequired[VllmArgumentsKvCacheDtype | None]
    dtype: NotRequired[VllmArgumentsDtype | None]
    quantization: NotRequired[str | None]
    load_format: NotRequired[VllmArgumentsLoadFormat | None]
    tensor_parallel_size: NotRequired[int]
    pipeline_parallel_size: NotRequired[int]
    enable_expert_parallel: NotRequired[bool | None]
    enable_prefix_caching: NotRequired[bool | None]
    enforce_eager: NotRequired[bool | None]
    optimization_level: NotRequired[int | None]
    max_cudagraph_capture_size: NotRequired[int | None]
    tool_call_parser: NotRequired[str | None]
    reasoning_parser: NotRequired[str | None]
    generation_config: NotRequired[VllmArgumentsGenerationConfig]
    generation_overrides: NotRequired[dict[str, Any] | None]
    chat_template_arguments: NotRequired[dict[str, Any] | None]
    limit_multimodal_items: NotRequired[dict[str, Any] | None]
    force_include_usage: NotRequired[bool | None]
