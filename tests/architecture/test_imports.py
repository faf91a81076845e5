"""Imports go down only, never sideways between contexts; what is pure stays pure."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.template import ROOT
from tests.architecture.reading import CONTEXTS, Function, functions

LAYERS = ("kit", "contracts", *CONTEXTS)
ENVIRONMENT_READERS = {"layers/kit/kit/settings.py"}
AWS = ("boto3", "botocore")


def _imports(path: Path) -> Iterator[str]:
    """Full names of the modules that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def _modules(*parts: str) -> list[Path]:
    return sorted((ROOT.joinpath(*parts)).rglob("*.py"))


def test_the_import_rules_hold() -> None:
    """The contracts of `[tool.importlinter]` in pyproject.toml."""
    path = os.pathsep.join(str(folder) for folder in (*(ROOT / "layers" / name for name in LAYERS), ROOT / "serving_image", ROOT / "cli"))
    tool = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([str(tool)], cwd=ROOT, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("context", CONTEXTS)
def test_a_domain_can_be_read_on_paper(context: str) -> None:
    """It imports the standard library and itself."""
    for path in _modules("layers", context, context, "domain"):
        foreign = {name for name in _imports(path) if name.split(".")[0] not in sys.stdlib_module_names}
        assert {name for name in foreign if not name.startswith(f"{context}.domain")} == set(), path


@pytest.mark.parametrize("item", functions(), ids=lambda item: item.logical_id)
def test_a_door_opens_onto_its_own_context(item: Function) -> None:
    """A handler imports the standard library, its context without the adapters, the contracts, and doors and messages of the kit."""
    rooms = (f"{item.context}.usecases", f"{item.context}.domain", f"{item.context}.wiring")
    allowed = (*rooms, "contracts", "kit.door", "kit.envelope", "kit.row", "kit.caller", "kit.observability")
    for name in _imports(item.folder / "handler.py"):
        assert name.split(".")[0] in sys.stdlib_module_names or name == item.context or name.startswith(allowed), name


def test_aws_is_called_by_adapters_alone() -> None:
    """boto3 is imported in adapters and in the kit, nowhere else in the layers."""
    for context in CONTEXTS:
        for path in _modules("layers", context, context):
            if "adapters" not in path.parts:
                assert not [name for name in _imports(path) if name.split(".")[0] in AWS], path


def test_the_environment_is_read_in_one_place() -> None:
    """Settings are typed and checked; no module of the layers looks at os.environ itself."""
    readers = {
        path.relative_to(ROOT).as_posix() for name in LAYERS for path in _modules("layers", name) if "os.environ" in path.read_text()
    }
    assert readers <= ENVIRONMENT_READERS
