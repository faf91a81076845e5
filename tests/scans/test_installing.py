"""An installation takes what its lock names, byte by byte, or nothing; and nothing that is installed runs by itself."""

import base64
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from local.settings import venv
from scripts.template import ROOT
from tests.evidence import counted

pytestmark = pytest.mark.timeout(300)  # layers are filled from the package index
UV, PIP = str(venv("uv") / "bin" / "uv"), [str(venv("uv") / "bin" / "python"), "-m", "pip"]
# Lines that Python runs whenever it starts. LiteLLM 1.82.8 came with one that stole credentials.
PTH = {
    "distutils-precedence.pth": "setuptools brings distutils back where Python has dropped it; its one line is compared below",
    "_virtualenv.pth": "virtualenv's and uv's own, against an old fault of distutils",
}
DISTUTILS = (
    "import os; var = 'SETUPTOOLS_USE_DISTUTILS'; enabled = os.environ.get(var, 'local') == 'local'; "
    "enabled and __import__('_distutils_hack').add_shim();"
)
SELF_STARTING = {"sitecustomize.py", "usercustomize.py"}


def _wheel(folder: Path) -> tuple[Path, str]:
    """A small wheel of ours, and its digest."""
    path = folder / "slipway_probe-1.0-py3-none-any.whl"
    files = {
        "slipway_probe.py": "HERE = True\n",
        "slipway_probe-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: slipway-probe\nVersion: 1.0\n",
        "slipway_probe-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: slipway\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip('=')},{len(text)}\n"
        for name, text in files.items()
    )
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in {**files, "slipway_probe-1.0.dist-info/RECORD": f"{record}slipway_probe-1.0.dist-info/RECORD,,\n"}.items():
            archive.writestr(name, text)
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


def _install(tool: str, folder: Path, requirement: str) -> tuple[subprocess.CompletedProcess[str], bool]:
    """Install as the platform does, from a folder alone; whether anything has arrived."""
    lock, target = folder / "requirements.txt", folder / "target"
    lock.write_text(f"{requirement}\n")
    shutil.rmtree(target, ignore_errors=True)
    command = [UV, "pip", "install", "--offline", "--no-config"] if tool == "uv" else [*PIP, "install", "--disable-pip-version-check"]
    options = [
        "--no-index",
        "--find-links",
        str(folder),
        "--require-hashes",
        "--no-deps",
        "--only-binary",
        ":all:",
        "--target",
        str(target),
    ]
    environment = {**os.environ, "UV_CACHE_DIR": str(folder / "cache"), "PIP_NO_CACHE_DIR": "1"}
    done = subprocess.run([*command, *options, "-r", str(lock)], capture_output=True, text=True, check=False, env=environment)
    return done, (target / "slipway_probe.py").exists()


@pytest.mark.parametrize("tool", ["uv", "pip"])
def test_a_wrong_digest_is_refused(tool: str, tmp_path: Path) -> None:
    """The right one installs; one that differs in one digit, or is missing, installs nothing."""
    _, digest = _wheel(tmp_path)
    done, arrived = _install(tool, tmp_path, f"slipway-probe==1.0 --hash=sha256:{digest}")
    assert (done.returncode, arrived) == (0, True), done.stderr
    wrong = ("1" if digest[0] == "0" else "0") + digest[1:]
    for requirement in (f"slipway-probe==1.0 --hash=sha256:{wrong}", "slipway-probe==1.0"):
        done, arrived = _install(tool, tmp_path, requirement)
        assert (done.returncode != 0, arrived) == (True, False)
        assert "hash" in (done.stderr + done.stdout).lower()
        counted("tampered_installs_refused", 1, tool=tool)


@pytest.mark.parametrize("tool", ["uv", "pip"])
def test_a_package_that_was_changed_is_refused(tool: str, tmp_path: Path) -> None:
    """The lock is right, and the wheel has one byte more."""
    path, digest = _wheel(tmp_path)
    path.write_bytes(path.read_bytes() + b"\0")
    done, arrived = _install(tool, tmp_path, f"slipway-probe==1.0 --hash=sha256:{digest}")
    assert (done.returncode != 0, arrived) == (True, False)
    counted("tampered_installs_refused", 1, tool=tool)


def test_a_node_package_of_another_digest_is_refused(tmp_path: Path) -> None:
    """The same for npm: `npm ci` compares each archive with its lock."""
    npm = shutil.which("npm")
    assert npm, "needs Node.js (node and npm) on the PATH"
    archive = tmp_path / "probe.tgz"
    with tarfile.open(archive, "w:gz") as file:
        for name, text in (("package/package.json", '{"name": "probe", "version": "1.0.0"}'), ("package/index.js", "")):
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            file.addfile(entry, io.BytesIO(text.encode()))
    right = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    for digest, accepted in ((right, True), (base64.b64encode(hashlib.sha512(b"another").digest()).decode(), False)):
        folder = tmp_path / str(accepted)
        folder.mkdir()
        wanted = {"probe": "file:../probe.tgz"}
        parts = {
            "": {"name": "x", "dependencies": wanted},
            "node_modules/probe": {"version": "1.0.0", "resolved": "file:../probe.tgz", "integrity": f"sha512-{digest}"},
        }
        (folder / "package.json").write_text(json.dumps({"name": "x", "dependencies": wanted}))
        (folder / "package-lock.json").write_text(json.dumps({"name": "x", "lockfileVersion": 3, "requires": True, "packages": parts}))
        command = [npm, "ci", "--ignore-scripts", "--offline", "--no-audit", "--no-fund", "--cache", str(folder / "cache")]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert (done.returncode == 0) is accepted, done.stderr
        assert accepted or "EINTEGRITY" in done.stderr
    counted("tampered_installs_refused", 1, tool="npm")


