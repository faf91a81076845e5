"""What is installed is pinned by hash, and no tracked file tells whose machine it was written on."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from scripts.template import ROOT

LOCKS = sorted((ROOT / "locks").glob("*.txt"))
# Written apart, so that this file passes its own test.
MACHINE_PATHS = re.compile("|".join(("/wor" + "k/", "/roo" + "t/", "/hom" + r"e/\w+/", "/User" + r"s/\w+/")))
REGISTRIES = re.compile("|".join((r"pypi\.o" + "rg", r"pythonhos" + r"ted\.org", r"registry\.np" + "mjs", "index-" + "url +http")))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_pins_every_package_by_hash_and_names_no_index(lock: Path) -> None:
    """`--require-hashes` can be used on each, from whatever index a machine is given."""
    text = lock.read_text()
    packages = [line for line in text.splitlines() if re.match(r"[a-z0-9]", line)]
    assert packages
    assert [line for line in packages if not re.match(r"[a-z0-9._-]+(\[[a-z,-]+\])?==\S+", line)] == []
    assert len(re.findall(r"(?m)^[a-z0-9][^\n]*\\\n    --hash=sha256:[0-9a-f]{64}", text)) == len(packages)
    assert not REGISTRIES.search(text)


def test_every_dependency_group_has_its_lock() -> None:
    """What pyproject.toml asks for is what the locks answer."""
    groups = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"])
    assert groups == {lock.stem for lock in LOCKS}


def _tracked() -> list[str]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    return [name for name in done.stdout.split("\0") if name]


def test_no_tracked_file_names_a_machine_or_a_registry() -> None:
    """A clone works for whoever has it, and what it installs comes from wherever they say."""
    names = _tracked()
    if not names:
        pytest.skip("this is an export without git, so there is no list of tracked files")
    wrong = []
    for name in names:
        path = ROOT / name
        if path.is_file() and not path.is_symlink():
            text = path.read_bytes().decode(errors="ignore")
            wrong += [f"{name}: {match[0]}" for pattern in (MACHINE_PATHS, REGISTRIES) for match in pattern.finditer(text)]
    assert wrong == []


def test_no_build_product_is_tracked() -> None:
    """State, environments and caches stay out of git."""
    pattern = re.compile(r"(^|/)(\.local|\.aws-sam|__pycache__|node_modules|\.venv)(/|$)|\.pyc$")
    assert [name for name in _tracked() if pattern.search(name)] == []
