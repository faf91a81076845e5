"""Why an engine died, read from its last lines: pure, and the only place that knows the engines' own words.

The texts are those of vLLM 0.33 (with PyTorch, transformers and CUDA below it) and of llama.cpp. The root cause stands above the last
line, which for vLLM is always the same; hence every sign is looked for in all the lines, the most telling sign first.
"""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from engine.errors import EngineError


class Sign(NamedTuple):
    """A text that gives a failure away. `{1}` in a message or hint stands for the pattern's first group; None keeps the code's own."""

    pattern: re.Pattern[str]
    code: str
    message: str | None = None
    hint: str | None = None


def _sign(pattern: str, code: str, message: str | None = None, hint: str | None = None) -> Sign:
    return Sign(re.compile(pattern), code, message, hint)


_SMALLER_CONTEXT: Final = "Set engine.arguments.context_length to {3} or less, or use a GPU with more memory."

SIGNS: Final[Sequence[Sign]] = (
    # Memory of the GPU, with the engine's own suggestion where it makes one.
    _sign(
        r"model's max seq len \((\d+)\).*?available KV cache memory \(([\d.]+ \w+)\).*?estimated maximum model length is (\d+)",
        "context-too-long",
        "A context of {1} tokens does not fit into the {2} that the weights leave free; {3} tokens would.",
        _SMALLER_CONTEXT,
    ),
    _sign(
        r"model's max seq len \((\d+)\).*?available KV cache memory \(([\d.]+ \w+)\)",
        "context-too-long",
        "A context of {1} tokens does not fit into the {2} that the weights leave free.",
    ),
    _sign(
        r"User-specified max_model_len \((\d+)\) is greater than the derived max_model_len \(\w+=([\d.]+)",
        "context-too-long",
        "The context length {1} is more than the {2} tokens that the model was trained for.",
        "Set engine.arguments.context_length to {2} or less.",
    ),
    _sign(
        r"No available memory for the cache blocks",
        "out-of-memory-gpu",
        "The weights fill the GPU and leave no memory for any context.",
    ),
    _sign(
        r"Free memory on device \S+ \(([\d.]+)/([\d.]+) GiB\) on startup is less than desired",
        "out-of-memory-gpu",
        "Only {1} of the GPU's {2} GiB are free when the engine starts.",
        "Make sure that nothing else uses the GPU, or lower engine.arguments.gpu_memory_utilization.",
    ),
    _sign(r"Failed to load model - not enough GPU memory", "out-of-memory-gpu", "The weights do not fit into the GPU's memory."),
    _sign(
        r"CUDA out of memory occurred when warming up \w+ with (\d+) dummy requests",
        "out-of-memory-gpu",
        "The GPU ran out of memory while warming up with {1} requests at a time.",
        "Lower engine.arguments.max_sequences or engine.arguments.gpu_memory_utilization.",
    ),
    _sign(
        r"torch\.(?:cuda\.)?OutOfMemoryError|CUDA out of memory|CUDA error: out of memory|cudaMalloc failed: out of memory",
        "out-of-memory-gpu",
    ),
    # Driver and device.
    _sign(
        r"The NVIDIA driver on your system is too old \(found version (\d+)\)",
        "gpu-driver-mismatch",
        "The instance's GPU driver is too old: it offers CUDA {1}.",
    ),
    _sign(
        r"Error 802: system not yet initialized",
        "gpu-unavailable",
        "The GPUs are not initialised: the fabric manager is not running.",
        "Multi-GPU boards need the NVIDIA fabric manager; use the current ECS GPU image.",
    ),
    _sign(
        r"(Error 80[34]: [^\n.]{1,90}|forward compatibility was attempted on non supported HW|system has unsupported display driver)",
        "gpu-driver-mismatch",
        "The GPU driver and the engine's CUDA version do not go together: {1}.",
    ),
    _sign(
        r"the provided PTX was compiled with an unsupported toolchain",
        "gpu-driver-mismatch",
        "The engine's kernels need a newer GPU driver than the instance has.",
    ),
    _sign(
        r"(No CUDA GPUs are available|Failed to infer device type|no CUDA-capable device is detected|Found no NVIDIA driver)",
        "gpu-unavailable",
    ),
    # What the model is.
    _sign(
        r"Model architectures \[([^\]]{1,200})\] (?:are not supported|failed to be inspected)",
        "model-unsupported",
        "This engine does not support the architecture {1}.",
    ),
    _sign(
        r"has model type [`']([^`']{1,80})[`'] but Transformers does not recognize",
        "model-unsupported",
        "This engine does not know the model type {1}.",
    ),
    _sign(
        r"unknown model architecture: '([^']{1,80})'",
        "model-unsupported",
        "This engine does not support the architecture {1}.",
    ),
    _sign(
        r"contains custom code which must be executed|trust_remote_code=True",
        "model-unsupported",
        "The model brings code of its own, which is never run.",
        "Use a version of the model that the engine supports by itself.",
    ),
    _sign(
        r"(Unknown quantization method: [^\n]{1,60}?)\. Must be",
        "quantization-unsupported",
        "{1}.",
    ),
    _sign(
        r"Quantization method specified in the model config \((\S+)\) does not match .{0,80}? argument \((\S+)\)",
        "quantization-unsupported",
        "The model is quantised by {1}, engine.arguments.quantization says {2}.",
        "Remove engine.arguments.quantization: the engine reads it from the model.",
    ),
    _sign(
        r"is not supported for the current GPU\. Minimum capability: (\d+)\. Current capability: (\d+)",
        "quantization-unsupported",
        "This quantisation needs a GPU of compute capability {1}; this one has {2}.",
    ),
    _sign(
        r"(must be divisible by tensor parallel size[^\n]{0,60}|is not divisible by (?:the )?tensor parallel size[^\n]{0,60})",
        "configuration-invalid",
        "The number of attention heads cannot be spread over engine.arguments.tensor_parallel_size GPUs.",
        "Use a tensor_parallel_size that divides the model's attention heads: usually 1, 2, 4 or 8.",
    ),
    # Files.
    _sign(
        r"Error while deserializing header: |data is not within the file bounds, model is corrupted|invalid magic characters",
        "weights-corrupt",
        "A weights file is cut short or is no weights file.",
    ),
    _sign(r"Cannot find any model weights with", "model-incomplete", "The artefact holds no weights that this engine can read."),
    _sign(
        r"Couldn't instantiate the backend tokenizer|Can't load tokenizer|error loading vocabulary|tokenizer class .{1,60} does not exist",
        "model-incomplete",
        "The artefact lacks a usable tokenizer.",
        "Add tokenizer.json or tokenizer.model with tokenizer_config.json to the artefact and publish a new version.",
    ),
    _sign(
        r"HFValidationError: Repo id|LocalEntryNotFoundError|Invalid repository ID or local directory specified|failed to open GGUF file",
        "model-incomplete",
        "The engine finds no configuration or weights in the artefact.",
    ),
    _sign(
        r"chat template parsing error|failed to initialize chat template|TemplateSyntaxError",
        "configuration-invalid",
        "The chat template does not parse.",
        "Correct chat_template.jinja in the artefact and publish a new version.",
    ),
    # The machine.
    _sign(r"\[Errno 28\] No space left on device|No space left on device", "disk-full"),
    _sign(
        r"\[Errno 98\] (?:error while attempting to bind|Address already in use)|couldn't bind HTTP server socket",
        "port-in-use",
        "Another process took the engine's port on the loopback interface.",
        "Retry: a new port is chosen at each start.",
    ),
    _sign(r"failed to allocate buffer for kv cache|DefaultCPUAllocator: can't allocate memory|std::bad_alloc", "out-of-memory-host"),
    _sign(r"\bMemoryError\b", "out-of-memory-host"),
    _sign(r"Timed out waiting for engine core processes to start", "engine-start-timeout"),
    _sign(
        r"error: unrecognized arguments: ([^\n]{1,120})",
        "configuration-invalid",
        "This engine version does not know the argument {1}.",
        "Use the engine image that belongs to this release of Slipway.",
    ),
    _sign(r"error: argument ([^\n]{1,200})", "configuration-invalid", "The engine refuses an argument: {1}."),
    _sign(r"Unknown vLLM environment variable detected: (\w+)", "configuration-invalid", "The engine does not know the variable {1}."),
    _sign(
        r"EngineCore encountered (?:a fatal error|an issue)|EngineDeadError",
        "engine-crashed",
        "The engine's core process died while serving.",
    ),
)

