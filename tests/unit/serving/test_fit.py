"""Whether a model fits: the worked examples, and the rules around them."""

from dataclasses import replace
from typing import Any

import pytest

from serving.domain.facts import CacheLayers, ModelFacts, Unread, config_facts
from serving.domain.fit import fit
from serving.domain.memory import GIB, Ask, Room

L4, L40S, H100, H200 = Room("one L4", 22.03), Room("one L40S", 44.4), Room("one H100", 79.1), Room("one H200", 139.8)
TASK = Room("a task", 8.0)
K = 1024
LLAMA_8B: dict[str, Any] = {
    "model_type": "llama",
    "num_hidden_layers": 32,
    "hidden_size": 4096,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128_256,
    "torch_dtype": "bfloat16",
    "max_position_embeddings": 131_072,
}
QWEN3_4B = LLAMA_8B | {
    "model_type": "qwen3",
    "num_hidden_layers": 36,
    "hidden_size": 2560,
    "head_dim": 128,
    "vocab_size": 151_936,
    "tie_word_embeddings": True,
    "max_position_embeddings": 40_960,
}
LLAMA_70B = LLAMA_8B | {
    "num_hidden_layers": 80,
    "hidden_size": 8192,
    "num_attention_heads": 64,
    "quantization_config": {"quant_method": "fp8"},
}
GPT_OSS_120B = LLAMA_8B | {
    "model_type": "gpt_oss",
    "num_hidden_layers": 36,
    "hidden_size": 2880,
    "num_attention_heads": 64,
    "head_dim": 64,
    "sliding_window": 128,
    "layer_types": ["sliding_attention", "full_attention"] * 18,
    "quantization_config": {"quant_method": "mxfp4"},
}
DEEPSEEK_V3 = LLAMA_8B | {
    "model_type": "deepseek_v3",
    "num_hidden_layers": 61,
    "hidden_size": 7168,
    "num_attention_heads": 128,
    "num_key_value_heads": 128,
    "kv_lora_rank": 512,
    "qk_rope_head_dim": 64,
    "max_position_embeddings": 163_840,
    "quantization_config": {"quant_method": "fp8"},
}
BYTES_8B, BYTES_4B, BYTES_70B = 8_030_261_248 * 2, 4_022_468_096 * 2, int(67.7 * GIB)
BYTES_OSS, BYTES_DEEPSEEK = int(60.8 * GIB), 685_000_000_000


def facts(config: dict[str, Any], weights: int) -> ModelFacts:
    """Facts that must be readable."""
    found = config_facts(config, weights)
    assert isinstance(found, ModelFacts)
    return found


def ask(context: int | None = None, **more: Any) -> Ask:
    """What is asked of vLLM."""
    return Ask("vllm", context, **more)


EXAMPLES = [
    # config, bytes of the weights, ask, room; weights and pool in GiB, tokens, requests of full length at a time
    pytest.param(LLAMA_8B, BYTES_8B, ask(8 * K), L4, 14.96, 4.11, 33_700, 4.1, id="8B on L4 at 8k"),
    pytest.param(LLAMA_8B, BYTES_8B, ask(32 * K), L4, 14.96, 4.11, 33_700, 1.03, id="8B on L4 at 32k"),
    pytest.param(LLAMA_8B, BYTES_8B, ask(32 * K, utilization=0.9), L4, 14.96, 3.67, 30_100, 0.92, id="8B on L4 at 90 %"),
    pytest.param(LLAMA_8B, BYTES_8B, ask(32 * K, cache_dtype="fp8"), L4, 14.96, 4.11, 67_300, 2.06, id="8B on L4, fp8 cache"),
    pytest.param(LLAMA_8B, BYTES_8B, ask(32 * K, quantization="fp8"), L4, 8.46, 10.6, 86_900, 2.65, id="8B on L4, fp8 weights"),
    pytest.param(LLAMA_8B, BYTES_8B, ask(128 * K), L40S, 14.96, 24.4, 199_800, 1.5, id="8B on L40S at 128k"),
    pytest.param(QWEN3_4B, BYTES_4B, ask(40 * K), L4, 7.49, 11.6, 84_300, 2.06, id="Qwen3-4B on L4"),
    pytest.param(LLAMA_70B, BYTES_70B, ask(128 * K, tensor_parallel=4), L40S, 16.92, 21.4, 281_000, 2.1, id="70B on four L40S"),
    pytest.param(
        LLAMA_70B, BYTES_70B, ask(128 * K, tensor_parallel=4, cache_dtype="fp8"), L40S, 16.92, 21.4, 562_000, 4.3, id="70B, fp8 cache"
    ),
    pytest.param(GPT_OSS_120B, BYTES_OSS, ask(128 * K), H100, 60.8, 9.0, 232_000, 1.8, id="gpt-oss-120b on H100"),
    pytest.param(GPT_OSS_120B, BYTES_OSS, ask(128 * K), H200, 60.8, 64.8, 1_680_000, 12.8, id="gpt-oss-120b on H200"),
    pytest.param(
        GPT_OSS_120B, BYTES_OSS, ask(128 * K, tensor_parallel=4), L40S, 15.2, 23.2, 2_600_000, 19.9, id="gpt-oss-120b on four L40S"
    ),
    pytest.param(
        DEEPSEEK_V3, BYTES_DEEPSEEK, ask(160 * K, tensor_parallel=8), H200, 79.7, 42.9, 650_000, 4.0, id="DeepSeek-V3 on eight H200"
    ),
]


