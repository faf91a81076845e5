"""Facts from the metadata at the beginning of a GGUF file, read from its first bytes."""

import struct
from collections.abc import Mapping
from typing import Any

from serving.domain.facts import CacheLayers, ModelFacts, Unread

_SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_STRING, _ARRAY = 8, 9
_MAX_PAIRS, _MAX_LENGTH, _MAX_LAYERS = 4096, 65_536, 65_536


class Malformed(Exception):
    """The bytes are no GGUF metadata that we read; the message says why."""


class CutShort(Malformed):
    """The metadata goes on behind the bytes given."""


def metadata(content: bytes) -> dict[str, Any]:
    """Key → value, up to the tokenizer's, which is long and tells nothing of memory. `Malformed`, or `CutShort` where more bytes help."""
    reader = _Reader(content)
    magic, version, _, pairs = reader.unpack("<4sIQQ")
    if magic != b"GGUF" or version not in {2, 3}:
        raise Malformed("the file does not begin as a GGUF of version 2 or 3")
    if pairs > _MAX_PAIRS:
        raise Malformed("the file claims an impossible number of facts")
    found: dict[str, Any] = {}
    for _ in range(pairs):
        key = reader.text()
        if key.startswith("tokenizer."):
            break
        found[key] = reader.value()
    return found


def gguf_facts(said: Mapping[str, Any], weights_bytes: int) -> ModelFacts | Unread:
    """Facts from the metadata and the sum of the files' sizes."""
    kind = said.get("general.architecture")
    if not isinstance(kind, str):
        return Unread("the GGUF does not name its architecture")

    def number(name: str) -> int | None:
        value = said.get(f"{kind}.{name}")
        return value if isinstance(value, int) and value > 0 else None

    layers, heads, width = number("block_count"), number("attention.head_count"), number("embedding_length")
    if layers is None or heads is None or width is None:
        return Unread("the GGUF does not say how many layers, heads and dimensions the model has")
    if layers > _MAX_LAYERS:
        return Unread("the GGUF claims an impossible number of layers")
    if number("ssm.state_size") or number("ssm.conv_kernel"):
        return Unread("the GGUF does not say which layers keep a state and which a cache")
    per_layer = _per_layer(said.get(f"{kind}.attention.head_count_kv"), heads, layers)
    if per_layer is None:
        return Unread("the GGUF gives the key-value heads in a way that cannot be read")
    key = number("attention.key_length") or width // heads
    value = number("attention.value_length") or key
    notes = []
    if said.get(f"{kind}.attention.sliding_window"):
        notes.append("the GGUF names a sliding window but not its layers: all are counted as if they kept every token")
    if number("attention.kv_lora_rank"):
        notes.append("latent attention is counted as if it kept whole keys and values")
    return ModelFacts(
        format="gguf",
        weights_bytes=weights_bytes,
        cache=tuple(CacheLayers(per_layer.count(n), n, key + value) for n in sorted(set(per_layer)) if n),
        max_context=number("context_length"),
        attention_heads=heads,
        layers=layers,
        vocabulary=number("vocab_size") or 0,
        quantized=True,
        exact=not notes,
        notes=tuple(notes),
    )


def _per_layer(said: Any, heads: int, layers: int) -> list[int] | None:
    """Key-value heads of each layer: one number for all, a list, or nothing, which means as many as attention heads."""
    if said is None:
        return [heads] * layers
    if isinstance(said, int):
        return [said] * layers
    if isinstance(said, list) and len(said) == layers and all(isinstance(one, int) for one in said):
        return said
    return None


class _Reader:
    def __init__(self, content: bytes) -> None:
        self._content, self._place = content, 0

    def unpack(self, form: str) -> tuple[Any, ...]:
        size = struct.calcsize(form)
        return struct.unpack(form, self._take(size))

    def text(self) -> str:
        (length,) = self.unpack("<Q")
        if length > 1024 * 1024:
            raise Malformed("a text in the metadata is impossibly long")
        return self._take(length).decode("utf-8", "replace")

    def value(self) -> Any:
        (kind,) = self.unpack("<I")
        if kind != _ARRAY:
            return self._plain(kind)
        kind, length = self.unpack("<IQ")
        if length > _MAX_LENGTH:
            raise Malformed("a list in the metadata is impossibly long")
        return [self._plain(kind) for _ in range(length)]

    def _plain(self, kind: int) -> Any:
        if kind == _STRING:
            return self.text()
        if kind not in _SCALARS:
            raise Malformed(f"the metadata holds an unknown type {kind}")
        return self.unpack(_SCALARS[kind])[0]

    def _take(self, size: int) -> bytes:
        end = self._place + size
        if end > len(self._content):
            raise CutShort("the metadata is cut short")
        taken = self._content[self._place : end]
        self._place = end
        return taken
