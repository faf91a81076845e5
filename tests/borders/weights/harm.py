"""Harmful artefacts: what somebody with access to the bucket, the host's disk or a model hub might put before an engine."""

import hashlib
import json
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from tests.unit.engine.store import artifact, gguf, safetensors


class _Runs:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, ("echo harm",)


PICKLE: Final = pickle.dumps(_Runs())
CONFIG: Final = {"architectures": ["LlamaForCausalLM"], "max_position_embeddings": 8192}
Objects = tuple[dict[str, bytes], str]


def good(**files: bytes) -> dict[str, bytes]:
    """The files of a model that vLLM would load; names with `__` stand for a full stop."""
    base = {"model.safetensors": safetensors(), "config.json": json.dumps(CONFIG).encode(), "tokenizer.json": b"{}"}
    return base | {name.replace("__", "."): content for name, content in files.items()}


def _config(**changes: Any) -> bytes:
    return json.dumps(CONFIG | changes).encode()


def _listed(path: str, content: bytes = b"{}") -> Callable[[], Objects]:
    """A manifest that lists this path beside good files."""
    return lambda: artifact(good() | {path: content}, kind="safetensors")


def _tensors(header: bytes, data: bytes = b"", length: int | None = None) -> Callable[[], Objects]:
    file = struct.pack("<Q", len(header) if length is None else length) + header + data
    return lambda: artifact(good(model__safetensors=file), kind="safetensors")


def _gguf(content: bytes) -> Callable[[], Objects]:
    return lambda: artifact({"m.gguf": content}, kind="gguf")


def _twice() -> Objects:
    objects, _ = artifact(good(), kind="safetensors")
    document = json.loads(objects["manifest.json"])
    document["files"].append({**document["files"][0], "sha256": "0" * 64})
    return _sealed(objects, document)


def _sealed(objects: dict[str, bytes], document: Any, raw: bytes | None = None) -> Objects:
    content = json.dumps(document).encode() if raw is None else raw
    return objects | {"manifest.json": content}, hashlib.sha256(content).hexdigest()


def _manifest(**changes: Any) -> Callable[[], Objects]:
    return lambda: artifact(good(), kind="safetensors", **changes)


def _huge() -> Objects:
    objects, _ = artifact(good(), kind="safetensors", license="x" * 2_000_000)
    return objects, hashlib.sha256(objects["manifest.json"]).hexdigest()


def _size(size: int) -> Callable[[], Objects]:
    def made() -> Objects:
        objects, _ = artifact(good(), kind="safetensors")
        document = json.loads(objects["manifest.json"])
        document["files"][0]["size_bytes"] = size
        return _sealed(objects, document)

    return made


_BOMB: Final = struct.pack("<4sIQQ", b"GGUF", 3, 1, 1) + struct.pack("<Q", 1 << 60)
_LIST: Final = struct.pack("<4sIQQ", b"GGUF", 3, 1, 1) + struct.pack("<Q", 1) + b"k" + struct.pack("<IIQ", 9, 0, 1 << 60)
_LISTS: Final = struct.pack("<4sIQQ", b"GGUF", 3, 1, 1) + struct.pack("<Q", 1) + b"k" + struct.pack("<IIQ", 9, 9, 4) + bytes(64)

BY_MANIFEST: Final[dict[str, Callable[[], Objects]]] = {
    "a pickle by its own suffix": _listed("pytorch_model.bin", PICKLE),
    "a pickle of PyTorch": _listed("model.pt", PICKLE),
    "a pickle of joblib": _listed("model.joblib", PICKLE),
    "code": _listed("modeling_evil.py", b"import os"),
    "code in capitals": _listed("modeling_evil.PY", b"import os"),
    "a compiled module": _listed("evil.so", b"\x7fELF"),
    "a path file of Python": _listed("evil.pth", b"import os"),
    "a shell script": _listed("run.sh", b"id"),
    "a path upwards": _listed("../../etc/cron.json"),
    "a path upwards in the middle": _listed("a/../../x.json"),
    "a path from the root": _listed("/etc/passwd.json"),
    "a path of Windows": _listed("..\\..\\x.json"),
    "a path with a drive": _listed("C:/x.json"),
    "a hidden file": _listed(".bashrc.json"),
    "a hidden folder": _listed(".git/config.json"),
    "an empty part": _listed("a//b.json"),
    "a part that is a full stop": _listed("./b.json"),
    "a NUL in the name": _listed("a\x00.json"),
    "a line's end in the name": _listed("a\n.json"),
    "a letter of another alphabet": _listed("\u0441onfig.json"),
    "a name beginning like an option": _listed("--x.json"),
    "an address": _listed("https://evil.example/x.json"),
    "a tree too deep": _listed("/".join("abcdefghijk") + "/x.json"),
    "the manifest itself": _listed("manifest.json "),
    "one path twice": _twice,
    "one path in two cases": lambda: artifact(good() | {"CONFIG.json": b"{}"}, kind="safetensors"),
    "a file where a folder is": lambda: artifact(good() | {"a.json": b"{}", "a.json/b.json": b"{}"}, kind="safetensors"),
    "no weights of its format": lambda: artifact({"config.json": b"{}"}, kind="safetensors"),
    "a format that runs": _manifest(format="pickle"),
    "a field that nobody knows": _manifest(post_install="id"),
    "another schema": _manifest(schema="slipway.manifest/2"),
    "a model's name that is a path": _manifest(model_id="../x"),
    "a version that is a path": _manifest(version="1.0.0/../.."),
    "a manifest without end": _huge,
    "a manifest nested without end": lambda: _sealed(good(), None, b'{"files":' + b"[" * 100_000),
    "a manifest that is no text": lambda: _sealed(good(), None, b"\xff\xfe\x00"),
    "a manifest with a size below zero": _size(-1),
    "a manifest with a size beyond all disks": _size(2**63),
}
"""Refused by the manifest's rules alone: at the registry, before a model is validated, and once more by the supervisor."""


