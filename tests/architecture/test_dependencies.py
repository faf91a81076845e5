"""What is installed is what was looked at: every line of every lock by its digest, and no version that is known to be bad."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from scripts.template import ROOT
from tests.evidence import counted

PYTHON = sorted((ROOT / "locks").glob("*.txt"))
NODE = sorted((ROOT / "locks").rglob("package-lock.json"))
DOCKERFILES = sorted(path for path in (ROOT / "serving_image").rglob("Dockerfile*") if path.suffix != ".dockerignore")
NOT_RUN = {"@portkey-ai/gateway"}  # patches its developers' tools; a peer of the benchmark, installed as all are with --ignore-scripts
DENIED: list[dict[str, str]] = yaml.safe_load((ROOT / "tests/architecture/denied_versions.yaml").read_text())


def pinned(lock: str) -> Iterator[tuple[str, str]]:
    """Package and version of every line of a lock of ours."""
    for match in re.finditer(r"(?m)^([a-z0-9][a-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;\\]+)", lock):
        yield match[1], match[2]


def node_packages(lock: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and entry of every package of an npm lock."""
    for path, entry in json.loads(lock)["packages"].items():
        if path:
            yield path.rpartition("node_modules/")[2], entry


def denials(ecosystem: str, package: str, version: str) -> list[str]:
    """Why this version may not be installed; nothing for one that may."""
    return [
        f"{package} {version}: {item['why']} ({item['source']})"
        for item in DENIED
        if (item["ecosystem"], item["package"]) == (ecosystem, package)
        and SpecifierSet(item["versions"], prereleases=True).contains(Version(version))
    ]


@pytest.mark.parametrize("lock", PYTHON, ids=lambda path: path.name)
def test_no_lock_holds_a_version_that_is_known_to_be_bad(lock: Path) -> None:
    """Every package of it against the whole list."""
    packages = list(pinned(lock.read_text()))
    assert packages
    assert [reason for package, version in packages for reason in denials("pypi", package, version)] == []
    counted("locked_packages_checked", len(packages), lock=lock.stem)


@pytest.mark.parametrize("lock", PYTHON, ids=lambda path: path.name)
def test_every_line_of_a_lock_has_a_digest(lock: Path) -> None:
    """All of them, and of a length that no accident makes equal."""
    lines = re.sub(r"\\\n\s*", " ", lock.read_text()).splitlines()
    packages = [line for line in lines if re.match(r"[a-z0-9]", line)]
    assert [line.split()[0] for line in packages if not re.search(r"--hash=sha256:[0-9a-f]{64}\b", line)] == []
    assert len(packages) == len(list(pinned(lock.read_text())))
    counted("lock_lines_with_digest", len(packages))


@pytest.mark.parametrize("lock", NODE, ids=lambda path: path.parent.name)
def test_a_lock_of_node_packages_is_whole_and_names_no_registry(lock: Path) -> None:
    """Each by a SHA-512, none with a program that runs while installing, none known to be bad."""
    packages = list(node_packages(lock.read_text()))
    assert packages
    for name, entry in packages:
        assert entry["integrity"].startswith("sha512-"), name
        assert "resolved" not in entry, name
        assert name in NOT_RUN or not entry.get("hasInstallScript"), name
        assert denials("npm", name, entry["version"]) == []
    counted("lock_lines_with_digest", len(packages))


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_an_image_begins_with_a_digest_that_somebody_gives(path: Path) -> None:
    """No tag that may move, and packages from the locks with their digests only."""
    text = path.read_text()
    bases = re.findall(r"(?m)^FROM\s+(\S+)", text)
    assert bases
    stages = set(re.findall(r"(?m)^FROM\s+\S+\s+AS\s+(\S+)", text))
    assert [base for base in bases if base not in stages and not re.fullmatch(r"\$\{[A-Z_]+\}|\S+@\$\{[A-Z_]+\}", base)] == []
    for name in re.findall(r"(?m)^ARG\s+([A-Z]+_(?:IMAGE|DIGEST))(=\S*)?$", text):
        assert name[1] == "", f"{name[0]} has a default"
    installs = [line for line in re.sub(r"\\\n\s*", " ", text).splitlines() if re.search(r"pip3? (install|sync)", line)]
    assert all("--require-hashes" in line for line in installs)


def test_the_image_of_vllm_refuses_every_version_on_the_list() -> None:
    """The check in its Dockerfile is a floor above all that is denied."""
    (floor,) = re.findall(r"assert v >= \((\d+), (\d+)\)", (ROOT / "serving_image/engine/Dockerfile.vllm").read_text())
    ranges = [item for item in DENIED if item["package"] == "vllm"]
    assert ranges
    assert denials("pypi", "vllm", ".".join(floor)) == []
    assert denials("pypi", "vllm", "0.17.9")


@pytest.mark.parametrize(
    ("ecosystem", "package", "bad", "good"),
    [
        ("pypi", "litellm", "1.82.8", "1.106.2"),
        ("pypi", "litellm", "1.82.6", "1.84.0"),
        ("pypi", "litellm", "1.97.3", "1.98.0"),
        ("pypi", "pyjwt", "2.12.9", "2.15.1"),
        ("npm", "axios", "1.14.1", "1.14.0"),
    ],
)
def test_a_bad_version_would_be_seen(ecosystem: str, package: str, bad: str, good: str) -> None:
    """Put into a lock, it is named with the reason."""
    lock = f"{package}=={bad} ; python_full_version < '3.14' \\\n    --hash=sha256:{'0' * 64}\n"
    assert [reason for name, version in pinned(lock) for reason in denials(ecosystem, name, version)]
    assert denials(ecosystem, package, good) == []


def test_every_denial_has_a_reason_and_a_source() -> None:
    """So that somebody can judge in a year whether it still holds."""
    for item in DENIED:
        assert set(item) == {"ecosystem", "package", "versions", "why", "source"}
        assert item["why"].endswith(".")
        assert re.search(r"CVE-\d{4}-\d+|GHSA-|PYSEC-|\w+/[\w.-]+#\d+", item["source"]), item
        SpecifierSet(item["versions"])
    counted("denied_version_ranges", len(DENIED))
