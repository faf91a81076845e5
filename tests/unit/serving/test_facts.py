"""What is read out of a model's own files, and what is not."""

import struct
from typing import Any

import pytest

from serving.domain.facts import CacheLayers, ModelFacts, Unread, config_facts
from serving.domain.gguf import CutShort, Malformed, gguf_facts, metadata

PLAIN: dict[str, Any] = {
    "model_type": "llama",
    "num_hidden_layers": 24,
    "hidden_size": 1024,
    "num_attention_heads": 16,
    "num_key_value_heads": 4,
    "vocab_size": 32_000,
    "max_position_embeddings": 8192,
}


def facts(**changes: Any) -> ModelFacts:
    """Facts of the plain model with these changes; None takes a field away."""
    found = config_facts({name: value for name, value in {**PLAIN, **changes}.items() if value is not None}, 1000)
    assert isinstance(found, ModelFacts), found
    return found


@pytest.mark.parametrize(
    ("changes", "cache", "exact"),
    [
        ({}, [(24, 4, 128, None)], True),
        ({"num_key_value_heads": None}, [(24, 16, 128, None)], True),
        ({"head_dim": 128}, [(24, 4, 256, None)], True),
        ({"head_dim": 192, "v_head_dim": 128}, [(24, 4, 320, None)], True),
        (
            {"layer_types": ["sliding_attention"] * 20 + ["full_attention"] * 4, "sliding_window": 512},
            [(4, 4, 128, None), (20, 4, 128, 512)],
            True,
        ),
        ({"layer_types": ["linear_attention"] * 18 + ["full_attention"] * 6}, [(6, 4, 128, None)], False),
        (
            {"layer_types": ["chunked_attention"] * 18 + ["full_attention"] * 6, "attention_chunk_size": 2048},
            [(6, 4, 128, None), (18, 4, 128, 2048)],
            True,
        ),
        ({"full_attention_interval": 4}, [(6, 4, 128, None)], False),
        ({"model_type": "gemma3_text", "sliding_window": 1024}, [(4, 4, 128, None), (20, 4, 128, 1024)], True),
        ({"model_type": "mistral", "sliding_window": 4096}, [(24, 4, 128, 4096)], True),
        ({"model_type": "qwen2", "sliding_window": 4096, "use_sliding_window": False}, [(24, 4, 128, None)], True),
        ({"model_type": "other", "sliding_window": 4096}, [(24, 4, 128, None)], False),
        ({"kv_lora_rank": 512, "qk_rope_head_dim": 64}, [(24, 1, 576, None)], True),
        ({"kv_lora_rank": 512, "qk_rope_head_dim": 64, "index_topk": 2048}, [(24, 1, 576, None)], False),
        ({"model_type": "bert"}, [], True),
    ],
)
def test_which_layers_keep_what(changes: dict[str, Any], cache: list[tuple[int, int, int, int | None]], exact: bool) -> None:
    """Layers, heads, width and window by the fields that families use; an upper bound says that it is one."""
    found = facts(**changes)
    assert [(group.layers, group.heads, group.width, group.window) for group in found.cache] == cache
    assert found.exact is exact
    assert found.exact or found.notes


