"""The few facts of a GGUF file's metadata that decide whether the engine can be started as asked."""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

_SCALARS: Final = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_STRING: Final = 8
_ARRAY: Final = 9
_MAX_PAIRS: Final = 256
_MAX_STRING: Final = 1024 * 1024
_MAX_ARRAY: Final = 65_536


@dataclass(frozen=True, slots=True)
class GgufFacts:
    """Architecture name, and the longest context in tokens that the model was trained for; None where the file does not say."""

    architecture: str | None
    context_length: int | None


def read_facts(path: Path) -> GgufFacts:
    """Read the metadata up to the tokenizer's, which is long and the engine's own affair. Raises ValueError where it is malformed."""
    facts: dict[str, object] = {}
    with path.open("rb") as stream:
        try:
            _, _, _, pairs = struct.unpack("<4sIQQ", stream.read(24))
            for _ in range(min(pairs, _MAX_PAIRS)):
                key = _text(stream)
                if key.startswith("tokenizer."):
                    break
                facts[key] = _value(stream)
        except struct.error as error:
            raise ValueError("the metadata is cut short") from error
    architecture = facts.get("general.architecture")
    context = facts.get(f"{architecture}.context_length")
    return GgufFacts(architecture if isinstance(architecture, str) else None, context if isinstance(context, int) else None)


def _value(stream: BinaryIO) -> object:
    (kind,) = struct.unpack("<I", stream.read(4))
    if kind != _ARRAY:
        return _plain(stream, kind)
    (kind, length) = struct.unpack("<IQ", stream.read(12))
    if length > _MAX_ARRAY:
        raise ValueError("a metadata list is impossibly long")
    return [_plain(stream, kind) for _ in range(length)]


def _plain(stream: BinaryIO, kind: int) -> object:
    if kind == _STRING:
        return _text(stream)
    if kind not in _SCALARS:
        raise ValueError(f"the metadata type {kind} is unknown")
    value: object = struct.unpack(_SCALARS[kind], stream.read(struct.calcsize(_SCALARS[kind])))[0]
    return value


def _text(stream: BinaryIO) -> str:
    (length,) = struct.unpack("<Q", stream.read(8))
    if length > _MAX_STRING:
        raise ValueError("a metadata string is impossibly long")
    return stream.read(length).decode("utf-8", "replace")
