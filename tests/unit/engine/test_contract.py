"""The table of failures, the status document and the artefact's manifest."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from contracts.artifact import Manifest, ManifestError, dump_manifest, manifest_digest, parse_manifest
from contracts.engine import FAILURES, Phase, failure_of_exit, failure_of_stop
from contracts.engine_status import EngineStatus
from engine.errors import EngineError
from engine.state import State

ROOT = Path(__file__).parents[3]
DIGEST = hashlib.sha256(b"x").hexdigest()


def document(**changes: Any) -> dict[str, Any]:
    """A manifest as it would be written, with some fields changed."""
    files = [{"path": "model.gguf", "size_bytes": 1, "sha256": DIGEST}]
    return {
        "schema": "slipway.manifest/1",
        "model_id": "m-1",
        "version": "1.0.0",
        "format": "gguf",
        "license": "MIT",
        "files": files,
    } | changes


def file(path: str, **changes: Any) -> dict[str, Any]:
    """One entry of a manifest."""
    return {"path": path, "size_bytes": 1, "sha256": DIGEST} | changes


def test_exit_statuses_are_unique_and_leave_the_shells_own_alone() -> None:
    """Each status stands for one cause; 64 to 113, and 137 and 143 where the system itself gives them."""
    statuses = [failure.exit_status for failure in FAILURES.values() if failure.exit_status is not None]
    assert len(statuses) == len(set(statuses))
    assert all(64 <= status <= 113 or status in {137, 143} for status in statuses)


@pytest.mark.parametrize(
    ("status", "reasons", "code"),
    [
        (0, (), None),
        (None, (), None),
        (68, (), "weights-corrupt"),
        (1, (), "engine-crashed"),
        (137, (), "out-of-memory-host"),
        (None, ("TaskFailedToStart", "CannotPullContainerError: pull image manifest has been retried 5 time(s)"), "image-pull-failed"),
        (137, ("EssentialContainerExited", "OutOfMemoryError: Container killed due to memory usage"), "out-of-memory-host"),
        (None, ("ResourceInitializationError: unable to pull secrets or registry auth",), "task-resources-unavailable"),
        (None, ("TaskFailedToStart: RESOURCE:GPU",), "capacity-unavailable"),
        (143, ("SpotInterruption", None), "spot-interrupted"),
        (143, ("TerminationNotice", "Host EC2 (instance i-0123456789abcdef0) terminated."), "host-lost"),
        (None, ("(service x) was unable to place a task. Reason: Capacity is unavailable at this time.",), "capacity-unavailable"),
        (None, ("InsufficientInstanceCapacity: We currently do not have sufficient g6.xlarge capacity",), "capacity-unavailable"),
        (None, ("UnfulfillableCapacity: Unable to fulfill capacity due to your request configuration",), "capacity-unavailable"),
        (None, ("VcpuLimitExceeded: You have requested more vCPU capacity than your current vCPU limit of 8 allows",), "quota-exceeded"),
        (None, ("UnfulfillableCapacity (MaxSpotInstanceCountExceeded: Max spot instance count exceeded)",), "spot-quota-exceeded"),
        (74, ("EssentialContainerExited", "Essential container in task exited"), "context-too-long"),
    ],
)
def test_a_stopped_task_is_mapped_back(status: int | None, reasons: tuple[str | None, ...], code: str | None) -> None:
    """ECS's own words name the cause where they can, else the exit status does."""
    failure = failure_of_stop(status, *reasons)
    assert (failure.code if failure else None) == code


def test_every_status_of_ours_leads_back_to_its_failure() -> None:
    """What a container exits with is what serving reads from it."""
    for failure in FAILURES.values():
        if failure.exit_status is not None:
            assert failure_of_exit(failure.exit_status) is failure


def test_the_table_of_failures_is_light() -> None:
    """A function may import it without paying for pydantic."""
    program = "import sys, contracts.engine; sys.exit('pydantic' in sys.modules)"
    environment = {"PYTHONPATH": str(ROOT / "layers/contracts")}
    assert subprocess.run([sys.executable, "-c", program], env=environment, check=False).returncode == 0


def test_the_status_document_is_the_contracts() -> None:
    """What the supervisor answers reads back as the contract's model, in every phase and with a failure."""
    state = State(model_id="m-1", version="1.0.0", engine_kind="vllm")
    for phase in list(Phase)[1:-1]:
        state.enter(phase, 0.5)
        state.beat()
        assert EngineStatus.model_validate_json(json.dumps(state.document())).phase is phase
    state.fail(EngineError("disk-full"))
    status = EngineStatus.model_validate_json(json.dumps(state.document()))
    assert status.failure is not None
    assert (status.phase, status.failure.code) == (Phase.FAILED, "disk-full")