@pytest.mark.parametrize(("config", "size", "asked", "room", "weights", "pool", "tokens", "at_a_time"), EXAMPLES)
def test_the_worked_examples_come_out(
    config: dict[str, Any], size: int, asked: Ask, room: Room, weights: float, pool: float, tokens: int, at_a_time: float
) -> None:
    """Weights, pool, tokens and concurrency of each example in the engine's reference, to the digits given there."""
    found = fit(facts(config, size), asked, room)
    lines = {line.what: line.gib for line in found.lines}
    assert lines["weights"] == pytest.approx(weights, abs=0.1)
    assert lines["left for the cache"] == pytest.approx(pool, abs=0.06)
    assert found.cache_tokens == pytest.approx(tokens, rel=0.01)
    assert found.max_concurrency == pytest.approx(at_a_time, rel=0.02)


@pytest.mark.parametrize(
    ("config", "size", "asked", "room", "verdict", "code", "certain"),
    [
        pytest.param(LLAMA_8B, BYTES_8B, ask(8 * K), L4, "fits", None, False, id="room for four"),
        pytest.param(LLAMA_8B, BYTES_8B, ask(32 * K), L4, "tight", None, False, id="room for one"),
        pytest.param(LLAMA_8B, BYTES_8B, ask(8 * K, concurrency=8), L4, "tight", None, False, id="room for half of them"),
        pytest.param(LLAMA_8B, BYTES_8B, ask(32 * K, utilization=0.9), L4, "no", "context-does-not-fit", False, id="within the estimate"),
        pytest.param(LLAMA_8B, BYTES_8B, ask(128 * K), L4, "no", "context-does-not-fit", True, id="128k beside 8B on L4"),
        pytest.param(LLAMA_8B, BYTES_8B, ask(256 * K), H200, "no", "context-exceeds-model", True, id="more than it was trained for"),
        pytest.param(DEEPSEEK_V3, BYTES_DEEPSEEK, ask(8 * K, tensor_parallel=8), H100, "no", "weights-do-not-fit", True, id="p5.48xlarge"),
        pytest.param(LLAMA_8B, BYTES_8B, ask(), L4, "tight", None, False, id="auto finds a shorter context"),
        pytest.param(LLAMA_8B, BYTES_8B, ask(), H200, "fits", None, False, id="auto finds all of it"),
    ],
)
def test_the_verdict(config: dict[str, Any], size: int, asked: Ask, room: Room, verdict: str, code: str | None, certain: bool) -> None:
    """Green from twice the length, amber while it starts, red below; certain only where no estimate decides."""
    found = fit(facts(config, size), asked, room)
    assert (found.verdict, found.code, found.certain) == (verdict, code, certain), found.reason


def test_the_longest_context_is_the_last_one_that_fits() -> None:
    """One block more at that concurrency, and it is none."""
    model = facts(LLAMA_8B, BYTES_8B)
    found = fit(model, ask(8 * K, concurrency=3), L4)
    assert found.max_context is not None
    assert found.max_context == pytest.approx(33_677 / 3, abs=16)
    assert (fit(model, ask(found.max_context, concurrency=3), L4).max_concurrency or 0) >= 3
    assert (fit(model, ask(found.max_context + 16, concurrency=3), L4).max_concurrency or 0) < 3


