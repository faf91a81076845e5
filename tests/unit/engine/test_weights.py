"""Weights: found, fetched, shared, evicted, and never used unverified."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.artifact import parse_manifest
from engine.errors import CancelledWorkError, EngineError
from engine.weights.cache import RESERVE_BYTES, Cache
from engine.weights.download import Download
from engine.weights.gguf import read_facts
from engine.weights.source import Weights, WeightsSource
from engine.weights.verify import check_headers, verify_files
from tests.unit.engine.store import MemoryStore, artifact, gguf, safetensors

PART = 16 * 1024


class Recorder:
    """Notes the progress that is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, float]] = []

    def fetching(self, part: float) -> None:
        """Note it."""
        self.told.append(("fetching", part))

    def verifying(self, part: float) -> None:
        """Note it."""
        self.told.append(("verifying", part))


def source(tmp_path: Path, store: MemoryStore, digest: str, cancelled: threading.Event | None = None) -> WeightsSource:
    """A source with the image's folder and the host's cache below the test's folder."""
    return WeightsSource(
        digest,
        baked_dir=tmp_path / "baked",
        open_cache=lambda: Cache(tmp_path / "cache", None),
        open_store=lambda: store,
        cancelled=cancelled or threading.Event(),
    )


def download(store: MemoryStore, folder: Path, cancelled: threading.Event | None = None) -> list[int]:
    """Download in small parts, without pauses; returns what was reported."""
    reported: list[int] = []
    folder.mkdir(parents=True, exist_ok=True)
    manifest = parse_manifest(store.objects["manifest.json"])
    Download(store, folder, reported.append, cancelled or threading.Event(), part_bytes=PART, first_pause_seconds=0).run(manifest)
    return reported


@pytest.fixture(name="released")
def _released() -> Iterator[list[Weights]]:
    held: list[Weights] = []
    yield held
    for weights in held:
        if weights.lock is not None:
            weights.lock.release()


def test_first_from_the_store_then_from_the_cache(tmp_path: Path, released: list[Weights]) -> None:
    """The first start downloads and the second only verifies; both hand out the same bytes."""
    objects, digest = artifact({"m.gguf": gguf(), "sub/vocab.txt": b"v", "empty.txt": b""})
    store = MemoryStore(objects)
    progress = Recorder()
    first = source(tmp_path, store, digest).resolve(progress)
    reads = len(store.reads)
    second = source(tmp_path, store, digest).resolve(progress)
    released += [first, second]
    assert (first.origin, second.origin) == ("s3", "cache")
    assert len(store.reads) == reads
    for path in ("m.gguf", "sub/vocab.txt", "empty.txt", "manifest.json"):
        assert (second.directory / path).read_bytes() == objects[path]
    assert progress.told[0] == ("fetching", 0.0)
    assert progress.told[-1] == ("verifying", 1.0)
    assert not list((tmp_path / "cache/incoming").iterdir())


def test_weights_in_the_image_need_no_store(tmp_path: Path) -> None:
    """A baked artefact with the right manifest is used where it lies."""
    objects, digest = artifact({"m.gguf": gguf()})
    (tmp_path / "baked").mkdir()
    for path, content in objects.items():
        (tmp_path / "baked" / path).write_bytes(content)
    weights = source(tmp_path, MemoryStore({}), digest).resolve(Recorder())
    assert (weights.origin, weights.directory) == ("image", tmp_path / "baked")
    assert not (tmp_path / "cache").exists()


def test_tampered_weights_in_the_image_are_refused(tmp_path: Path) -> None:
    """One byte changed in the image is a failure, not a reason to look elsewhere."""
    objects, digest = artifact({"m.gguf": gguf()})
    (tmp_path / "baked").mkdir()
    for path, content in objects.items():
        (tmp_path / "baked" / path).write_bytes(content.replace(b"GGUF", b"GGUf") if path == "m.gguf" else content)
    with pytest.raises(EngineError, match=r"weights-corrupt: m\.gguf has the SHA-256"):
        source(tmp_path, MemoryStore(objects), digest).resolve(Recorder())


