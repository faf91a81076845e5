"""Proof that files are what the manifest says, and that they are weights at all."""

import hashlib
import json
import os
import re
import stat
import struct
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from contracts.artifact import MANIFEST_FILE, Manifest, ManifestFile
from engine.errors import CancelledWorkError, EngineError

Report = Callable[[int], None]
"""Told, from any thread, how many more bytes have been done."""

_BLOCK: Final = 4 * 1024 * 1024
_THREADS: Final = 4
_MAX_SAFETENSORS_HEADER: Final = 100 * 1024 * 1024
_GGUF_VERSIONS: Final = (2, 3)
_CONFIGURATION: Final = re.compile(r"(^|/)([a-z_]*config|modules|args|params)\.json$")
_MAX_CONFIGURATION: Final = 16 * 1024 * 1024
_BRINGS_CODE: Final = frozenset({"auto_map", "trust_remote_code", "custom_pipelines", "custom_generate"})
"""Settings by which a configuration names Python code for a library to fetch and run. That engines are told not to is no boundary: vLLM's
refusal has been got round three times."""


def verify_files(directory: Path, manifest: Manifest, report: Report, cancelled: threading.Event) -> None:
    """Compare every file's size and SHA-256 with the manifest, several at a time.

    Raises EngineError `weights-corrupt` naming the file, `weights-not-found` for a missing one; CancelledWorkError when told to stop.
    """
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="verify") as pool:
        for _ in pool.map(lambda file: verify_file(directory / file.path, file, report, cancelled), manifest.files):
            pass


def verify_file(path: Path, file: ManifestFile, report: Report, cancelled: threading.Event) -> None:
    """Compare one file with its entry in the manifest. A link is no file: where it leads can change after it was looked at."""
    try:
        directory = path.parents[file.path.count("/")]
        if path.resolve() != directory.resolve() / file.path or not stat.S_ISREG(path.stat().st_mode):
            raise EngineError("weights-corrupt", f"{file.path} is no file of its own, but a link or a device.")
        size = path.stat().st_size
        if size != file.size_bytes:
            raise EngineError("weights-corrupt", f"{file.path} has {size} bytes, the manifest says {file.size_bytes}.")
        digest = hashlib.sha256()
        with path.open("rb", buffering=0) as stream:
            while block := stream.read(_BLOCK):
                if cancelled.is_set():
                    raise CancelledWorkError
                digest.update(block)
                report(len(block))
    except FileNotFoundError:
        raise EngineError("weights-not-found", f"{file.path} is missing.") from None
    check_digest(file, digest.hexdigest())


def refuse_strangers(directory: Path, manifest: Manifest) -> None:
    """Raise EngineError `weights-corrupt` where a file lies among the listed ones that is not listed: engines load what they find."""
    listed = {MANIFEST_FILE, *(file.path for file in manifest.files)}
    for folder, _, names in os.walk(directory):
        for name in names:
            if (found := Path(folder, name).relative_to(directory).as_posix()) not in listed:
                raise EngineError("weights-corrupt", f"{found} lies among the weights and is not in the manifest.")


def check_digest(file: ManifestFile, found: str) -> None:
    """Raise EngineError `weights-corrupt` where a digest is not the manifest's."""
    if found != file.sha256:
        raise EngineError("weights-corrupt", f"{file.path} has the SHA-256 {found}, the manifest says {file.sha256}.")


def check_headers(directory: Path, manifest: Manifest) -> None:
    """Look into each weights file's header, and each configuration: a digest may be right and the file still no weights, or code.

    Raises EngineError `weights-corrupt` or `model-unsupported` naming the file.
    """
    for file in manifest.files:
        try:
            if _CONFIGURATION.search(file.path):
                _check_configuration(directory / file.path, file.path)
            elif file.path.endswith(".safetensors"):
                _check_safetensors(directory / file.path)
            elif file.path.endswith(".gguf"):
                _check_gguf(directory / file.path)
        except (ValueError, struct.error, RecursionError, OverflowError) as error:
            raise EngineError("weights-corrupt", f"{file.path} is no valid {Path(file.path).suffix[1:]} file: {error}") from error


def _check_safetensors(path: Path) -> None:
    size = path.stat().st_size
    with path.open("rb") as stream:
        (length,) = struct.unpack("<Q", stream.read(8))
        if length > min(_MAX_SAFETENSORS_HEADER, size - 8):
            raise ValueError("its header is longer than the file")
        header: Any = json.loads(stream.read(length), object_pairs_hook=_once_each)
    if not isinstance(header, dict):
        raise ValueError("its header is no JSON object")
    tensors: Mapping[str, Any] = {name: entry for name, entry in header.items() if name != "__metadata__"}
    ends = sorted(_span(name, entry) for name, entry in tensors.items())
    reached = 0
    for start, end in ends:
        if start != reached or end < start:
            raise ValueError("its tensors leave gaps or overlap")
        reached = end
    if reached != size - 8 - length:
        raise ValueError("its tensors do not cover the file; it is cut short")


def _span(name: str, entry: Any) -> tuple[int, int]:
    try:
        start, end = entry["data_offsets"]
    except (TypeError, KeyError, ValueError):
        start = end = None
    if type(start) is not int or type(end) is not int:
        raise ValueError(f"tensor {name[:80]!r} has no offsets")
    return start, end


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object none of whose names stands twice: of two, one reader takes the first and another the last."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("it names something twice")
    return found


def _check_configuration(path: Path, name: str) -> None:
    if path.stat().st_size > _MAX_CONFIGURATION:
        raise ValueError(f"it is larger than {_MAX_CONFIGURATION} bytes")
    level: list[Any] = [json.loads(path.read_bytes(), object_pairs_hook=_once_each)]
    while level:
        for value in level:
            if isinstance(value, dict) and (named := sorted(field for field in _BRINGS_CODE & value.keys() if value[field])):
                message = f"{name} names code of the model's own ({named[0]}), which is never run."
                hint = f"Take {named[0]} out of {name}, or use a version of the model that the engine supports by itself; publish it anew."
                raise EngineError("model-unsupported", message, hint)
        members = (value.values() if isinstance(value, dict) else value for value in level if isinstance(value, dict | list))
        level = [member for inside in members for member in inside]


def _check_gguf(path: Path) -> None:
    with path.open("rb") as stream:
        magic, version, tensors, pairs = struct.unpack("<4sIQQ", stream.read(24))
    if magic != b"GGUF":
        raise ValueError("it does not begin with GGUF")
    if version not in _GGUF_VERSIONS:
        raise ValueError(f"its version {version} is unknown")
    if not tensors or not pairs or tensors > path.stat().st_size or pairs > path.stat().st_size:
        raise ValueError("its header counts are impossible")
