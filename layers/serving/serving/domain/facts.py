"""What a model's own files say about the memory it takes: its weights, and what its layers keep of each token.

Nothing is guessed: what a file does not say, or says in a way that this does not read, is `Unread` with the reason. Where the cache is
known only as an upper bound, `exact` is False and a note says why.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_NESTED = ("text_config", "llm_config", "language_config")
_ENCODERS = frozenset({"bert", "roberta", "xlm-roberta", "modernbert", "nomic_bert", "mpnet", "distilbert", "deberta-v2"})
_ALL_SLIDING = frozenset({"mistral", "mixtral", "phi3", "starcoder2"})
_OWN_ARITHMETIC = frozenset({"deepseek_v4"})
_PATTERNS = {"gemma2": 2, "gemma3": 6, "gemma3_text": 6, "cohere2": 4}
_LINEAR = frozenset({"linear_attention", "mamba", "mamba2", "recurrent", "conv"})
_MOST = 2**40  # of anything that is counted in such a file
_BYTES = {"float32": 4.0, "float": 4.0, "bfloat16": 2.0, "float16": 2.0, "half": 2.0, "float8_e4m3fn": 1.0}


@dataclass(frozen=True)
class CacheLayers:
    """Layers that keep the same of each token. `heads` of `width` elements each (keys and values together).

    `latent`: one compressed vector a token, the same on every GPU. `window`: tokens kept at most; None = all.
    """

    layers: int
    heads: int
    width: int
    window: int | None = None
    latent: bool = False


@dataclass(frozen=True)
class ModelFacts:
    """Facts of one artefact. Bytes are bytes in its files; `element_bytes` is the size of one of its unquantised numbers.

    `max_context` in tokens; None = the files do not say. `embedding_elements`: numbers in the input and output embeddings together, which
    stay unquantised. `attention_heads`: what tensor parallelism must divide. `exact` is False where the cache is an upper bound.
    """

    format: str
    weights_bytes: int
    cache: tuple[CacheLayers, ...]
    max_context: int | None
    element_bytes: float = 2.0
    attention_heads: int | None = None
    layers: int = 0
    embedding_elements: int = 0
    vocabulary: int = 0
    quantized: bool = False
    cache_scheme: bool = False
    exact: bool = True
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unread:
    """There are no facts, and why."""

    reason: str


class _Incomplete(Exception):
    """A field that the arithmetic needs is not there."""


def config_facts(config: Mapping[str, Any], weights_bytes: int) -> ModelFacts | Unread:
    """Facts from a `config.json` and the sum of the weight files' sizes."""
    own = next((config[name] for name in _NESTED if isinstance(config.get(name), Mapping)), config)
    merged = {**{key: value for key, value in config.items() if key not in _NESTED}, **own}
    kind = str(merged.get("model_type", ""))
    if kind in _OWN_ARITHMETIC:
        return Unread(f"models of the type {kind} compress their cache in a way that only the engine computes")
    notes: list[str] = []
    try:
        cache, exact = _cache(merged, kind, notes)
        layers = _number(merged, "num_hidden_layers")
        vocabulary, width = _optional(merged, "vocab_size") or 0, _optional(merged, "hidden_size") or 0
        heads = _optional(merged, "num_attention_heads")
    except _Incomplete as error:
        return Unread(f"config.json does not say {error}")
    if config.get("vision_config") or config.get("audio_config"):
        notes.append("images and audio take more for their encoder's cache, which is not counted")
    quantization = merged.get("quantization_config")
    scheme = quantization if isinstance(quantization, Mapping) else {}
    copies = 1 if merged.get("tie_word_embeddings") else 2
    return ModelFacts(
        format="safetensors",
        weights_bytes=weights_bytes,
        cache=cache,
        max_context=_max_context(merged),
        element_bytes=_BYTES.get(str(merged.get("dtype") or merged.get("torch_dtype") or "bfloat16").removeprefix("torch."), 2.0),
        attention_heads=heads,
        layers=layers,
        embedding_elements=vocabulary * width * copies,
        vocabulary=vocabulary,
        quantized=bool(scheme),
        cache_scheme=bool(scheme.get("kv_cache_scheme") or scheme.get("kv_cache_quant_algo")),
        exact=exact,
        notes=tuple(notes),
    )


