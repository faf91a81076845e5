"""The engines' own words, and the codes that they become."""

# ruff: noqa: E501 - the texts are the engines' own, unbroken
import pytest

from contracts.engine import FAILURES
from engine.classifier import SIGNS, classify

GENERIC_END = "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {'EngineCore': 1}"

TABLE = [
    ("vllm: error: unrecognized arguments: --x", 2, "configuration-invalid", "--x"),
    ("HFValidationError: Repo id must be in the form 'repo_name' or 'namespace/repo_name': '/x'", 1, "model-incomplete", "artefact"),
    (
        (
            "LocalEntryNotFoundError: Cannot find an appropriate cached snapshot folder for the specified revision on the local disk and "
            "outgoing traffic has been disabled."
        ),
        1,
        "model-incomplete",
        "artefact",
    ),
    ("OSError: Invalid repository ID or local directory specified: '/opt/x'", 1, "model-incomplete", "artefact"),
    ("RuntimeError: Cannot find any model weights with `/var/cache/slipway/x`", 1, "model-incomplete", "weights"),
    (
        "safetensors_rust.SafetensorError: Error while deserializing header: incomplete metadata, file not fully covered",
        1,
        "weights-corrupt",
        "cut short",
    ),
    (
        "ValueError: Model architectures ['Foo'] are not supported for now. Supported architectures: dict_keys(['LlamaForCausalLM'])",
        1,
        "model-unsupported",
        "'Foo'",
    ),
    (
        "The checkpoint you are trying to load has model type `foo9` but Transformers does not recognize this architecture.",
        1,
        "model-unsupported",
        "foo9",
    ),
    ("ValueError: Unknown quantization method: x. Must be one of ['fp8', 'awq']", 1, "quantization-unsupported", "method: x"),
    (
        (
            "ValueError: Quantization method specified in the model config (awq) does not match the quantization method specified in the "
            "`quantization` argument (gptq)."
        ),
        1,
        "quantization-unsupported",
        "quantised by awq",
    ),
    (
        "ValueError: The quantization method fp8 is not supported for the current GPU. Minimum capability: 89. Current capability: 75.",
        1,
        "quantization-unsupported",
        "capability 89; this one has 75",
    ),
    ("ValueError: Couldn't instantiate the backend tokenizer from one of:", 1, "model-incomplete", "tokenizer"),
    (
        (
            "ValueError: User-specified max_model_len (16384) is greater than the derived max_model_len (max_position_embeddings=8192 or "
            "model_max_length=None in model's config.json). To allow overriding this maximum, set VLLM_ALLOW_LONG_MAX_MODEL_LEN=1"
        ),
        1,
        "context-too-long",
        "more than the 8192",
    ),
    (
        (
            "ValueError: To serve at least one request with the model's max seq len (2048), (0.18 GiB KV cache is needed, which is larger than "
            "the available KV cache memory (0.01 GiB). Based on the available memory, the estimated maximum model length is 256. Try "
            "increasing `gpu_memory_utilization` or decreasing `max_model_len` when initializing the engine."
        ),
        1,
        "context-too-long",
        "256 tokens would",
    ),
    (
        "ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when initializing the engine.",
        1,
        "out-of-memory-gpu",
        "leave no memory",
    ),
    (
        (
            "ValueError: Free memory on device cuda:0 (3.1/22.03 GiB) on startup is less than desired GPU memory utilization (0.92, 20.27 GiB). "
            "Decrease GPU memory utilization or reduce GPU memory used by other processes."
        ),
        1,
        "out-of-memory-gpu",
        "Only 3.1 of the GPU's 22.03 GiB",
    ),
    (
        (
            "Failed to load model - not enough GPU memory. Try lowering --gpu-memory-utilization to free memory for weights, increasing "
            "--tensor-parallel-size, or using --quantization. (original error: CUDA out of memory.)"
        ),
        1,
        "out-of-memory-gpu",
        "weights do not fit",
    ),
    (
        (
            "RuntimeError: CUDA out of memory occurred when warming up sampler with 1024 dummy requests. Please try lowering `max_num_seqs` "
            "or `gpu_memory_utilization` when initializing the engine."
        ),
        1,
        "out-of-memory-gpu",
        "with 1024 requests",
    ),
    ("OSError: [Errno 98] Address already in use", 1, "port-in-use", "port"),
    (
        "TimeoutError: Timed out waiting for engine core processes to start. This is often caused by slow weight loading",
        1,
        "engine-start-timeout",
        "in time",
    ),
    ("RuntimeError: The NVIDIA driver on your system is too old (found version 12080).", 1, "gpu-driver-mismatch", "CUDA 12080"),
    (
        "RuntimeError: Unexpected error from cudaGetDeviceCount(). Error 803: system has unsupported display driver / cuda driver combination",
        1,
        "gpu-driver-mismatch",
        "Error 803",
    ),
    ("Error 804: forward compatibility was attempted on non supported HW", 1, "gpu-driver-mismatch", "Error 804"),
    ("RuntimeError: Error 802: system not yet initialized", 1, "gpu-unavailable", "fabric manager"),
    ("RuntimeError: the provided PTX was compiled with an unsupported toolchain.", 1, "gpu-driver-mismatch", "kernels"),
    ("EngineCore encountered a fatal error.", 0, "engine-crashed", "core process died"),
    ("RuntimeError: No CUDA GPUs are available", 1, "gpu-unavailable", "no usable GPU"),
    ("OSError: [Errno 28] No space left on device: '/var/cache/slipway/vllm/x'", 1, "disk-full", "disk space"),
    # llama.cpp
    (
        (
            "0.00.036.001 E llama_model_load: error loading model: tensor 'blk.2.ffn_up.weight' data is not within the file bounds, model is "
            "corrupted or incomplete"
        ),
        1,
        "weights-corrupt",
        "cut short",
    ),
    ("0.00.004.213 E gguf_init_from_reader: invalid magic characters: 'xxxx', expected 'GGUF'", 1, "weights-corrupt", "no weights file"),
    ("0.00.084.317 E llama_model_load: error loading model: unknown model architecture: 'zlama'", 1, "model-unsupported", "zlama"),
    ("0.00.320.036 E srv          init: init: chat template parsing error: std::exception", 1, "configuration-invalid", "chat template"),
    (
        "0.04.162.533 E llama_init_from_model: failed to initialize the context: failed to allocate buffer for kv cache",
        1,
        "out-of-memory-host",
        "main memory",
    ),
    ("0.00.002.458 E srv         start: couldn't bind HTTP server socket, hostname: 127.0.0.1, port: 38999", 1, "port-in-use", "port"),
    (
        "0.00.004.661 E gguf_init_from_file: failed to open GGUF file '/nonexist.gguf' (No such file or directory)",
        1,
        "model-incomplete",
        "artefact",
    ),
]


