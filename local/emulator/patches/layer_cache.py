"""A layer is unpacked once per content, then shared by every worker; the bytecode compiled by the first import is shared with it.

Stock: each worker unpacks each layer for itself, seconds per cold start on a small machine.
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
    """A zip file that unpacks a layer into the cache and links to it."""

    def extractall(self, path: Any = None, members: Any = None, pwd: Any = None) -> None:
        """Unpack; a target named layer_N becomes a link into the cache."""
        target = Path(path)
        if not target.name.startswith("layer_") or self.filename is None:
            super().extractall(path, members, pwd)
            return
        cache = Path(os.environ["SLIPWAY_LAYER_CACHE"])
        unpacked = cache / hashlib.sha256(Path(self.filename).read_bytes()).hexdigest()[:32]
        with _unpacking:
            if not unpacked.is_dir():
                partial = cache / f"{unpacked.name}.{os.getpid()}"
                super().extractall(partial)
                partial.rename(unpacked)
        target.rmdir()
        target.symlink_to(unpacked)


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