_ERROR_LINE: Final = re.compile(r"\b([A-Z]\w*(?:Error|Exception)): (\S.{0,300})")
_NOT_THE_CAUSE: Final = re.compile(r"Engine core initialization failed|See root cause above|EngineDeadError")
_SIGNALS: Final = {4: "SIGILL", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE", 9: "SIGKILL", 11: "SIGSEGV", 15: "SIGTERM"}
_SIGILL: Final = 4


def classify(lines: Sequence[str], returncode: int, *, out_of_memory: bool = False) -> EngineError:
    """Turn an engine's last lines and return code into a failure. `out_of_memory`: the kernel has killed a process of the container.

    A return code of 0 is a failure like any other: no engine of ours stops unless it is told to, and vLLM exits 0 when its core died.
    """
    if out_of_memory:
        return EngineError("out-of-memory-host")
    text = "\n".join(lines)
    for sign in SIGNS:
        if match := sign.pattern.search(text):
            return EngineError(sign.code, _fill(sign.message, match), _fill(sign.hint, match))
    if returncode == -_SIGILL:
        message = "The engine uses processor instructions that this machine does not have."
        return EngineError("engine-crashed", message, "Run it on a processor with AVX2.")
    return EngineError("engine-crashed", f"The engine stopped by itself ({_ending(returncode)}).{_last_error(lines)}")


def _fill(template: str | None, match: re.Match[str]) -> str | None:
    if template is None:
        return None
    for number, group in enumerate(match.groups(), start=1):
        template = template.replace(f"{{{number}}}", group or "?")
    return template


def _ending(returncode: int) -> str:
    if returncode < 0:
        name = _SIGNALS.get(-returncode, f"signal {-returncode}")
        return f"ended by {name}, often a sign that main memory ran out" if name == "SIGKILL" else f"ended by {name}"
    return f"exit status {returncode}"


def _last_error(lines: Sequence[str]) -> str:
    for line in reversed(lines):
        if (match := _ERROR_LINE.search(line)) and not _NOT_THE_CAUSE.search(line):
            return f" Its last error: {match[1]}: {match[2]}"
    return ""
