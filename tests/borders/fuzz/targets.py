"""The tests of this folder as targets for a fuzzer: what each tries with examples of its own, to be tried with somebody else's bytes."""

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.borders.fuzz import inputs

MODULES: Final = tuple(
    sorted(f"tests.borders.fuzz.{path.stem}" for path in Path(__file__).parent.glob("test_*.py") if "targets" not in path.stem)
)
"""Those that try parsers; not the one that tries this."""


@dataclass(frozen=True)
class Target:
    """`run` reads a fuzzer's bytes as one example and raises where the parser is at fault; bytes that make no example are passed over."""

    name: str
    parser: str
    run: Callable[[bytes], Any]


def targets() -> list[Target]:
    """One for each call of `fuzz`; a test's name without `test_`, with the parameter where there is one."""
    found: list[Target] = []
    for module in MODULES:
        for name, test in vars(importlib.import_module(module)).items():
            if name.startswith("test_") and callable(test) and test.__module__ == module:
                found += _of(name.removeprefix("test_"), test)
    return found


def _of(name: str, test: Callable[..., None]) -> Iterator[Target]:
    """What a test would have tried, for each of its parameters."""
    marks = [mark for mark in getattr(test, "pytestmark", ()) if mark.name == "parametrize"]
    cases = [(f"{name}_{_called(value)}", {mark.args[0]: value}) for mark in marks for value in mark.args[1]] or [(name, {})]
    for case, arguments in cases:
        inputs.COLLECTED = []
        try:
            test(**arguments)
            yield from (Target(case, parser, run) for parser, run in inputs.COLLECTED)
        finally:
            inputs.COLLECTED = None


def _called(value: Any) -> str:
    return str(getattr(value, "__name__", value)).lower()
