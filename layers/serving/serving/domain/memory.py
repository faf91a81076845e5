"""The arithmetic of an engine's memory: what there is, what the weights and the engine itself take, what one request keeps.

Weights and cache are computed as the engines do; what else takes memory (activations, CUDA graphs, libraries) is an estimate, kept apart.
Sizes in bytes unless a name says GiB (2**30 bytes), lengths in tokens.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

from serving.domain.facts import CacheLayers, ModelFacts

GIB = 2**30
TOLERANCE_GIB = 1.5
DEFAULT_UTILIZATION = 0.92
_BLOCK = 16
_LARGE_GPU_GIB, _SMALL_GPU_GIB = 70.0, 32.0
_MOST_BATCHED = ((160.0, 16_384), (_LARGE_GPU_GIB, 8192), (0.0, 2048))
_SCHEDULED_AHEAD = 2  # asynchronous scheduling keeps a second batch in flight
_CACHE_BYTES = {"fp8": 1.0, "fp8_e4m3": 1.0, "fp8_e5m2": 1.0, "fp8_ds_mla": 1.0, "nvfp4": 0.5625}
_LATENT_BYTES = {"fp8": 656, "fp8_e4m3": 656, "fp8_e5m2": 656, "fp8_ds_mla": 656, "nvfp4": 352}
_ONLINE = {"fp8": 1.0, "fp8_per_tensor": 1.0, "fp8_per_block": 1.0, "fp8_per_channel": 1.0, "mxfp8": 1.03, "experts_int8": 1.0}
_ONLINE |= {"int8_per_channel_weight_only": 1.0, "nvfp4_per_token": 0.5625}
_LLAMA_CONTEXT, _LLAMA_PADDING, _LLAMA_PROCESS_GIB, _LLAMA_BUFFER_GIB, _LLAMA_MARGIN_GIB = 4096, 256, 0.5, 0.25, 1.0


@dataclass(frozen=True)
class Ask:
    """What is asked of an engine. `context` None = what the engine chooses; `concurrency` None = nobody said."""

    engine: str
    context: int | None = None
    concurrency: int | None = None
    cache_dtype: str = "auto"
    dtype: str = "auto"
    quantization: str | None = None
    tensor_parallel: int = 1
    pipeline_parallel: int = 1
    utilization: float = DEFAULT_UTILIZATION
    batched_tokens: int | None = None
    batch_size: int = 512
    prompt_cache_mib: int = 0


@dataclass(frozen=True)
class Room:
    """Memory to fit into: of each accelerator, or (llama.cpp) all that its task has. `name` says whose."""

    name: str
    usable_gib: float


@dataclass(frozen=True)
class Line:
    """One step of the arithmetic: what, how, and the result in GiB (None where it is no size)."""

    what: str
    formula: str
    gib: float | None


def asked(spec: Mapping[str, Any]) -> Ask:
    """What a hosted model's wish asks of its engine."""
    engine, given = spec["engine"]["kind"], spec["engine"]["arguments"]
    context = given.get("context_length")
    if engine != "vllm":
        return Ask(
            engine,
            context,
            given.get("max_sequences"),
            batch_size=given.get("batch_size", 512),
            prompt_cache_mib=given.get("prompt_cache_mib", 0),
        )
    return Ask(
        engine,
        None if context == "auto" else context,
        given.get("max_sequences"),
        cache_dtype=given.get("kv_cache_dtype") or "auto",
        dtype=given.get("dtype") or "auto",
        quantization=given.get("quantization"),
        tensor_parallel=given.get("tensor_parallel_size", 1),
        pipeline_parallel=given.get("pipeline_parallel_size", 1),
        utilization=given.get("gpu_memory_utilization") or DEFAULT_UTILIZATION,
        batched_tokens=given.get("max_batched_tokens"),
    )


@dataclass(frozen=True)
class Parts:
    """What the two engines' arithmetics have in common. Sizes in bytes; `request` = cache of one request of a length."""

    lines: tuple[Line, ...]
    budget: float
    weights: float
    overhead: float
    request: Callable[[int], float]
    context: int | None
    concurrency: int
    must_hold: int
    margin: float

    @property
    def pool(self) -> float:
        """Bytes left for the cache."""
        return self.budget - self.weights - self.overhead


def vllm(facts: ModelFacts, ask: Ask, room: Room) -> Parts:
    """One of the GPUs that vLLM spreads the model over: a pool of cache that requests share."""
    usable, gpus = room.usable_gib * GIB, ask.tensor_parallel * ask.pipeline_parallel
    weights, how = _weights(facts, ask)
    overhead = _overheadgib(room.usable_gib, gpus) * GIB
    budget = usable * ask.utilization
    in_flight = _SCHEDULED_AHEAD * (ask.batched_tokens or next(most for least, most in _MOST_BATCHED if room.usable_gib >= least))

    def request(length: int) -> float:
        return sum(_kept(group, length, in_flight) * _per_token(group, facts, ask) for group in facts.cache)

    lines = (
        Line(f"memory of {room.name}", "what frameworks find free on an empty one", gib(usable)),
        Line("budget", f"{room.usable_gib:g} x {ask.utilization:g} (gpu_memory_utilization)", gib(budget)),
        Line("weights", f"{how} / ({ask.tensor_parallel} tensor x {ask.pipeline_parallel} pipeline parallel)", gib(weights / gpus)),
        Line("activations, CUDA graphs, libraries", f"estimate for GPUs of this size, {gpus} at a time", gib(overhead)),
        Line("left for the cache", "budget - weights - estimate", gib(budget - weights / gpus - overhead)),
        *(_token_line(group, facts, ask) for group in facts.cache),
    )
    concurrency = ask.concurrency or 1
    return Parts(lines, budget, weights / gpus, overhead, request, ask.context, concurrency, 1, TOLERANCE_GIB * GIB)


