"""Harmful artefacts are refused by the registry, or by the supervisor before an engine is started."""

import hashlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from contracts.artifact import ManifestError, parse_manifest
from contracts.engine import EngineKind
from engine.adapters import create_adapter
from engine.errors import EngineError
from engine.weights.cache import Cache
from engine.weights.source import Weights, WeightsSource
from kit.aws import client
from serving.domain.gguf import Malformed, metadata
from tests.borders.weights.harm import BY_CONTENT, BY_MANIFEST, PICKLE, good, lay
from tests.evidence import counted
from tests.functional.registry.conftest import ADMIN, PREFIX, registry_world
from tests.unit.engine.store import MemoryStore, artifact, safetensors
from tests.unit.engine.test_adapters import launch


class _Quiet:
    def fetching(self, part: float) -> None:
        """Nothing."""

    def verifying(self, part: float) -> None:
        """Nothing."""


def start(folder: Path, objects: dict[str, bytes], digest: str) -> list[str]:
    """What the supervisor does before it starts an engine: find, fetch, verify, look inside; answers the engine's command line."""
    source = WeightsSource(
        digest,
        baked_dir=folder / "baked",
        open_cache=lambda: Cache(folder / "cache", None),
        open_store=lambda: MemoryStore(objects),
        cancelled=threading.Event(),
    )
    weights: Weights = source.resolve(_Quiet())
    try:
        kind = EngineKind.VLLM if weights.manifest.format == "safetensors" else EngineKind.LLAMA_CPP
        adapter = create_adapter(kind, launch())
        adapter.check(weights.directory, weights.manifest)
        return list(adapter.command(weights.directory, weights.manifest).argv)
    finally:
        if weights.lock is not None:
            weights.lock.release()


def test_a_good_one_starts(tmp_path: Path) -> None:
    """What the harm is done to would start an engine."""
    assert start(tmp_path, *artifact(good(), kind="safetensors"))[0] == "vllm"


@pytest.mark.parametrize("name", BY_MANIFEST)
def test_refused_by_the_manifests_rules(name: str, tmp_path: Path) -> None:
    """Not even the first file is fetched, and nothing is written outside of the cache."""
    objects, digest = BY_MANIFEST[name]()
    with pytest.raises(ManifestError):
        parse_manifest(objects["manifest.json"])
    with pytest.raises(EngineError) as refused:
        start(tmp_path, objects, digest)
    assert refused.value.code == "manifest-invalid"
    assert {entry.name for entry in tmp_path.iterdir()} == {"cache"}
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file() and path.parent.name != "locks"]
    counted("harmful_artefacts_refused", 1, where="manifest")


def test_the_registry_refuses_them_too() -> None:
    """Each is answered with a rejection that says why, and the version is never validated."""
    with registry_world() as shelf:
        for number, name in enumerate(BY_MANIFEST, start=1):
            objects, digest = BY_MANIFEST[name]()
            client("s3").put_object(Bucket="artifacts", Key=PREFIX + "manifest.json", Body=objects["manifest.json"])
            shelf.request(digest, number)
            shown = shelf.call("read_version", ADMIN, model_id="smollm2-135m", version="1.0.0")["json"]
            assert (shown["status"], shown["failure"]["code"]) == ("rejected", "manifest-invalid"), name
    counted("harmful_artefacts_refused", len(BY_MANIFEST), where="registry")


@pytest.mark.parametrize("name", BY_CONTENT)
def test_refused_by_what_is_inside(name: str, tmp_path: Path) -> None:
    """Every digest is right: the supervisor looks inside, and says which file it is."""
    objects, digest = BY_CONTENT[name]()
    with pytest.raises(EngineError) as refused:
        start(tmp_path, objects, digest)
    assert refused.value.code in {"weights-corrupt", "model-unsupported", "model-incomplete"}
    assert any(path in refused.value.message for path in objects) or "GGUF" in refused.value.message
    counted("harmful_artefacts_refused", 1, where="supervisor")


@pytest.mark.parametrize("name", [name for name in BY_CONTENT if "GGUF" in name])
def test_plans_read_no_bombs(name: str) -> None:
    """The planner, which reads the beginning of GGUF files in a function of ours, refuses them within the bytes that it has."""
    (content,) = (content for path, content in BY_CONTENT[name]()[0].items() if path.endswith(".gguf"))
    if "tensors" in name:
        assert metadata(content) is not None  # it counts no tensors
        return
    with pytest.raises(Malformed):
        metadata(content)


