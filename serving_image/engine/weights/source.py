"""Decides where the weights come from: the image, the host's cache, or S3; and hands out only what has been verified."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from contracts.artifact import MANIFEST_FILE, MAX_MANIFEST_BYTES, Manifest, ManifestError, manifest_digest, parse_manifest
from engine.errors import EngineError
from engine.logs import log
from engine.weights.cache import Cache, EntryLock
from engine.weights.download import Download
from engine.weights.store import Store, TransientStoreError
from engine.weights.verify import Report, check_headers, refuse_strangers, verify_files


class Progress(Protocol):
    """Told from a worker thread what is being done, and how far it has come (`part` from 0 to 1)."""

    def fetching(self, part: float) -> None:
        """Bytes are coming in, hashed as they come."""
        ...

    def verifying(self, part: float) -> None:
        """Bytes on disk are being hashed."""
        ...


@dataclass(frozen=True, slots=True)
class Weights:
    """Verified files: their folder, their manifest, where they came from, and the lock that keeps them there."""

    directory: Path
    manifest: Manifest
    origin: str
    lock: EntryLock | None


class WeightsSource:
    """Finds one artefact, named by its manifest's digest. `open_store` is called only when S3 is really needed."""

    def __init__(
        self,
        digest: str,
        *,
        baked_dir: Path,
        open_cache: Callable[[], Cache],
        open_store: Callable[[], Store],
        cancelled: threading.Event,
    ) -> None:
        self._digest = digest
        self._baked_dir = baked_dir
        self._open_cache = open_cache
        self._open_store = open_store
        self._cancelled = cancelled

    def resolve(self, progress: Progress) -> Weights:
        """Find, fetch and verify. Blocks; raises EngineError, or CancelledWorkError when told to stop."""
        weights = self._baked(progress) or self._cached_or_fetched(progress)
        check_headers(weights.directory, weights.manifest)
        return weights

    def _baked(self, progress: Progress) -> Weights | None:
        for folder in (self._baked_dir, self._baked_dir / self._digest):
            path = folder / MANIFEST_FILE
            if path.is_file() and manifest_digest(content := path.read_bytes()) == self._digest:
                manifest = self._read(content, str(path))
                verify_files(folder, manifest, _counter(manifest, progress.verifying), self._cancelled)
                return Weights(folder, manifest, "image", None)
        return None

    def _cached_or_fetched(self, progress: Progress) -> Weights:
        cache = self._open_cache()
        lock, whole = cache.acquire(self._digest, self._cancelled)
        if whole:
            if weights := self._cached(cache, lock, progress):
                return weights
            lock.release()
            lock = self._lock_damaged(cache)
        try:
            self._fetch(cache, progress)
        finally:
            lock.release()
        # Between the two locks another task may only have evicted the entry, in which case it is fetched again.
        reading = cache.lock_for_reading(self._digest)
        if reading is None:
            return self._cached_or_fetched(progress)
        folder = cache.whole(self._digest)
        return Weights(folder, self._read((folder / MANIFEST_FILE).read_bytes(), str(folder)), "s3", reading)

    def _cached(self, cache: Cache, lock: EntryLock, progress: Progress) -> Weights | None:
        folder = cache.whole(self._digest)
        try:
            manifest = self._read((folder / MANIFEST_FILE).read_bytes(), str(folder))
            refuse_strangers(folder, manifest)
            verify_files(folder, manifest, _counter(manifest, progress.verifying), self._cancelled)
        except (EngineError, OSError) as error:
            log.warning("the cached weights are damaged and are fetched again", extra={"cause": str(error)})
            return None
        except BaseException:
            lock.release()
            raise
        return Weights(folder, manifest, "cache", lock)

    def _lock_damaged(self, cache: Cache) -> EntryLock:
        lock = cache.try_lock_for_filling(self._digest)
        if lock is None:
            message = "The cached weights on this host are damaged, and another task is using them."
            raise EngineError("weights-corrupt", message, "Stop the other task of this version on the host, then retry.")
        cache.discard(self._digest)
        return lock

    def _fetch(self, cache: Cache, progress: Progress) -> None:
        store = self._open_store()
        try:
            content = store.read(MANIFEST_FILE, MAX_MANIFEST_BYTES)
        except TransientStoreError:
            try:
                self._cancelled.wait(0.5)
                content = store.read(MANIFEST_FILE, MAX_MANIFEST_BYTES)
            except TransientStoreError as error:
                raise EngineError("weights-download-failed", str(error)) from error
        manifest = self._read(content, store.describe(MANIFEST_FILE))
        cache.make_room(self._digest, manifest.total_bytes + len(content))
        folder = cache.filling(self._digest)
        Download(store, folder, _counter(manifest, progress.fetching), self._cancelled).run(manifest)
        (folder / MANIFEST_FILE).write_bytes(content)
        cache.publish(self._digest)

    def _read(self, content: bytes, where: str) -> Manifest:
        try:
            return parse_manifest(content, expected_sha256=self._digest)
        except ManifestError as error:
            raise EngineError("manifest-invalid", f"{where}: {error}.") from error


def _counter(manifest: Manifest, tell: Callable[[float], None]) -> Report:
    total = max(manifest.total_bytes, 1)
    done = 0
    lock = threading.Lock()

    def report(size: int) -> None:
        nonlocal done
        with lock:
            done += size
        tell(min(done / total, 1.0))

    tell(0.0)
    return report
