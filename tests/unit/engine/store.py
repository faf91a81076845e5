"""An artefact store in memory that can be told to fail, and the artefacts to put into it."""

import hashlib
import json
import struct
import threading
from collections.abc import Iterator
from typing import Any

from engine.errors import EngineError
from engine.weights.store import Range, TransientStoreError


class MemoryStore:
    """A `Store` over a dict. Each fault in `faults[path]` spoils one read: "break" cuts it in the middle, "refuse" gives nothing."""

    def __init__(self, objects: dict[str, bytes]) -> None:
        self.objects = objects
        self.faults: dict[str, list[str]] = {}
        self.reads: list[tuple[str, int, int]] = []
        self._lock = threading.Lock()

    def describe(self, path: str) -> str:
        """Name an object."""
        return f"memory:{path}"

    def read(self, path: str, limit: int) -> bytes:
        """Read a small object."""
        if self._fault(path):
            raise TransientStoreError("refused")
        return self._object(path)[: limit + 1]

    def open_range(self, path: str, start: int, end: int) -> Range:
        """Read a range, with the fault that is due."""
        content, fault = self._object(path), self._fault(path)
        with self._lock:
            self.reads.append((path, start, end))
        if fault == "refuse":
            raise TransientStoreError("refused")
        piece = content[start:end]
        return Range(len(content), self._chunks(piece[: len(piece) // 2] if fault == "break" else piece, broken=fault == "break"))

    def _chunks(self, piece: bytes, *, broken: bool) -> Iterator[bytes]:
        yield from (piece[at : at + 1000] for at in range(0, len(piece), 1000))
        if broken:
            raise TransientStoreError("broken off")

    def _object(self, path: str) -> bytes:
        if path not in self.objects:
            raise EngineError("weights-not-found", f"memory:{path} does not exist.")
        return self.objects[path]

    def _fault(self, path: str) -> str | None:
        with self._lock:
            return self.faults[path].pop(0) if self.faults.get(path) else None


def gguf(size: int = 100_000, *, context_length: int = 8192, architecture: str = "llama") -> bytes:
    """Build bytes that begin like a GGUF file of that size, with a training context in tokens."""
    header = struct.pack("<4sIQQ", b"GGUF", 3, 1, 4)
    header += _gguf_text("general.architecture") + struct.pack("<I", 8) + _gguf_text(architecture)
    header += _gguf_text("general.languages") + struct.pack("<IIQ", 9, 8, 1) + _gguf_text("en")
    header += _gguf_text(f"{architecture}.context_length") + struct.pack("<II", 4, context_length)
    header += _gguf_text("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, 0)
    return header + bytes(index * 31 % 251 for index in range(size - len(header)))


def safetensors(size: int = 64) -> bytes:
    """Build a safetensors file with one tensor of that many bytes."""
    header = json.dumps({"__metadata__": {"format": "pt"}, "w": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(size)


def artifact(files: dict[str, bytes], *, kind: str = "gguf", **changes: Any) -> tuple[dict[str, bytes], str]:
    """Build an artefact with its manifest: the objects by path, and the manifest's digest."""
    entries = [{"path": path, "size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()} for path, content in files.items()]
    manifest = {"schema": "slipway.manifest/1", "model_id": "m-1", "version": "1.0.0", "format": kind, "license": "MIT", "files": entries}
    content = json.dumps(manifest | changes).encode()
    return {**files, "manifest.json": content}, hashlib.sha256(content).hexdigest()


def _gguf_text(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()
