"""What an engine is started with: an argument list and an environment, in which values stay values."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.artifact import ManifestFile, parse_manifest
from contracts.engine import EngineKind
from contracts.engine_arguments import LlamaCppArguments, VllmArguments
from engine.adapters import create_adapter
from engine.adapters.base import engine_environment
from engine.adapters.vllm import _FLAGS
from engine.errors import EngineError
from tests.borders.injection.nasty import NAMES, TRICKS, names, texts
from tests.evidence import counted, scaled
from tests.unit.engine.store import artifact, gguf, safetensors
from tests.unit.engine.test_adapters import launch, model

FIXED = {
    "--served-model-name", "--host", "--port", "--max-model-len", "--shutdown-timeout", "--allowed-origins", "--fingerprint-mode",
    "--tool-call-parser",
    "--sse-keep-alive-interval", "--runner", "--chat-template", "--disable-uvicorn-access-log", "--disable-fastapi-docs",
    "--fail-on-environ-validation",
    "--enable-auto-tool-choice",
}  # fmt: skip
KNOWN = FIXED | {f"--{flag}" for flag in _FLAGS.values()} | {f"--no-{flag}" for flag in _FLAGS.values()}
ODD = (
    texts
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.none()
    | st.lists(texts, max_size=2)
    | st.dictionaries(texts, texts, max_size=2)
)


GOOD: dict[str, st.SearchStrategy[Any]] = {
    "context_length": st.just("auto") | st.integers(16, 10**6),
    "max_sequences": st.integers(1, 4096),
    "quantization": st.sampled_from(["awq", "0x"]),
    "tool_call_parser": st.sampled_from(["hermes", "a_b"]),
    "enforce_eager": st.booleans(),
    "gpu_memory_utilization": st.floats(0.1, 0.98),
    "generation_overrides": st.dictionaries(st.from_regex(r"[a-z][a-z0-9_]{0,9}", fullmatch=True), st.integers() | st.floats(), max_size=2),
    "chat_template_arguments": st.dictionaries(st.from_regex(r"[a-z][a-z0-9_]{0,9}", fullmatch=True), texts | st.booleans(), max_size=3),
    "optimization_level": st.integers(0, 3),
    "load_format": st.sampled_from(["auto", "safetensors"]),
}
ASKED = st.fixed_dictionaries({}, optional=GOOD) | st.dictionaries(
    st.sampled_from(sorted(VllmArguments.model_fields)) | texts, ODD, max_size=3
)


@settings(max_examples=scaled(400), deadline=None)
@given(ASKED, st.sampled_from(["tiny", "a-b"]))
def test_vllms_arguments_stay_arguments(arguments: dict[str, Any], model_id: str) -> None:
    """Refused with the field's name, or one element for each flag and value: nothing that a user wrote stands where a flag stands."""
    try:
        adapter = create_adapter(EngineKind.VLLM, launch(arguments, model_id=model_id))
    except EngineError as error:
        if error.code != "configuration-invalid":
            raise
        return
    argv = list(adapter.command(Path("/cache/x"), None).argv)
    assert argv[:3] == ["vllm", "serve", "/cache/x"]
    assert all(isinstance(word, str) and "\x00" not in word for word in argv)
    dashed = [word for word in argv[3:] if word.startswith("-") and not re.fullmatch(r"-O[0-3]|-\d+(\.\d+)?(e[+-]?\d+)?", word)]
    assert set(dashed) <= KNOWN
    assert len(dashed) == len(set(dashed))
    counted("engine_arguments_tried", 1, engine="vllm")


@pytest.mark.parametrize("trick", [trick for trick in TRICKS if trick.strip()])
def test_a_value_that_looks_like_a_flag_stays_a_value(trick: str) -> None:
    """Where free text may stand, it stands inside JSON behind its flag."""
    adapter = create_adapter(EngineKind.VLLM, launch({"chat_template_arguments": {"a": trick}}))
    argv = list(adapter.command(Path("/cache/x"), None).argv)
    value = argv[argv.index("--default-chat-template-kwargs") + 1]
    assert json.loads(value) == {"a": trick}
    assert trick not in argv


