"""The host's cache of artefacts, keyed by manifest digest and shared by every task on the host.

Below the root: `artifacts/<digest>/` whole and verified, `incoming/<digest>/` being filled, `locks/<digest>` one lock file each.
A task holds its digest's lock exclusively while it fills the entry and shared while its engine uses it, so that eviction, which needs
the exclusive lock, never takes files from under an engine. The lock file's time of change says when the entry was last used.
"""

import fcntl
import os
import shutil
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from engine.errors import CancelledWorkError, EngineError

RESERVE_BYTES: Final = 64 * 1024 * 1024
"""Left free on the disk for logs, compile caches and other tasks."""

_POLL_SECONDS: Final = 0.5
_DOOMED: Final = ".doomed-"


def _free_bytes(path: Path) -> int:
    return shutil.disk_usage(path).free


@dataclass(slots=True)
class EntryLock:
    """The lock on one digest, held until `release` or until the process ends."""

    path: Path
    fd: int

    @classmethod
    def try_exclusive(cls, path: Path) -> Self | None:
        """Take the lock exclusively if no one holds it."""
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return None
        return cls(path, fd)

    @classmethod
    def try_shared(cls, path: Path) -> Self | None:
        """Take the lock together with others who only read."""
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return None
        return cls(path, fd)

    def touch(self) -> None:
        """Note that the entry is in use now."""
        os.utime(self.fd)

    def release(self) -> None:
        """Let go."""
        os.close(self.fd)


class Cache:
    """The cache below `root`, holding at most `limit_bytes` (None: as much as the disk allows)."""

    def __init__(self, root: Path, limit_bytes: int | None, free_bytes: Callable[[Path], int] = _free_bytes) -> None:
        self._root = root
        self._limit = limit_bytes
        self._free = free_bytes
        self._artifacts, self._incoming, self._locks = root / "artifacts", root / "incoming", root / "locks"
        try:
            for folder in (self._artifacts, self._incoming, self._locks):
                folder.mkdir(parents=True, exist_ok=True)
            for doomed in root.glob(f"{_DOOMED}*"):
                shutil.rmtree(doomed, ignore_errors=True)
        except OSError as error:
            hint = "Mount a volume there that the container's user may write to, or set SLIPWAY_CACHE_DIR."
            raise EngineError("configuration-invalid", f"The cache folder {root} cannot be written: {error.strerror}.", hint) from error

    def whole(self, digest: str) -> Path:
        """Where an entry lies once it is whole; whoever finds the folder finds all its files."""
        return self._artifacts / digest

    def filling(self, digest: str) -> Path:
        """Where an entry is filled."""
        folder = self._incoming / digest
        folder.mkdir(exist_ok=True)
        return folder

    def lock_for_reading(self, digest: str) -> EntryLock | None:
        """Take the shared lock on a whole entry; None where it is not whole or someone is at work on it."""
        lock = EntryLock.try_shared(self._locks / digest)
        if lock is None:
            return None
        if not self.whole(digest).is_dir():
            lock.release()
            return None
        lock.touch()
        return lock

    def try_lock_for_filling(self, digest: str) -> EntryLock | None:
        """Take the exclusive lock if it is free."""
        return EntryLock.try_exclusive(self._locks / digest)

    def acquire(self, digest: str, cancelled: threading.Event) -> tuple[EntryLock, bool]:
        """Wait for the entry: (shared lock, True) once it is whole, or (exclusive lock, False) for the one who must fill it."""
        while True:
            if reading := self.lock_for_reading(digest):
                return reading, True
            if filling := self.try_lock_for_filling(digest):
                if not self.whole(digest).is_dir():
                    return filling, False
                filling.release()
                continue
            if cancelled.wait(_POLL_SECONDS):
                raise CancelledWorkError

    def publish(self, digest: str) -> None:
        """Make a filled entry whole, in one step."""
        self._remove(self.whole(digest))
        (self._incoming / digest).rename(self.whole(digest))

    def discard(self, digest: str) -> None:
        """Throw an entry away, whole or not. The caller holds its exclusive lock."""
        self._remove(self.whole(digest))
        self._remove(self._incoming / digest)

    def make_room(self, digest: str, total_bytes: int) -> None:
        """Evict what was used longest ago until `total_bytes` fit within the limit and on the disk.

        Raises EngineError `disk-full` with the figures where that is not enough.
        """
        have = _size(self._incoming / digest)
        if self._limit is not None and total_bytes > self._limit:
            raise EngineError("disk-full", f"The model needs {_gib(total_bytes)} GiB, the cache may hold {_gib(self._limit)} GiB.")
        missing = max(total_bytes - have, 0)
        for victim in self._by_last_use(digest):
            if self._fits(missing):
                return
            if lock := self.try_lock_for_filling(victim):
                self.discard(victim)
                lock.release()
        if not self._fits(missing):
            free = self._free(self._root)
            message = f"The model needs {_gib(missing + RESERVE_BYTES)} GiB more on {self._root}, only {_gib(free)} GiB are free."
            raise EngineError("disk-full", message)

    def _fits(self, missing: int) -> bool:
        used = _size(self._artifacts) + _size(self._incoming)
        return self._free(self._root) >= missing + RESERVE_BYTES and (self._limit is None or used + missing <= self._limit)

    def _by_last_use(self, but: str) -> list[str]:
        digests = {folder.name for folder in (*self._artifacts.iterdir(), *self._incoming.iterdir())} - {but}
        locks = {digest: self._locks / digest for digest in digests}
        return sorted(digests, key=lambda digest: locks[digest].stat().st_mtime if locks[digest].exists() else 0.0)

    def _remove(self, folder: Path) -> None:
        # Moved aside first, so that an entry half deleted by a process that dies never looks whole.
        if folder.exists():
            doomed = Path(tempfile.mkdtemp(prefix=_DOOMED, dir=self._root))
            folder.rename(doomed / folder.name)
            shutil.rmtree(doomed, ignore_errors=True)


def _size(folder: Path) -> int:
    total = 0
    for path, _, files in os.walk(folder):
        for name in files:
            try:
                total += Path(path, name).lstat().st_size
            except FileNotFoundError:
                continue
    return total


def _gib(size: int) -> str:
    return f"{size / 1024**3:.2f}"
