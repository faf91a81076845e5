"""Tools for patching exactly one version of the emulator: any source that is not what a patch was written against stops the launch."""

import importlib.metadata
import inspect
import linecache
import logging
from collections.abc import Callable
from types import ModuleType
from typing import Any

PINNED_VERSION = "1.5.33"
log = logging.getLogger("slipway.emulator")


class PatchMismatchError(Exception):
    """The installed emulator is not the one that the patches were written against; re-read the patch and its conformance test."""


def check_version() -> None:
    """Refuse any other version of the emulator; raises PatchMismatchError."""
    found = importlib.metadata.version("ministack")
    if found != PINNED_VERSION:
        raise PatchMismatchError(f"ministack {found} is installed, the patches are for {PINNED_VERSION}: sync locks/emulator.txt")


def expect(target: object, *snippets: str) -> None:
    """Check that a function's (or a string's) source holds each snippet; raises PatchMismatchError."""
    source = target if isinstance(target, str) else inspect.getsource(target)  # type: ignore[arg-type]
    for snippet in snippets:
        if snippet not in source:
            raise PatchMismatchError(f"{getattr(target, '__qualname__', 'a constant')} no longer contains {snippet!r}")


def replace(module: ModuleType, name: str, new: Callable[..., Any]) -> Callable[..., Any]:
    """Put a function in another's place, in the module and in its dispatch tables; the old function is returned."""
    old: Callable[..., Any] = getattr(module, name)
    setattr(module, name, new)
    for table in [value for value in vars(module).values() if isinstance(value, dict)]:
        for key in [key for key, value in table.items() if value is old]:
            table[key] = new
    return old


def rewrite(module: ModuleType, name: str, *changes: tuple[str, str]) -> None:
    """Change a function's own source: each pair is (text found exactly once, text in its place); raises PatchMismatchError."""
    source = inspect.getsource(getattr(module, name))
    for old, new in changes:
        if source.count(old) != 1:
            raise PatchMismatchError(f"{module.__name__}.{name}: expected once, found {source.count(old)} times: {old!r}")
        source = source.replace(old, new)
    scope: dict[str, Any] = {}
    path = f"{module.__file__}:{name} (patched)"
    linecache.cache[path] = len(source), None, source.splitlines(keepends=True), path  # where a later patch's `expect` reads it
    exec(compile(source, path, "exec"), vars(module), scope)  # noqa: S102 - It is the source of the pinned package itself.
    replace(module, name, scope[name])