def _self_starting(site: Path) -> list[str]:
    """Files of a folder of packages that Python would run by itself, but for those on the list."""
    wrong = [str(path) for path in site.glob("*.pth") if path.name not in PTH]
    wrong += [str(path) for path in site.glob("distutils-precedence.pth") if path.read_text().strip() != DISTUTILS]
    return wrong + [str(path) for path in site.iterdir() if path.name in SELF_STARTING]


def test_no_environment_holds_a_file_that_runs_by_itself() -> None:
    """Every environment that was made from a lock on this machine."""
    sites = [path for lock in (ROOT / "locks").glob("*.txt") for path in venv(lock.stem).glob("lib/python3*/site-packages")]
    assert len(sites) >= 5
    assert [path for site in sites for path in _self_starting(site)] == []
    counted("environments_without_unknown_pth", len(sites))


def test_a_file_that_runs_by_itself_would_be_seen(tmp_path: Path) -> None:
    """The name that LiteLLM's thieves gave theirs, Python's own hooks, and a listed name with another line."""
    (tmp_path / "litellm_init.pth").write_text("import os")
    (tmp_path / "sitecustomize.py").write_text("")
    (tmp_path / "distutils-precedence.pth").write_text(f"{DISTUTILS} import thief")
    (tmp_path / "_virtualenv.pth").write_text("import _virtualenv")
    assert {Path(path).name for path in _self_starting(tmp_path)} == {"litellm_init.pth", "sitecustomize.py", "distutils-precedence.pth"}


@pytest.mark.parametrize("group", ["lambda", "oidc"])
def test_a_layer_holds_what_its_lock_names_and_nothing_that_runs_by_itself(group: str, tmp_path: Path) -> None:
    """Filled as for AWS, for its processor: every package of the lock that Linux needs, at its version, no other, and no `.pth` at all."""
    environment = {**os.environ, "SLIPWAY_LAMBDA_PYTHON": "3.13", "SLIPWAY_LAMBDA_ARCHITECTURE": "arm64"}
    command = [str(ROOT / "scripts/build_layer"), "wheels", group, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    site = tmp_path / "python"
    assert list(site.rglob("*.pth")) == []
    assert _self_starting(site) == []
    installed = {re.sub(r"[-_.]+", "-", path.name.removesuffix(".dist-info").lower()) for path in site.glob("*.dist-info")}
    lines = re.findall(r"(?m)^([a-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;]+)", (ROOT / "locks" / f"{group}.txt").read_text())
    locked = {re.sub(r"[-_.]+", "-", f"{name}-{version}") for name, version in lines}
    assert installed <= locked
    assert {line for line in locked - installed if not line.startswith("pywin32")} == set()
    counted("layer_packages_verified", len(installed), layer=group)


def test_every_deployable_has_a_bill_of_its_lock(tmp_path: Path) -> None:
    """CycloneDX's validator accepts each; it names every package of the lock with its digests, and is the same whenever it is written."""
    python = str(venv("scan") / "bin" / "python")
    for folder in ("first", "second"):
        subprocess.run([python, "scripts/sbom.py", str(tmp_path / folder)], cwd=ROOT, check=True, capture_output=True)
    paths = sorted((tmp_path / "first").glob("*.json"))
    locks = {"layer-vendor": "lambda", "layer-oidc": "oidc", "router": "router", "engine-mock": "engine", "engine-vllm": "engine"}
    locks |= {"engine-llama-cpp": "engine-llama-cpp", "cli": "cli"}
    assert {path.stem for path in paths} == {f"slipway-{name}" for name in locks}
    for path in paths:
        assert path.read_bytes() == (tmp_path / "second" / path.name).read_bytes()
        document = json.loads(path.read_text())
        lock = (ROOT / "locks" / f"{locks[path.stem.removeprefix('slipway-')]}.txt").read_text()
        assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
        named = {(item["name"], item["version"]) for item in document["components"]}
        assert named == set(re.findall(r"(?m)^([a-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;]+)", lock))
        digests = {digest["content"] for item in document["components"] for digest in item["externalReferences"][0]["hashes"]}
        assert digests == set(re.findall(r"sha256:([0-9a-f]{64})", lock))
        counted("bill_of_materials_components", len(named), deployable=path.stem)