def _cache(config: Mapping[str, Any], kind: str, notes: list[str]) -> tuple[tuple[CacheLayers, ...], bool]:
    layers = _number(config, "num_hidden_layers")
    if kind in _ENCODERS:
        notes.append("an encoder keeps nothing between tokens")
        return (), True
    if config.get("kv_lora_rank"):
        width = _number(config, "kv_lora_rank") + _number(config, "qk_rope_head_dim")
        if config.get("index_topk"):
            notes.append("the index of sparse attention takes about a tenth more, which is not counted")
        return (CacheLayers(layers, 1, width, latent=True),), not config.get("index_topk")
    heads = _number(config, "num_attention_heads")
    key = _optional(config, "head_dim") or _number(config, "hidden_size") // heads
    # vLLM and transformers read a missing number of key-value heads as "as many as attention heads".
    of_kind = CacheLayers(0, _optional(config, "num_key_value_heads") or heads, key + (_optional(config, "v_head_dim") or key))
    full, sliding, window, exact = _split(config, kind, layers, notes)
    groups = []
    if full:
        groups.append(CacheLayers(full, of_kind.heads, of_kind.width))
    if sliding:
        groups.append(CacheLayers(sliding, of_kind.heads, of_kind.width, window=window))
    return tuple(groups), exact


def _split(config: Mapping[str, Any], kind: str, layers: int, notes: list[str]) -> tuple[int, int, int | None, bool]:
    """How many layers keep every token, how many a window's, the window in tokens, and whether that is certain."""
    types = config.get("layer_types")
    window = config.get("sliding_window") if config.get("use_sliding_window", True) else None
    if isinstance(types, list) and len(types) == layers:
        return _by_type(types, config, window, notes)
    if config.get("full_attention_interval"):
        notes.append("the state of linear-attention layers, the same for any length, is not counted")
        return layers // _number(config, "full_attention_interval"), 0, None, False
    if "mamba" in kind or config.get("ssm_cfg") or config.get("mamba_d_state"):
        raise _Incomplete("which of its layers are attention and which keep a state (layer_types)")
    if not window:
        return layers, 0, None, True
    pattern = config.get("sliding_window_pattern") or _PATTERNS.get(kind)
    if isinstance(pattern, int) and pattern > 0:
        return layers // pattern, layers - layers // pattern, int(window), True
    if kind in _ALL_SLIDING:
        return 0, layers, int(window), True
    notes.append("config.json names a sliding window but not its layers: all are counted as if they kept every token")
    return layers, 0, None, False


def _by_type(types: list[Any], config: Mapping[str, Any], window: Any, notes: list[str]) -> tuple[int, int, int | None, bool]:
    sliding = types.count("sliding_attention")
    chunked = types.count("chunked_attention")
    linear = sum(1 for one in types if one in _LINEAR)
    if sliding and not window:
        raise _Incomplete("the sliding window of its sliding layers")
    if chunked:
        window = _number(config, "attention_chunk_size")
    if linear:
        notes.append("the state of linear-attention layers, the same for any length, is not counted")
    full = len(types) - sliding - chunked - linear
    return full, sliding + chunked, int(window) if sliding or chunked else None, not linear


def _max_context(config: Mapping[str, Any]) -> int | None:
    """The longest context that an engine would admit by any reading of the rope scaling."""
    stated = [int(config[name]) for name in ("max_position_embeddings", "n_positions", "max_seq_len") if config.get(name)]
    if not stated:
        return None
    scaling = config.get("rope_scaling") or config.get("rope_parameters") or {}
    if not isinstance(scaling, Mapping):
        return max(stated)
    kind, factor = str(scaling.get("rope_type") or scaling.get("type") or ""), float(scaling.get("factor") or 1.0)
    if kind in {"yarn", "linear", "dynamic", "ntk"}:
        original = int(scaling.get("original_max_position_embeddings") or stated[0])
        return max(*stated, int(original * factor))
    return max(stated)


def _number(config: Mapping[str, Any], name: str) -> int:
    value = config.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MOST:
        raise _Incomplete(name)
    return value


def _optional(config: Mapping[str, Any], name: str) -> int | None:
    return None if config.get(name) is None else _number(config, name)
