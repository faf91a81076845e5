"""llama.cpp's HTTP server as a process: `python -m engine.programs.llama_cpp`, configuration on standard input."""

import sys
import threading
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from engine.programs.lifeline import read_configuration, say

_HTTP_THREADS_PER_SLOT = 4
_SPARE_HTTP_THREADS = 4
_POOLING = {
    "mean": "LLAMA_POOLING_TYPE_MEAN",
    "cls": "LLAMA_POOLING_TYPE_CLS",
    "last": "LLAMA_POOLING_TYPE_LAST",
    "rank": "LLAMA_POOLING_TYPE_RANK",
}


def main() -> int:
    """Load the model, serve it on a free loopback port until the process is ended. Returns 1 where the model cannot be loaded."""
    configuration = read_configuration()
    try:
        import xllamacpp

        say(f"version {version('xllamacpp')}")
    except (ImportError, PackageNotFoundError):
        say("failure engine-not-installed")
        return 1
    say("loading")
    try:
        server = xllamacpp.Server(_parameters(xllamacpp, configuration))
    except RuntimeError as error:
        print(f"llama.cpp did not start: {error}", file=sys.stderr, flush=True)  # noqa: T201 - read by the supervisor
        return 1
    say(f"listening {server.listening_address}")
    # The server's threads do the rest; SIGTERM, left at its default, ends the process at once: the supervisor has drained it.
    threading.Event().wait()
    return 0


def _parameters(xllamacpp: Any, configuration: dict[str, Any]) -> Any:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = configuration["model_path"]
    parameters.model_alias = {configuration["model_id"]}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.api_keys = [configuration["key"]]
    parameters.cors_origins = ""
    parameters.n_ctx = configuration["context_tokens"]
    parameters.n_parallel = configuration["slots"]
    parameters.n_batch = parameters.n_ubatch = configuration["batch_size"]
    # Waiting requests hold a thread each; enough of them, or health and metrics would wait behind them.
    parameters.n_threads_http = _HTTP_THREADS_PER_SLOT * configuration["slots"] + _SPARE_HTTP_THREADS
    # The default would let the prompt cache grow to 8 GiB of main memory.
    parameters.cache_ram_mib = configuration["prompt_cache_mib"]
    # Fitting loads the model twice and may change what was asked for behind the user's back.
    parameters.fit_params = False
    parameters.endpoint_metrics = True
    parameters.endpoint_slots = False
    parameters.ui = False
    if configuration["threads"]:
        parameters.cpuparams.n_threads = configuration["threads"]
        parameters.cpuparams_batch.n_threads = configuration["threads"]
    if configuration["gpu_layers"] is not None:
        parameters.n_gpu_layers = configuration["gpu_layers"]
    if configuration["chat_template_path"]:
        parameters.chat_template = Path(configuration["chat_template_path"]).read_text(encoding="utf-8")
    if configuration["embedding"]:
        parameters.embedding = True
        if configuration["pooling"]:
            parameters.pooling_type = getattr(xllamacpp.llama_pooling_type, _POOLING[configuration["pooling"]])
    return parameters


if __name__ == "__main__":
    sys.exit(main())