def test_phases_only_move_on_and_the_first_failure_is_kept() -> None:
    """A late line of the engine moves nothing back, and a consequence does not replace the cause."""
    state = State()
    state.enter(Phase.WARMING)
    state.enter(Phase.LOADING, 0.9)
    assert (state.phase, state.progress) == (Phase.WARMING, None)
    state.fail(EngineError("disk-full"))
    state.fail(EngineError("engine-crashed"))
    assert state.failure is not None
    assert state.failure.code == "disk-full"


def test_a_manifest_survives_a_round_trip() -> None:
    """What our tools write is read back the same, and its digest is that of its bytes."""
    manifest = parse_manifest(json.dumps(document()).encode())
    content = dump_manifest(manifest)
    assert parse_manifest(content, expected_sha256=manifest_digest(content)) == manifest
    assert manifest.total_bytes == 1
    assert manifest.file("model.gguf") is not None
    assert manifest.file("config.json") is None


BAD = {
    "another digest": (json.dumps(document()).encode() + b" ", "has the SHA-256"),
    "no JSON": (b"{", "Invalid JSON"),
    "deep": (b"[" * 100_000, "recursion"),
    "too large": (b" " * (1024 * 1024 + 1), "larger than"),
    "unknown field": (json.dumps(document(extra=1)).encode(), "extra: "),
    "model id": (json.dumps(document(model_id="Up")).encode(), "model_id: "),
    "version": (json.dumps(document(version="1.0")).encode(), "version: "),
    "schema": (json.dumps(document(schema="slipway.manifest/2")).encode(), "schema: "),
    "no files": (json.dumps(document(files=[])).encode(), "files: "),
    "none of the format": (json.dumps(document(files=[file("config.json")])).encode(), "none ends in .gguf"),
    "twice": (json.dumps(document(files=[file("a.gguf"), file("A.gguf")])).encode(), "listed twice"),
    "file and folder": (json.dumps(document(files=[file("a.gguf"), file("a.gguf/b.gguf")])).encode(), "both a file and a folder"),
    "size as text": (json.dumps(document(files=[file("a.gguf", size_bytes="1")])).encode(), "files.0.size_bytes: "),
    "digest in capitals": (json.dumps(document(files=[file("a.gguf", sha256=DIGEST.upper())])).encode(), "files.0.sha256: "),
    "itself": (json.dumps(document(files=[file("a.gguf"), file("manifest.json")])).encode(), "list itself"),
}


@pytest.mark.parametrize("case", [case for case in BAD if case != "another digest"])
def test_a_bad_manifest_is_refused_with_the_field(case: str) -> None:
    """Every rule names what it refuses."""
    content, says = BAD[case]
    with pytest.raises(ManifestError, match=says):
        parse_manifest(content)


def test_a_manifest_with_another_digest_is_refused_unread() -> None:
    """One byte more is another manifest."""
    content, says = BAD["another digest"]
    with pytest.raises(ManifestError, match=says):
        parse_manifest(content, expected_sha256=manifest_digest(content[:-1]))


@pytest.mark.parametrize(
    "path",
    [
        "/a.gguf",
        "../a.gguf",
        "a/../b.gguf",
        "a//b.gguf",
        "./a.gguf",
        ".a.gguf",
        "a\\b.gguf",
        "a.py",
        "a.bin",
        "a.pt",
        "a.gguf\n",
        "a b.gguf",
        "",
        "x/" * 9 + "a.gguf",
    ],
)
def test_a_path_that_leaves_the_prefix_or_is_no_data_is_refused(path: str) -> None:
    """Only plain relative paths to data files."""
    with pytest.raises(ManifestError, match=r"files\.0\.path"):
        parse_manifest(json.dumps(document(files=[file(path)])).encode())


def test_a_manifest_may_hold_a_whole_model() -> None:
    """Shards, tokenizer and chat template side by side are fine."""
    paths = ["model-00001-of-00002.safetensors", "config.json", "tokenizer.model", "chat_template.jinja", "sub/vocab.txt", "a.tiktoken"]
    manifest = parse_manifest(json.dumps(document(format="safetensors", files=[file(path) for path in paths])).encode())
    assert isinstance(manifest, Manifest)
    assert [entry.path for entry in manifest.files] == paths