def test_a_window_bounds_the_cache_and_a_mistake_about_it_is_seen() -> None:
    """Counting all 36 layers of gpt-oss as full ones gives the naive 131k tokens."""
    naive = facts(GPT_OSS_120B | {"layer_types": None, "sliding_window": None}, BYTES_OSS)
    assert fit(naive, ask(128 * K), H100).cache_tokens == pytest.approx(131_000, rel=0.02)


def test_latent_attention_is_the_same_on_every_gpu() -> None:
    """576 numbers a token and layer, 656 bytes in the engine's fp8 form, however many GPUs."""
    model = facts(DEEPSEEK_V3, BYTES_DEEPSEEK)
    for dtype, each in (("auto", 70_272), ("fp8", 40_016)):
        found = fit(model, ask(8 * K, tensor_parallel=8, cache_dtype=dtype), H200)
        assert f"= {each:,} bytes" in " ".join(line.formula for line in found.lines)


def test_heads_below_the_parallelism_are_copied() -> None:
    """Eight key-value heads over sixteen GPUs are one on each, never half a one."""
    found = fit(facts(LLAMA_8B, BYTES_8B), ask(8 * K, tensor_parallel=16), L40S)
    assert "32 layers x 1 heads x 256 x 2 bytes" in " ".join(line.formula for line in found.lines)


def test_numbers_are_held_in_the_type_that_the_engine_uses() -> None:
    """vLLM halves float32 weights, and doubles the others where float32 is asked for."""
    single = facts(LLAMA_8B | {"torch_dtype": "float32"}, 2 * BYTES_8B)
    assert {line.what: line.gib for line in fit(single, ask(8 * K), L4).lines}["weights"] == pytest.approx(14.96, abs=0.01)
    double = fit(facts(LLAMA_8B, BYTES_8B), ask(8 * K, dtype="float32"), L40S)
    assert {line.what: line.gib for line in double.lines}["weights"] == pytest.approx(29.92, abs=0.01)


GGUF = ModelFacts("gguf", 102_000_000, (CacheLayers(30, 3, 128),), 8192, vocabulary=49_152, layers=30, quantized=True)


@pytest.mark.parametrize(
    ("weights", "context", "slots", "verdict", "code"),
    [
        (102_000_000, 8192, 2, "fits", None),
        (102_000_000, 8192, 40, "tight", None),
        (102_000_000, 8192, 64, "no", "context-does-not-fit"),
        (102_000_000, 16_384, 1, "no", "context-exceeds-model"),
        (9 * GIB, 512, 1, "no", "weights-do-not-fit"),
    ],
)
def test_llama_cpp_reserves_every_slot_in_the_tasks_memory(weights: int, context: int, slots: int, verdict: str, code: str | None) -> None:
    """Weights, all slots' contexts and the process against 8 GiB."""
    found = fit(replace(GGUF, weights_bytes=weights), Ask("llama.cpp", context, slots), TASK)
    assert (found.verdict, found.code) == (verdict, code), found.reason


def test_llama_cpp_without_a_context_takes_its_own_default() -> None:
    """4,096 tokens, or what the model was trained for if that is less."""
    assert fit(GGUF, Ask("llama.cpp", None, 2), TASK).context == 4096
    assert fit(replace(GGUF, max_context=2048), Ask("llama.cpp", None, 2), TASK).context == 2048


def test_what_is_not_known_is_not_guessed() -> None:
    """No facts, or facts of another format, have no verdict; the mock needs none."""
    assert fit(Unread("no config.json"), ask(8 * K), L4).reason == "no config.json"
    assert fit(GGUF, ask(8 * K), L4).verdict == "unknown"
    assert fit(Unread("whatever"), Ask("mock"), L4).verdict == "fits"


def test_an_upper_bound_is_never_a_certain_no() -> None:
    """Where layers might keep less than counted, nobody is refused for it."""
    loose = facts(LLAMA_8B | {"sliding_window": 4096, "model_type": "unheard-of"}, BYTES_8B)
    found = fit(loose, ask(128 * K), L4)
    assert (found.verdict, found.certain) == ("no", False)
    assert "sliding window" in found.reason