@settings(max_examples=scaled(150), deadline=None)
@given(arguments=st.dictionaries(st.sampled_from(sorted(LlamaCppArguments.model_fields)) | texts, ODD, max_size=3))
def test_llama_cpp_takes_no_arguments_but_json(arguments: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Its command line is fixed; what was asked for travels as one JSON object on its standard input."""
    try:
        adapter = create_adapter(EngineKind.LLAMA_CPP, launch(arguments))
    except EngineError as error:
        if error.code != "configuration-invalid":
            raise
        return
    folder = tmp_path_factory.mktemp("weights")
    command = adapter.command(folder, model(folder, {"m.gguf": gguf()}, "gguf"))
    assert list(command.argv)[1:] == ["-m", "engine.programs.llama_cpp"]
    assert command.first_input is not None
    assert isinstance(json.loads(command.first_input), dict)
    assert b"\n" not in command.first_input


@settings(max_examples=scaled(200), deadline=None)
@given(st.dictionaries(names, st.just("x"), max_size=6))
def test_an_engine_inherits_neither_keys_nor_loaders_tricks(environment: dict[str, str]) -> None:
    """Even if such a variable got into the container, the engine's process does not see it."""
    kept = engine_environment(environment, keep_python_path=False)
    secret = re.compile(r"AWS_|ECS_|SLIPWAY_|ENGINE_API_KEY$|LD_PRELOAD$|LD_AUDIT$|PYTHON(PATH|STARTUP|HOME|INSPECT|OPTIMIZE)$")
    assert not [name for name in kept if secret.match(name)]


@pytest.mark.parametrize(
    "name",
    [
        *("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "VLLM_SERVER_DEV_MODE", "VLLM_ALLOW_RUNTIME_LORA_UPDATING", "VLLM_API_KEY"),
        *("VLLM_MEDIA_URL_ALLOW_REDIRECTS", "VLLM_CACHE_ROOT"),
    ],
)
def test_what_shuts_vllm_in_is_said_last(name: str) -> None:
    """A variable of the container cannot undo what the supervisor decides."""
    adapter = create_adapter(EngineKind.VLLM, launch(environment={name: "undone"}))
    assert adapter.command(Path("/x"), None).environment[name] != "undone"


@settings(max_examples=scaled(400), deadline=None)
@given(
    st.lists(st.sampled_from([*TRICKS, *NAMES, "..", ".", "x" * 300]) | texts, min_size=1, max_size=10)
    | st.lists(st.from_regex(r"[A-Za-z0-9_.@+=-]{1,8}", fullmatch=True), min_size=1, max_size=9),
    st.booleans(),
)
def test_no_path_leads_out_of_the_cache(parts: list[str], suffixed: bool) -> None:
    """Whatever a manifest calls a file: refused, or a plain path below the entry."""
    path = "/".join(parts) + (".json" if suffixed else "")
    try:
        file = ManifestFile(path=path, size_bytes=0, sha256="0" * 64)
    except ValueError:
        return
    root = Path("/cache/artifacts/x")
    assert (root / file.path).resolve().is_relative_to(root)
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._+=@/-]*", file.path)
    assert ".." not in file.path.split("/")
    counted("weights_paths_tried", 1)


@pytest.mark.parametrize("pair", [("a.json", "A.json"), ("a.json", "a.json"), ("x/a.json", "X/a.json"), ("a.json", "a.json/b.json")])
def test_no_two_files_share_a_place(pair: tuple[str, str]) -> None:
    """Neither by name, nor on a disk that knows no case, nor as folder and file."""
    files = {"m.safetensors": safetensors(), **dict.fromkeys(pair, b"{}")}
    objects, _ = artifact(files, kind="safetensors")
    document = json.loads(objects["manifest.json"])
    if len(files) == 2:
        document["files"].append(document["files"][-1])
    with pytest.raises(ValueError, match=r"twice|both|folder|is listed"):
        parse_manifest(json.dumps(document).encode())