def _changed(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


@pytest.mark.parametrize(
    "change",
    [
        lambda objects: objects | {"model.safetensors": _changed(objects["model.safetensors"])},
        lambda objects: objects | {"model.safetensors": objects["model.safetensors"] + b"x"},
        lambda objects: objects | {"model.safetensors": objects["model.safetensors"][:-1]},
        lambda objects: objects | {"model.safetensors": safetensors(128)},
        lambda objects: objects | {"config.json": b'{"auto_map": {"A": "x.Y"}}'},
        lambda objects: objects | {"manifest.json": objects["manifest.json"] + b" "},
        lambda objects: artifact(good(config__json=b'{"auto_map": {"A": "x.Y"}}'), kind="safetensors")[0],
        lambda objects: {path: content for path, content in objects.items() if path != "tokenizer.json"},
    ],
    ids=[
        "a bit",
        "longer",
        "shorter",
        "other weights",
        "other configuration",
        "a blank in the manifest",
        "file and manifest",
        "a file gone",
    ],
)
def test_what_changed_after_it_was_approved(change: Callable[[dict[str, bytes]], dict[str, bytes]], tmp_path: Path) -> None:
    """The digest that was approved names every byte: whatever is put in its place later, in the bucket, is not started."""
    objects, digest = artifact(good(), kind="safetensors")
    with pytest.raises(EngineError) as refused:
        start(tmp_path, change(objects), digest)
    assert refused.value.code in {"weights-corrupt", "manifest-invalid", "weights-not-found"}
    counted("harmful_artefacts_refused", 1, where="changed")


def _entry(folder: Path, digest: str) -> Path:
    return folder / "cache" / "artifacts" / digest


def _poison(name: str, entry: Path) -> None:
    weights = entry / "model.safetensors"
    content = weights.read_bytes()
    beside = {
        "code": ("modeling_evil.py", b"import os"),
        "weights": ("zz.safetensors", safetensors()),
        "a pickle": ("pytorch_model.bin", PICKLE),
    }
    if name.endswith(" beside it"):
        path, harm = beside[name.removesuffix(" beside it")]
        (entry / path).write_bytes(harm)
        return
    if name == "another manifest":
        (entry / "manifest.json").write_text("{}")
        return
    weights.unlink()
    if name == "other bytes":
        weights.write_bytes(PICKLE)
    elif name == "a pipe":
        os.mkfifo(weights)
    elif name == "a folder":
        weights.mkdir()
    else:
        evil = entry.parents[2] / "evil"
        evil.write_bytes(content)
        weights.symlink_to({"a link to the same bytes": str(evil), "a link upwards": "../../../evil", "a link to nowhere": "nowhere"}[name])


@pytest.mark.parametrize(
    "name",
    [
        *("other bytes", "a link to the same bytes", "a link upwards", "a link to nowhere", "a pipe", "a folder", "code beside it"),
        *("weights beside it", "a pickle beside it", "another manifest"),
    ],
)
def test_a_hosts_cache_is_not_believed(name: str, tmp_path: Path) -> None:
    """Tasks of other models share the host's disk: an entry that is not what it was is thrown away and fetched again."""
    objects, digest = artifact(good(), kind="safetensors")
    start(tmp_path, objects, digest)
    _poison(name, _entry(tmp_path, digest))
    start(tmp_path, objects, digest)
    entry = _entry(tmp_path, digest)
    assert {path.name for path in entry.iterdir()} == set(objects)
    assert all(not path.is_symlink() and path.read_bytes() == objects[path.name] for path in entry.iterdir())
    counted("harmful_artefacts_refused", 1, where="cache")


def test_links_in_an_image_are_not_followed(tmp_path: Path) -> None:
    """Weights that a link in the image leads to could be others a moment later."""
    objects, digest = artifact(good(), kind="safetensors")
    lay(tmp_path / "elsewhere", objects)
    (tmp_path / "baked").mkdir()
    for path in objects:
        (tmp_path / "baked" / path).symlink_to(tmp_path / "elsewhere" / path)
    with pytest.raises(EngineError, match="link"):
        start(tmp_path, objects, digest)


TEMPLATES = [
    "{{ cycler.__init__.__globals__.os.popen('echo harm').read() }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ lipsum.__globals__['os'].system('echo harm') }}",
    "{% for x in ().__class__.__base__.__subclasses__() %}{{ x }}{% endfor %}",
    "{{ messages.__class__.__init__.__globals__ }}",
    "{{ joiner.__init__.__globals__.os.environ }}",
    "{% include '/etc/passwd' %}",
]


@pytest.mark.parametrize("template", TEMPLATES)
def test_no_process_of_ours_renders_a_template(template: str, tmp_path: Path) -> None:
    """A chat template goes to the engine as a file's path, unread: only the engine's own sandbox ever renders it."""
    files = good(chat_template__jinja=template.encode())
    argv = start(tmp_path, *artifact(files, kind="safetensors"))
    assert template not in " ".join(argv)
    assert argv[argv.index("--chat-template") + 1].endswith("/chat_template.jinja")
    assert hashlib.sha256(Path(argv[argv.index("--chat-template") + 1]).read_bytes()).digest() == hashlib.sha256(template.encode()).digest()


def test_neither_supervisor_nor_router_imports_a_template_engine() -> None:
    """The supervisor's environment holds no Jinja at all, so that no code of ours can render what a model brings."""
    listed = Path("locks/engine.txt").read_text(encoding="utf-8").lower()
    assert "jinja2==" not in listed
    assert "aiohttp==" in listed


def test_llama_cpps_own_renderer_knows_no_python() -> None:
    """llama.cpp renders templates in C++: its environment holds no Jinja either, whose objects a template could climb."""
    listed = Path("locks/engine-llama-cpp.txt").read_text(encoding="utf-8").lower()
    assert "jinja2==" not in listed
    assert "xllamacpp==" in listed