@pytest.mark.parametrize(("text", "returncode", "code", "says"), TABLE, ids=[f"{row[2]}-{number}" for number, row in enumerate(TABLE)])
def test_each_known_text_becomes_its_code(text: str, returncode: int, code: str, says: str) -> None:
    """A text that an engine is known to die with becomes its code, even above vLLM's last line, which is always the same."""
    lines = ["(EngineCore pid=77) INFO Starting to load model x...", f"(EngineCore pid=77) {text}", GENERIC_END]
    error = classify(lines, returncode)
    assert error.code == code
    assert says in error.message
    assert "{" not in error.message + error.hint


def test_the_engines_own_suggestion_reaches_the_hint() -> None:
    """The longest context that would fit is proposed as the value to set."""
    text = (
        "To serve at least one request with the model's max seq len (131072), (16.0 GiB KV cache is needed, which is larger than the "
        "available KV cache memory (4.11 GiB). Based on the available memory, the estimated maximum model length is 33680."
    )
    assert classify([text], 1).hint.startswith("Set engine.arguments.context_length to 33680 or less")


def test_the_kernels_word_wins_over_the_engines() -> None:
    """Where the kernel has killed for lack of memory, whatever the engine printed before is not the cause."""
    error = classify(["EngineCore encountered a fatal error."], 0, out_of_memory=True)
    assert (error.code, error.exit_status) == ("out-of-memory-host", 137)


@pytest.mark.parametrize(
    ("returncode", "says"), [(0, "exit status 0"), (3, "exit status 3"), (-9, "SIGKILL"), (-11, "SIGSEGV"), (-34, "signal 34")]
)
def test_an_unknown_end_is_a_crash_and_carries_the_last_error(returncode: int, says: str) -> None:
    """Without a known text the code is engine-crashed, with how it ended and the last real error; 0 is no success."""
    error = classify(["KeyError: 'lm_head'", "INFO bye", GENERIC_END], returncode)
    assert error.code == "engine-crashed"
    assert says in error.message
    assert "KeyError: 'lm_head'" in error.message


def test_an_illegal_instruction_names_the_processor() -> None:
    """SIGILL means that the machine lacks what the engine was compiled for."""
    assert "AVX2" in classify([], -4).hint


def test_every_sign_leads_to_a_code_with_an_exit_status() -> None:
    """No sign names a failure that only ECS can have."""
    assert all(FAILURES[sign.code].exit_status is not None for sign in SIGNS)
