"""llama.cpp's own HTTP server, from the xllamacpp package, in a process of its own: the engine of machines without a GPU."""

import json
import os
import re
import sys
from pathlib import Path
from typing import ClassVar, Final

from contracts.artifact import CHAT_TEMPLATE_FILE, Manifest
from contracts.engine import EngineTask
from contracts.engine_arguments import LlamaCppArguments
from engine.adapters.base import Adapter, Launch, Metrics, Reading, engine_environment, read_arguments
from engine.adapters.programs import read_program_line
from engine.child import Command
from engine.errors import EngineError
from engine.weights.gguf import GgufFacts, read_facts

_DEFAULT_CONTEXT: Final = 4096
_SPLIT_FILE: Final = re.compile(r"-(\d{5})-of-\d{5}\.gguf$")


class LlamaCppAdapter(Adapter):
    """Runs `engine.programs.llama_cpp`, which is told what to do on its standard input."""

    metrics: ClassVar = Metrics(
        {
            "llamacpp:requests_processing": "slipway_engine_requests_running",
            "llamacpp:requests_deferred": "slipway_engine_requests_waiting",
            "llamacpp:prompt_tokens_total": "slipway_engine_prompt_tokens_total",
            "llamacpp:tokens_predicted_total": "slipway_engine_generated_tokens_total",
            "llamacpp:prompt_tokens_cached_total": "slipway_engine_cached_prompt_tokens_total",
        },
        running="llamacpp:requests_processing",
        steps="llamacpp:n_decode_total",
    )
    idle_connection_seconds: ClassVar = 3.0

    def __init__(self, launch: Launch) -> None:
        super().__init__(launch)
        self.arguments = read_arguments(LlamaCppArguments, launch)

    def check(self, directory: Path | None, manifest: Manifest | None) -> None:
        """Look whether the file is a GGUF whose training context covers what is asked: llama.cpp itself would silently give less."""
        facts = self._facts(directory, manifest)
        asked = self.arguments.context_length
        if asked and facts.context_length and asked > facts.context_length:
            message = f"The context length {asked} is more than the {facts.context_length} tokens that the model was trained for."
            raise EngineError("context-too-long", message, f"Set engine.arguments.context_length to {facts.context_length} or less.")

    def command(self, directory: Path | None, manifest: Manifest | None) -> Command:
        """Build the program's start; the key and the rest travel by its standard input, which others cannot read."""
        facts, given = self._facts(directory, manifest), self.arguments
        context = given.context_length or min(facts.context_length or _DEFAULT_CONTEXT, _DEFAULT_CONTEXT)
        template = manifest is not None and manifest.file(CHAT_TEMPLATE_FILE) is not None
        configuration = {
            "model_path": str(self._model_path(directory, manifest)),
            "model_id": self.launch.model_id,
            "key": self.launch.key,
            "context_tokens": context * given.max_sequences,
            "slots": given.max_sequences,
            "threads": given.threads or _processors(),
            "batch_size": given.batch_size,
            "gpu_layers": given.gpu_layers,
            "prompt_cache_mib": given.prompt_cache_mib,
            "embedding": self.launch.task in {EngineTask.EMBEDDING, EngineTask.RERANK},
            "pooling": "rank" if self.launch.task is EngineTask.RERANK else given.pooling,
            "chat_template_path": f"{directory}/{CHAT_TEMPLATE_FILE}" if template else None,
        }
        argv = [sys.executable, "-m", "engine.programs.llama_cpp"]
        environment = engine_environment(self.launch.environment, keep_python_path=True)
        return Command(argv, environment, json.dumps(configuration).encode())

    def read_line(self, line: str) -> Reading:
        """Follow our own program's lines."""
        return read_program_line(line)

    def is_noise(self, line: str) -> bool:
        """One line for each request and slot is too many."""
        return super().is_noise(line) or " slot " in line or "log_server_r" in line or "update_slots" in line

    def _facts(self, directory: Path | None, manifest: Manifest | None) -> GgufFacts:
        try:
            return read_facts(self._model_path(directory, manifest))
        except (ValueError, OSError) as error:
            raise EngineError("weights-corrupt", f"The GGUF metadata cannot be read: {error}.") from error

    def _model_path(self, directory: Path | None, manifest: Manifest | None) -> Path:
        if directory is None or manifest is None or manifest.format != "gguf":
            raise EngineError(
                "model-unsupported", "llama.cpp needs an artefact of the format gguf.", "Use engine.kind vllm for safetensors."
            )
        models = sorted(file.path for file in manifest.files if file.path.endswith(".gguf"))
        first = [path for path in models if not (match := _SPLIT_FILE.search(path)) or int(match[1]) == 1]
        if len(first) != 1:
            message = f"The artefact holds {len(first)} models: {', '.join(first)[:300]}."
            raise EngineError("model-unsupported", message, "Publish one GGUF model, whole or split, to an artefact.")
        return directory / first[0]


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