def test_a_damaged_cache_entry_is_fetched_again(tmp_path: Path, released: list[Weights]) -> None:
    """Bytes that changed on the host's disk are noticed and replaced."""
    objects, digest = artifact({"m.gguf": gguf()})
    first = source(tmp_path, MemoryStore(objects), digest).resolve(Recorder())
    assert first.lock is not None
    first.lock.release()
    cached = first.directory / "m.gguf"
    cached.write_bytes(b"X" + cached.read_bytes()[1:])
    again = source(tmp_path, MemoryStore(objects), digest).resolve(Recorder())
    released.append(again)
    assert again.origin == "s3"
    assert cached.read_bytes() == objects["m.gguf"]


def test_another_manifest_than_the_expected_is_refused(tmp_path: Path) -> None:
    """A manifest that was replaced in the bucket does not start an engine."""
    objects, _ = artifact({"m.gguf": gguf()})
    with pytest.raises(EngineError, match=r"manifest-invalid: memory:manifest\.json: manifest\.json has the SHA-256"):
        source(tmp_path, MemoryStore(objects), "0" * 64).resolve(Recorder())


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The address of what is not there is in the message."""
    objects, digest = artifact({"m.gguf": gguf(), "vocab.txt": b"v"})
    del objects["vocab.txt"]
    with pytest.raises(EngineError, match=r"weights-not-found: memory:vocab\.txt"):
        source(tmp_path, MemoryStore(objects), digest).resolve(Recorder())


def test_the_right_digest_of_no_weights_is_refused(tmp_path: Path, released: list[Weights]) -> None:
    """A file can be what the manifest says and still be no model."""
    objects, digest = artifact({"m.gguf": b"<html>404</html>" * 10})
    with pytest.raises(EngineError, match=r"weights-corrupt: m\.gguf is no valid gguf file"):
        released.append(source(tmp_path, MemoryStore(objects), digest).resolve(Recorder()))


def test_the_second_task_waits_and_does_not_download(tmp_path: Path, released: list[Weights]) -> None:
    """Of two tasks that start on a host at once, one downloads and the other uses what it brought."""
    objects, digest = artifact({"m.gguf": gguf()})
    store = MemoryStore(objects)
    results: list[Weights] = []
    threads = [threading.Thread(target=lambda: results.append(source(tmp_path, store, digest).resolve(Recorder()))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    released += results
    assert sorted(weights.origin for weights in results) == ["cache", "s3"]
    assert len(store.reads) == 1


def test_waiting_for_another_task_can_be_told_to_stop(tmp_path: Path) -> None:
    """A container that is stopped does not go on waiting for a lock."""
    cache = Cache(tmp_path, None)
    lock = cache.try_lock_for_filling("d")
    assert lock is not None
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(CancelledWorkError):
        cache.acquire("d", cancelled)
    lock.release()


def test_parts_arrive_in_any_order_and_every_break_is_mended(tmp_path: Path) -> None:
    """Reads that break off are taken up where they broke, and the file is right."""
    content = gguf(PART * 7 + 123)
    store = MemoryStore(artifact({"m.gguf": content})[0])
    store.faults["m.gguf"] = ["break", "refuse", "break", "break"]
    reported = download(store, tmp_path / "in")
    assert (tmp_path / "in/m.gguf").read_bytes() == content
    assert sum(reported) == len(content)
    starts = [start for _, start, _ in store.reads]
    assert any(start % PART for start in starts), "no read went on in the middle of a part"
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["m.gguf"]


def test_a_store_that_never_answers_is_given_up(tmp_path: Path) -> None:
    """Retries are finite, and the cause is in the message."""
    store = MemoryStore(artifact({"m.gguf": gguf()})[0])
    store.faults["m.gguf"] = ["refuse"] * 1000
    with pytest.raises(EngineError, match=r"weights-download-failed: Gave up after 6 tries\. refused"):
        download(store, tmp_path / "in")


def test_an_interrupted_download_is_resumed(tmp_path: Path) -> None:
    """What a dead container had fetched is not fetched again."""
    content = gguf(PART * 20)
    store = MemoryStore(artifact({"m.gguf": content})[0])
    store.faults["m.gguf"] = [""] * 6 + ["refuse"] * 1000
    with pytest.raises(EngineError):
        download(store, tmp_path / "in")
    store.faults.clear()
    store.reads.clear()
    download(store, tmp_path / "in")
    assert (tmp_path / "in/m.gguf").read_bytes() == content
    assert 0 < len(store.reads) < 20


def test_spoiled_remains_of_an_earlier_try_are_replaced(tmp_path: Path) -> None:
    """If the resumed file is wrong, the remains are forgotten and everything is fetched once more."""
    content = gguf(PART * 3)
    store = MemoryStore(artifact({"m.gguf": content})[0])
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "m.gguf.partial").write_bytes(b"?" * len(content))
    (folder / "m.gguf.parts").write_text(f"part_bytes {PART}\n0\n1\n")
    download(store, folder)
    assert (folder / "m.gguf").read_bytes() == content


def test_a_changed_object_is_corrupt_after_one_download(tmp_path: Path) -> None:
    """Wrong bytes of the right size fail at once and leave nothing to resume from."""
    objects, _ = artifact({"m.gguf": gguf(PART * 2)})
    objects["m.gguf"] = objects["m.gguf"][:-1] + b"!"
    store = MemoryStore(objects)
    with pytest.raises(EngineError, match=r"weights-corrupt: m\.gguf has the SHA-256"):
        download(store, tmp_path / "in")
    assert len(store.reads) == 2
    assert (tmp_path / "in/m.gguf.partial").stat().st_size == 0


def test_an_object_of_another_size_is_corrupt(tmp_path: Path) -> None:
    """A truncated upload is told apart from a broken connection."""
    objects, _ = artifact({"m.gguf": gguf(PART * 2)})
    objects["m.gguf"] = objects["m.gguf"][:-5]
    with pytest.raises(EngineError, match=r"weights-corrupt: memory:m\.gguf has 32763 bytes, the manifest says 32768"):
        download(MemoryStore(objects), tmp_path / "in")


def test_a_download_can_be_told_to_stop(tmp_path: Path) -> None:
    """SIGTERM ends a download between two chunks."""
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(CancelledWorkError):
        download(MemoryStore(artifact({"m.gguf": gguf()})[0]), tmp_path / "in", cancelled)


def fill(cache: Cache, digest: str, size: int) -> None:
    """Put an entry of that size into the cache."""
    lock = cache.try_lock_for_filling(digest)
    assert lock is not None
    (cache.filling(digest) / "w").write_bytes(bytes(size))
    cache.publish(digest)
    lock.release()


def test_the_longest_unused_goes_first_and_what_is_in_use_stays(tmp_path: Path) -> None:
    """Eviction frees just enough, in the order of last use, and never takes an entry that an engine holds."""
    cache = Cache(tmp_path, 1000)
    for second, digest in enumerate(("b", "c", "a")):
        fill(cache, digest, 300)
        os.utime(tmp_path / "locks" / digest, (second, second))
    held = cache.lock_for_reading("b")
    assert held is not None
    os.utime(tmp_path / "locks" / "b", (0, 0))
    cache.make_room("new", 400)
    assert [cache.whole(digest).is_dir() for digest in ("a", "b", "c")] == [True, True, False]
    cache.make_room("new", 700)
    assert [cache.whole(digest).is_dir() for digest in ("a", "b", "c")] == [False, True, False]
    held.release()


def test_reading_an_entry_notes_its_use(tmp_path: Path) -> None:
    """Whoever uses an entry moves it to the end of the queue for eviction."""
    cache = Cache(tmp_path, None)
    fill(cache, "a", 1)
    os.utime(tmp_path / "locks" / "a", (0, 0))
    lock = cache.lock_for_reading("a")
    assert lock is not None
    assert (tmp_path / "locks" / "a").stat().st_mtime > 0
    lock.release()


def test_a_full_disk_is_known_beforehand(tmp_path: Path) -> None:
    """Figures for needed and free are in the message, and nothing was downloaded."""
    cache = Cache(tmp_path, None, free_bytes=lambda _: RESERVE_BYTES + 10)
    cache.make_room("d", 10)
    with pytest.raises(EngineError, match=r"disk-full: The model needs 0\.06 GiB more on"):
        cache.make_room("d", 11)


def test_a_model_larger_than_the_cache_is_refused(tmp_path: Path) -> None:
    """The limit is a limit even when the disk is empty."""
    with pytest.raises(EngineError, match=r"disk-full: The model needs 0\.00 GiB, the cache may hold"):
        Cache(tmp_path, 5).make_room("d", 6)


def test_a_cache_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    """A read-only root without a volume is a configuration error with a way out."""
    (tmp_path / "file").write_text("")
    with pytest.raises(EngineError, match="configuration-invalid: The cache folder") as caught:
        Cache(tmp_path / "file" / "cache", None)
    assert "Mount a volume" in caught.value.hint


def test_remains_of_an_eviction_that_died_are_swept(tmp_path: Path) -> None:
    """Half-deleted entries are no entries."""
    (tmp_path / ".doomed-x" / "d").mkdir(parents=True)
    Cache(tmp_path, None)
    assert not (tmp_path / ".doomed-x").exists()


def test_verification_names_the_missing_and_the_short(tmp_path: Path) -> None:
    """Each kind of damage on disk has its own sentence."""
    objects, _ = artifact({"a.gguf": gguf(), "b.txt": b"bb"})
    manifest = parse_manifest(objects["manifest.json"])
    (tmp_path / "a.gguf").write_bytes(objects["a.gguf"])
    with pytest.raises(EngineError, match=r"weights-not-found: b\.txt is missing"):
        verify_files(tmp_path, manifest, lambda _: None, threading.Event())
    (tmp_path / "b.txt").write_bytes(b"b")
    with pytest.raises(EngineError, match=r"weights-corrupt: b\.txt has 1 bytes, the manifest says 2"):
        verify_files(tmp_path, manifest, lambda _: None, threading.Event())


BROKEN_HEADERS = {
    "short": (b"GG", "a.gguf"),
    "old gguf": (gguf().replace(b"GGUF\x03", b"GGUF\x01"), "a.gguf"),
    "no tensors": (b"GGUF" + b"\x03\0\0\0" + bytes(16) + bytes(100), "a.gguf"),
    "huge header": (b"\xff" * 8 + bytes(100), "a.safetensors"),
    "no json": (b"\x04\0\0\0\0\0\0\0{{{{", "a.safetensors"),
    "cut short": (safetensors()[:-1], "a.safetensors"),
    "too long": (safetensors() + b"x", "a.safetensors"),
    "no offsets": (b'\x0e\0\0\0\0\0\0\0{"w": {"a":1}}', "a.safetensors"),
}


@pytest.mark.parametrize("case", BROKEN_HEADERS)
def test_broken_headers_are_refused(tmp_path: Path, case: str) -> None:
    """A header that cannot be is found before the engine is started."""
    content, name = BROKEN_HEADERS[case]
    objects, _ = artifact({name: content}, kind=name.partition(".")[2])
    (tmp_path / name).write_bytes(content)
    with pytest.raises(EngineError, match="weights-corrupt"):
        check_headers(tmp_path, parse_manifest(objects["manifest.json"]))


def test_good_headers_pass(tmp_path: Path) -> None:
    """Both formats, as their tools write them."""
    for kind, content in (("gguf", gguf()), ("safetensors", safetensors())):
        objects, _ = artifact({f"a.{kind}": content}, kind=kind)
        (tmp_path / f"a.{kind}").write_bytes(content)
        check_headers(tmp_path, parse_manifest(objects["manifest.json"]))


def test_a_gguf_tells_its_context(tmp_path: Path) -> None:
    """Architecture and training context are read from the metadata."""
    (tmp_path / "a.gguf").write_bytes(gguf(context_length=2048, architecture="qwen3"))
    facts = read_facts(tmp_path / "a.gguf")
    assert (facts.architecture, facts.context_length) == ("qwen3", 2048)


@pytest.mark.parametrize("cut", [10, 30, 60, 90])
def test_gguf_metadata_that_is_cut_short_is_refused(tmp_path: Path, cut: int) -> None:
    """Whatever the place of the cut, it is an error that names it and no crash."""
    (tmp_path / "a.gguf").write_bytes(gguf()[:cut])
    with pytest.raises(ValueError, match="cut short"):
        read_facts(tmp_path / "a.gguf")
