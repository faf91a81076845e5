"""The few facts of a GGUF file's metadata that decide whether the engine can be started as asked."""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

_SCALARS: Final = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_STRING: Final = 8
_MAX_PAIRS: Final = 256
_MAX_STRING: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class GgufFacts:
    """Architecture name, and the longest context in tokens that the model was trained for; None where the file does not say."""

    architecture: str | None
    context_length: int | None


def read_facts(path: Path) -> GgufFacts:
    """Read the metadata up to the first array, where the tokenizer begins; what lies behind is the engine's own affair."""
    architecture: str | None = None
    context: int | None = None
    with path.open("rb") as stream:
        _, _, _, pairs = struct.unpack("<4sIQQ", stream.read(24))
        for _ in range(min(pairs, _MAX_PAIRS)):
            key = _text(stream)
            (kind,) = struct.unpack("<I", stream.read(4))
            if kind == _STRING:
                text = _text(stream)
                architecture = text if key == "general.architecture" else architecture
            elif kind in _SCALARS:
                (number,) = struct.unpack(_SCALARS[kind], stream.read(struct.calcsize(_SCALARS[kind])))
                context = int(number) if key == f"{architecture}.context_length" else context
            else:
                break
    return GgufFacts(architecture, context)


def _text(stream: BinaryIO) -> str:
    (length,) = struct.unpack("<Q", stream.read(8))
    if length > _MAX_STRING:
        raise ValueError("a metadata string is impossibly long")
    return stream.read(length).decode("utf-8", "replace")
