"""The supervisor as a process that fetches its weights from an S3 endpoint."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.engine import FAILURES
from tests.functional.engine.harness import Engine
from tests.functional.engine.s3_stub import S3Stub
from tests.unit.engine.store import artifact, gguf

_SIZE = 20 * 1024 * 1024


@pytest.fixture(name="s3")
def _s3() -> Iterator[S3Stub]:
    with S3Stub() as stub:
        yield stub


def environment(s3: S3Stub, digest: str, cache: Path) -> dict[str, str]:
    """What a task definition and its role give to a container."""
    return {
        "SLIPWAY_ARTIFACT_URI": s3.uri,
        "SLIPWAY_MANIFEST_SHA256": digest,
        "SLIPWAY_CACHE_DIR": str(cache),
        "SLIPWAY_BAKED_DIR": str(cache / "none"),
        "SLIPWAY_FAILURE_LINGER_SECONDS": "0",
        "AWS_ENDPOINT_URL": s3.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "eu-west-1",
    }


def test_cold_then_warm(s3: S3Stub, tmp_path: Path) -> None:
    """The first start downloads in ranges with the owner checked; the second starts from the cache with S3 gone."""
    objects, digest = artifact({"m.gguf": gguf(_SIZE)})
    s3.put(objects)
    with Engine(environment(s3, digest, tmp_path) | {"SLIPWAY_ARTIFACT_OWNER": "123456789012"}) as engine:
        engine.wait_for_phase("ready")
        assert engine.wait_for("weights verified")["origin"] == "s3"
    assert sorted(wanted or "" for _, wanted in s3.requests) == ["", "bytes=0-8388607", "bytes=16777216-20971519", "bytes=8388608-16777215"]
    assert s3.owners == {"123456789012"}
    s3.objects.clear()
    with Engine(environment(s3, digest, tmp_path)) as engine:
        engine.wait_for_phase("ready")
        assert engine.wait_for("weights verified")["origin"] == "cache"
    assert len(s3.requests) == 4


def test_cut_and_throttled_answers_are_mended(s3: S3Stub, tmp_path: Path) -> None:
    """Truncated bodies and 503s cost time, not the start."""
    objects, digest = artifact({"m.gguf": gguf(_SIZE)})
    s3.put(objects)
    s3.faults.extend(["cut", "503", "cut", "503"])
    with Engine(environment(s3, digest, tmp_path)) as engine:
        engine.wait_for_phase("ready")
    assert not s3.faults
    assert (tmp_path / "artifacts" / digest / "m.gguf").read_bytes() == objects["m.gguf"]


def test_every_way_to_fail_has_its_exit_status(s3: S3Stub, tmp_path: Path) -> None:
    """Missing, refused, tampered and mis-described artefacts end in the code that says so."""
    objects, digest = artifact({"m.gguf": gguf(200_000)})
    cases: list[tuple[str, str, dict[str, bytes], list[str]]] = [
        ("weights-not-found", digest, {}, []),
        ("manifest-invalid", "0" * 64, objects, []),
        ("weights-access-denied", digest, objects, ["403"]),
        ("weights-corrupt", digest, objects | {"m.gguf": objects["m.gguf"][:-1] + b"!"}, []),
        ("weights-corrupt", digest, objects | {"m.gguf": objects["m.gguf"][:-1]}, []),
    ]
    for number, (code, expected, files, faults) in enumerate(cases):
        s3.put(files)
        s3.faults.extend(faults)
        with Engine(environment(s3, expected, tmp_path / str(number))) as engine:
            assert engine.wait_for_end() == FAILURES[code].exit_status
            engine.wait_for("failed", code=code)


def test_sigterm_during_a_download_ends_at_once(s3: S3Stub, tmp_path: Path) -> None:
    """A container that is stopped while S3 does not answer does not wait for it, and says that it is fetching until then."""
    objects, digest = artifact({"m.gguf": gguf(_SIZE)})
    s3.put(objects)
    s3.gate.clear()
    with Engine(environment(s3, digest, tmp_path)) as engine:
        engine.wait_for("listening")
        assert s3.arrived.wait(30)
        assert engine.status()["phase"] == "fetching"
        engine.terminate()
        assert engine.wait_for_end() == 0
