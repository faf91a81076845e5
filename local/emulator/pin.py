"""Tools for patching exactly one version of the emulator: any source that is not what a patch was written against stops the launch."""

import importlib.metadata
import inspect
import linecache
import logging
from collections.abc import Callable
from types import CodeType, FunctionType, ModuleType
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
    """Change a function's body: each pair is (text found exactly once, text in its place); raises PatchMismatchError."""
    source = inspect.getsource(getattr(module, name))
    for old, new in changes:
        if source.count(old) != 1:
            raise PatchMismatchError(f"{module.__name__}.{name}: expected once, found {source.count(old)} times: {old!r}")
        source = source.replace(old, new)
    old_function: FunctionType = getattr(module, name)
    path = f"{module.__file__}:{name} (patched)"
    linecache.cache[path] = len(source), None, source.splitlines(keepends=True), path  # where a later patch's `expect` reads it
    if not source.startswith(("def ", "async def ")) or old_function.__closure__:
        raise PatchMismatchError(f"{module.__name__}.{name} is decorated or closes over something: its defaults could not be kept")
    [code] = [one for one in compile(source, path, "exec").co_consts if isinstance(one, CodeType) and one.co_name == name]
    rewritten = FunctionType(code, vars(module), name, old_function.__defaults__)
    rewritten.__kwdefaults__ = old_function.__kwdefaults__
    replace(module, name, rewritten)