@pytest.mark.parametrize(
    ("scaling", "longest"),
    [
        (None, 8192),
        ({"rope_type": "llama3", "factor": 8.0}, 8192),
        ({"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 8192}, 32_768),
        ({"rope_type": "linear", "factor": 2.0}, 16_384),
        ("nonsense", 8192),
    ],
)
def test_the_longest_context_takes_scaling_into_account(scaling: Any, longest: int) -> None:
    """Never less than an engine would admit."""
    assert facts(rope_scaling=scaling).max_context == longest


def test_the_language_part_of_a_multimodal_model_is_what_counts() -> None:
    """Its own configuration comes first, and what images take is named as left out."""
    found = config_facts({"model_type": "vlm", "vision_config": {"num_hidden_layers": 99}, "text_config": PLAIN}, 1000)
    assert isinstance(found, ModelFacts)
    assert found.layers == 24
    assert "images" in found.notes[0]


@pytest.mark.parametrize(
    ("changes", "about"),
    [
        ({"num_hidden_layers": None}, "num_hidden_layers"),
        ({"num_hidden_layers": "many"}, "num_hidden_layers"),
        ({"num_key_value_heads": -4}, "num_key_value_heads"),
        ({"num_hidden_layers": 10**30}, "num_hidden_layers"),
        ({"model_type": "deepseek_v4"}, "deepseek_v4"),
        ({"model_type": "mamba2"}, "layer_types"),
        ({"layer_types": ["sliding_attention"] * 24}, "sliding window"),
    ],
)
def test_what_cannot_be_read_says_why(changes: dict[str, Any], about: str) -> None:
    """No facts rather than guessed ones."""
    found = config_facts({name: value for name, value in {**PLAIN, **changes}.items() if value is not None}, 1000)
    assert isinstance(found, Unread)
    assert about in found.reason


def text(value: str) -> bytes:
    """A GGUF string."""
    return struct.pack("<Q", len(value.encode())) + value.encode()


def gguf(pairs: dict[str, Any], *, claimed: int | None = None) -> bytes:
    """A GGUF's beginning with this metadata: whole numbers, texts and lists of whole numbers."""
    body = b""
    for key, value in pairs.items():
        body += text(key)
        if isinstance(value, str):
            body += struct.pack("<I", 8) + text(value)
        elif isinstance(value, list):
            body += struct.pack("<IIQ", 9, 4, len(value)) + b"".join(struct.pack("<I", one) for one in value)
        else:
            body += struct.pack("<II", 4, value)
    return struct.pack("<4sIQQ", b"GGUF", 3, 0, len(pairs) if claimed is None else claimed) + body


SMOLLM = {
    "general.architecture": "llama",
    "llama.block_count": 30,
    "llama.context_length": 8192,
    "llama.embedding_length": 576,
    "llama.attention.head_count": 9,
    "llama.attention.head_count_kv": 3,
    "llama.vocab_size": 49_152,
    "tokenizer.ggml.model": "gpt2",
}


def test_a_ggufs_header_tells_its_cache() -> None:
    """30 layers of 3 heads, 64 + 64 wide: 23,040 bytes a token, as the engine prints; the tokenizer is not read."""
    said = metadata(gguf(SMOLLM))
    assert "tokenizer.ggml.model" not in said
    found = gguf_facts(said, 1000)
    assert isinstance(found, ModelFacts)
    assert (found.cache, found.max_context, found.vocabulary) == ((CacheLayers(30, 3, 128),), 8192, 49_152)
    assert sum(2 * group.layers * group.heads * group.width for group in found.cache) == 23_040


def test_heads_may_differ_from_layer_to_layer() -> None:
    """Layers of the same number of heads make one group; layers without heads keep nothing."""
    said = SMOLLM | {"llama.block_count": 4, "llama.attention.head_count_kv": [3, 1, 0, 3]}
    found = gguf_facts(metadata(gguf(said)), 1000)
    assert isinstance(found, ModelFacts)
    assert found.cache == (CacheLayers(1, 1, 128), CacheLayers(2, 3, 128))


@pytest.mark.parametrize("missing", ["general.architecture", "llama.block_count", "llama.attention.head_count"])
def test_a_gguf_that_does_not_say_has_no_facts(missing: str) -> None:
    """The reason is told."""
    found = gguf_facts({key: value for key, value in SMOLLM.items() if key != missing}, 1000)
    assert isinstance(found, Unread)


@pytest.mark.parametrize("length", [4, 23, 30, 60, 150])
def test_a_part_of_a_header_asks_for_more(length: int) -> None:
    """Wherever it is cut before the tokenizer."""
    with pytest.raises(CutShort):
        metadata(gguf(SMOLLM)[:length])


@pytest.mark.parametrize(
    "content",
    [
        b"GGML" + bytes(20),
        gguf(SMOLLM, claimed=10**9),
        struct.pack("<4sIQQ", b"GGUF", 3, 0, 1) + struct.pack("<Q", 2**60),
        struct.pack("<4sIQQ", b"GGUF", 3, 0, 1) + text("a") + struct.pack("<I", 77),
        struct.pack("<4sIQQ", b"GGUF", 3, 0, 1) + text("a") + struct.pack("<IIQ", 9, 4, 2**60),
    ],
)
def test_a_header_that_lies_is_refused_before_memory_is_spent(content: bytes) -> None:
    """Magic, counts, lengths and types are looked at first."""
    with pytest.raises(Malformed):
        metadata(content)