def _spans(data: bytes, *spans: tuple[str, Any, Any]) -> Callable[[], Objects]:
    """Safetensors of these tensors: name, where it begins, where it ends, as they stand in JSON; a name may stand twice."""
    entries = (f'"{name}":{{"dtype":"U8","shape":[4],"data_offsets":[{start},{end}]}}' for name, start, end in spans)
    return _tensors(("{" + ",".join(entries) + "}").encode(), data)


def _with(**files: bytes) -> Callable[[], Objects]:
    return lambda: artifact(good(**files), kind="safetensors")


def _beside(path: str, content: bytes) -> Callable[[], Objects]:
    return lambda: artifact(good() | {path: content}, kind="safetensors")


_CODE: Final = b'{"auto_map": {"A": "x.Y"}}'
BY_CONTENT: Final[dict[str, Callable[[], Objects]]] = {
    "a pickle called safetensors": _with(model__safetensors=PICKLE),
    "a pickle called gguf": _gguf(PICKLE),
    "a zip of PyTorch called safetensors": _with(model__safetensors=b"PK\x03\x04" + bytes(200)),
    "an empty safetensors": _with(model__safetensors=b""),
    "a header of 2^60 bytes": _tensors(b"{}", length=1 << 60),
    "a header of 2^64 - 1 bytes": _tensors(b"{}", length=2**64 - 1),
    "a header longer than its file": _tensors(b"{}", length=50),
    "a header that is no JSON": _tensors(b"not json"),
    "a header that is a list": _tensors(b"[]"),
    "a header nested without end": _tensors(b'{"a":' + b"[" * 50_000 + b"]" * 50_000 + b"}"),
    "a tensor that is named twice": _spans(bytes(4), ("w", 0, 4), ("w", 0, 4)),
    "tensors that overlap": _spans(bytes(6), ("a", 0, 4), ("b", 2, 6)),
    "tensors with a gap": _spans(bytes(8), ("a", 0, 4), ("b", 6, 8)),
    "a tensor behind the end": _spans(bytes(4), ("a", 0, 99)),
    "a tensor before the beginning": _spans(bytes(4), ("a", -4, 0)),
    "a tensor at infinity": _spans(bytes(4), ("a", 0, "1e999")),
    "offsets in words": _spans(bytes(4), ("a", '"0"', '"4"')),
    "data behind the tensors": _spans(bytes(4) + PICKLE, ("a", 0, 4)),
    "GGUF with 2^60 tensors": _gguf(struct.pack("<4sIQQ", b"GGUF", 3, 1 << 60, 1) + bytes(100)),
    "GGUF with 2^60 facts": _gguf(struct.pack("<4sIQQ", b"GGUF", 3, 1, 1 << 60) + bytes(100)),
    "GGUF with a text of 2^60 bytes": _gguf(_BOMB + bytes(100)),
    "GGUF with a list of 2^60 entries": _gguf(_LIST + bytes(100)),
    "GGUF with lists of lists": _gguf(_LISTS),
    "GGUF of a version to come": _gguf(struct.pack("<4sIQQ", b"GGUF", 99, 1, 1) + bytes(100)),
    "GGUF cut short": _gguf(gguf()[:40]),
    "GGUF's other byte order": _gguf(struct.pack(">4sIQQ", b"GGUF", 3, 1, 1) + bytes(100)),
    "a configuration that names code": _with(config__json=_config(auto_map={"AutoModel": "modeling_evil.Evil"})),
    "code of another repository": _with(config__json=_config(auto_map={"AutoConfig": "evil/repo--x.Y"})),
    "code within a part of the configuration": _with(config__json=_config(vision_config={"x": [{"auto_map": {"AutoConfig": "x.Y"}}]})),
    "a configuration that trusts": _with(config__json=_config(trust_remote_code=True)),
    "a tokenizer that names code": _with(tokenizer_config__json=b'{"auto_map": {"AutoTokenizer": ["x.Y", null]}}'),
    "a processor that names code": _with(preprocessor_config__json=_CODE),
    "a configuration in a folder that names code": _beside("vision/config.json", _CODE),
    "generation by code": _with(generation_config__json=b'{"custom_generate": "evil/repo"}'),
    "a configuration named twice": _with(config__json=_CODE[:-1] + b', "auto_map": null, "architectures": ["L"]}'),
    "a configuration nested without end": _with(config__json=b"[" * 100_000),
    "a configuration that is no text": _with(config__json=b"\xff\xfe"),
    "a configuration without end": _with(config__json=b'{"a": "' + b"x" * (17 * 1024 * 1024) + b'"}'),
    "an index that leads elsewhere": _beside("model.safetensors.index.json", b'{"weight_map": {"w": "../../evil.safetensors"}}'),
    "an index of odd types": _beside("model.safetensors.index.json", b'{"weight_map": {"w": ["x"]}}'),
}
"""Refused by the supervisor, which alone reads the files: digests are right, and the content is none that an engine may see."""


def lay(folder: Path, objects: dict[str, bytes]) -> None:
    """Write an artefact's files below a folder."""
    for path, content in objects.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
