"""A layer is unpacked once per content, then shared by every worker; the bytecode compiled by the first import is shared with it.

Stock: each worker unpacks each layer for itself, seconds per cold start on a small machine, and looks at each of its thousands of entries:
two hundred cold starts at once, a flood's, held 500,000 entries and 300 MiB. What is in the cache was looked at when it came there.
"""

import hashlib
import os
import threading
import zipfile
from pathlib import Path
from typing import Any

from ministack.core import lambda_runtime

from local.emulator.pin import expect

_unpacking = threading.Lock()


class LayerArchive(zipfile.ZipFile):
    """A zip file that unpacks a layer into the cache and links to it; a layer that is there already is not read as a zip file again."""

    def __init__(self, file: Any, *arguments: Any, **options: Any) -> None:
        name = Path(file).name if isinstance(file, str) else ""
        self._cached = _unpacked(file) if name.startswith("layer_") else None
        if self._cached is not None and self._cached.is_dir():
            self.filename, self.fp = file, None  # closed, and without entries
            self.filelist, self.NameToInfo = [], {}
        else:
            super().__init__(file, *arguments, **options)

    def extractall(self, path: Any = None, members: Any = None, pwd: Any = None) -> None:
        """Unpack; a target named layer_N becomes a link into the cache."""
        target = Path(path)
        if not target.name.startswith("layer_") or self._cached is None:
            super().extractall(path, members, pwd)
            return
        with _unpacking:
            if not self._cached.is_dir():
                partial = self._cached.with_name(f"{self._cached.name}.{os.getpid()}")
                super().extractall(partial)
                partial.rename(self._cached)
        target.rmdir()
        target.symlink_to(self._cached)


def _unpacked(file: str) -> Path:
    """Where a layer's content lies, or will lie."""
    return Path(os.environ["SLIPWAY_LAYER_CACHE"]) / hashlib.sha256(Path(file).read_bytes()).hexdigest()[:32]


class _ZipModule:
    """The zipfile module as the worker sees it."""

    ZipFile = LayerArchive

    def __getattr__(self, name: str) -> Any:
        return getattr(zipfile, name)


def apply() -> None:
    """Give the worker's module our ZipFile."""
    expect(lambda_runtime.Worker._spawn, 'f"layer_{len(layers_dirs)}"', "lzf.extractall(layer_dir)")
    Path(os.environ["SLIPWAY_LAYER_CACHE"]).mkdir(parents=True, exist_ok=True)
    lambda_runtime.zipfile = _ZipModule()