def llama_cpp(facts: ModelFacts, ask: Ask, room: Room) -> Parts:
    """A llama.cpp process: every slot's whole context is reserved when it starts."""
    memory, slots = room.usable_gib * GIB, ask.concurrency or 1
    buffer = max(_LLAMA_BUFFER_GIB * GIB, ask.batch_size * facts.vocabulary * 4.0)
    prompts = ask.prompt_cache_mib * 2.0**20
    overhead = _LLAMA_PROCESS_GIB * GIB + buffer + prompts
    context = ask.context or min(facts.max_context or _LLAMA_CONTEXT, _LLAMA_CONTEXT)

    def request(length: int) -> float:
        padded = ceil(length / _LLAMA_PADDING) * _LLAMA_PADDING
        return sum(padded * group.layers * group.heads * group.width * 2.0 for group in facts.cache)

    lines = (
        Line(f"memory of {room.name}", "all of it", gib(memory)),
        Line("weights", "size of the GGUF files", gib(facts.weights_bytes)),
        Line(
            "process and compute buffers",
            f"0.5 + a batch of {ask.batch_size} tokens + prompt cache of {ask.prompt_cache_mib} MiB",
            gib(overhead),
        ),
        Line("left for the cache", "memory - weights - estimate", gib(memory - facts.weights_bytes - overhead)),
        *(
            Line(
                "cache of one token",
                f"{g.layers} layers x {g.heads} heads x {g.width} x 2 bytes = {2 * g.layers * g.heads * g.width:,} bytes",
                None,
            )
            for g in facts.cache
        ),
    )
    return Parts(lines, memory, float(facts.weights_bytes), overhead, request, context, slots, slots, _LLAMA_MARGIN_GIB * GIB)


def _weights(facts: ModelFacts, ask: Ask) -> tuple[float, str]:
    """Bytes of the weights in memory, all GPUs together, and how they come about."""
    files = float(facts.weights_bytes)
    if facts.quantized:
        return files, f"{gib(files):g} in its files"
    if (ratio := _ONLINE.get(ask.quantization or "")) is not None:
        kept = min(files, facts.embedding_elements * facts.element_bytes)
        share = ratio / facts.element_bytes
        return (files - kept) * share + kept, f"({gib(files):g} - embeddings {gib(kept):g}) x {share:g} ({ask.quantization}) + embeddings"
    wanted = 4.0 if ask.dtype == "float32" else 2.0
    if facts.element_bytes > 1 and wanted != facts.element_bytes:
        return files * wanted / facts.element_bytes, f"{gib(files):g} in its files x {wanted:g}/{facts.element_bytes:g} bytes a number"
    return files, f"{gib(files):g} in its files"


def _overheadgib(usable_gib: float, gpus: int) -> float:
    """As measured on engines of this generation: large GPUs take larger batches, and several together need libraries of their own."""
    if usable_gib >= _LARGE_GPU_GIB:
        return 6.0 if gpus > 1 else 3.0
    if gpus > 1:
        return 2.5
    return 1.2 if usable_gib < _SMALL_GPU_GIB else 1.5


def _kept(group: CacheLayers, length: int, in_flight: int) -> float:
    if group.window is None:
        return ceil(length / _BLOCK) * _BLOCK
    return (ceil(min(group.window - 1 + in_flight, length) / _BLOCK) + 1) * _BLOCK


def _per_token(group: CacheLayers, facts: ModelFacts, ask: Ask) -> float:
    """Bytes that these layers keep of a token on each GPU."""
    layers = ceil(group.layers / ask.pipeline_parallel)
    if group.latent:
        return layers * float(_LATENT_BYTES.get(ask.cache_dtype, group.width * _element(facts, ask)))
    return layers * max(1, group.heads // ask.tensor_parallel) * group.width * _element(facts, ask)


def _element(facts: ModelFacts, ask: Ask) -> float:
    if ask.cache_dtype in _CACHE_BYTES:
        return _CACHE_BYTES[ask.cache_dtype]
    if facts.cache_scheme:
        return 1.0
    return 4.0 if ask.dtype == "float32" else 2.0


def _token_line(group: CacheLayers, facts: ModelFacts, ask: Ask) -> Line:
    layers, each = ceil(group.layers / ask.pipeline_parallel), _per_token(group, facts, ask)
    bounds = f", at most {group.window:,} tokens and what is in flight" if group.window else ""
    if group.latent:
        how = f"{layers} layers x {each / layers:g} bytes (latent, on every GPU)"
    else:
        heads = max(1, group.heads // ask.tensor_parallel)
        how = f"{layers} layers x {heads} heads x {group.width} x {_element(facts, ask):g} bytes"
    return Line("cache of one token", f"{how} = {each:,.0f} bytes{bounds}", None)


def gib(size: float) -> float:
    """Bytes in GiB, to be read by people."""
    return round(size / GIB, 2)
