"""Downloads an artefact: several files and several parts of each at a time, resumable, hashed in order as the parts arrive.

Bytes are written to disk once. The hash reads each part back right after it was written, that is from the page cache, so that it covers
what the engine will read and memory stays bounded however large the file is.
"""

import errno
import hashlib
import os
import random
import threading
from collections import deque
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Final

from contracts.artifact import Manifest, ManifestFile
from engine.errors import CancelledWorkError, EngineError
from engine.weights.store import Store, TransientStoreError
from engine.weights.verify import Report, check_digest, verify_file

PART_BYTES: Final = 8 * 1024 * 1024
PART_THREADS: Final = 12
FILE_THREADS: Final = 4
_AHEAD: Final = 8
_ATTEMPTS: Final = 6
_FIRST_PAUSE_SECONDS: Final = 0.2
_LONGEST_PAUSE_SECONDS: Final = 5.0


class Download:
    """One download of a manifest's files into a folder that may hold the remains of an earlier try."""

    def __init__(
        self,
        store: Store,
        directory: Path,
        report: Report,
        cancelled: threading.Event,
        *,
        part_bytes: int = PART_BYTES,
        first_pause_seconds: float = _FIRST_PAUSE_SECONDS,
    ) -> None:
        self._store = store
        self._directory = directory
        self._report = report
        self._cancelled = cancelled
        self._part_bytes = part_bytes
        self._first_pause = first_pause_seconds
        self._abort = threading.Event()
        self._random = random.Random()  # noqa: S311 - spreads retries, guards nothing

    def run(self, manifest: Manifest) -> None:
        """Download and verify every file, the largest first.

        Raises EngineError (`weights-…`, `disk-full`), or CancelledWorkError when told to stop. What has arrived stays for the next try.
        """
        files = sorted(manifest.files, key=lambda file: file.size_bytes, reverse=True)
        with ThreadPoolExecutor(PART_THREADS, "part") as parts, ThreadPoolExecutor(FILE_THREADS, "file") as workers:
            running = [workers.submit(self._file, file, parts) for file in files]
            wait(running, return_when=FIRST_EXCEPTION)
            for future in running:
                future.cancel()
        failures = [error for future in running if not future.cancelled() and (error := future.exception()) is not None]
        # What was told to stop because something else had failed is not the cause.
        failures.sort(key=lambda error: isinstance(error, CancelledWorkError))
        if failures:
            raise failures[0]

    def _file(self, file: ManifestFile, parts: ThreadPoolExecutor) -> None:
        try:
            path = self._directory / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists():
                verify_file(path, file, self._report, self._cancelled)
                return
            partial = _Partial(path, self._part_bytes)
            resumed = partial.open()
            try:
                digest = self._fill(file, partial, parts)
                if digest != file.sha256 and resumed:
                    # The remains of the earlier try may be what is wrong, so they get no second chance.
                    partial.forget()
                    digest = self._fill(file, partial, parts)
                if digest != file.sha256:
                    partial.forget()
                check_digest(file, digest)
                partial.finish()
            finally:
                partial.close()
        except OSError as error:
            raise _of_disk(error, file.path) from error
        except BaseException:
            self._abort.set()
            raise

    def _fill(self, file: ManifestFile, partial: "_Partial", pool: ThreadPoolExecutor) -> str:
        bounds = [(start, min(start + self._part_bytes, file.size_bytes)) for start in range(0, file.size_bytes, self._part_bytes)]
        digest = hashlib.sha256()
        ahead: deque[tuple[int, int, Future[None] | None]] = deque()
        pending = iter(enumerate(bounds))
        try:
            while True:
                while len(ahead) < _AHEAD and (step := next(pending, None)) is not None:
                    number, (start, end) = step
                    known = number in partial.done
                    ahead.append((start, end, None if known else pool.submit(self._part, file, partial, number, start, end)))
                if not ahead:
                    return digest.hexdigest()
                start, end, future = ahead.popleft()
                if future is not None:
                    future.result()
                self._check_running()
                digest.update(partial.read(start, end))
                self._report(end - start)
        except BaseException:
            # No part may still write when the file is closed: its descriptor's number will be another file's.
            self._abort.set()
            wait([future for _, _, future in ahead if future is not None and not future.cancel()])
            raise

    def _part(self, file: ManifestFile, partial: "_Partial", number: int, start: int, end: int) -> None:
        attempt = 0
        while (position := partial.reached(number, start)) < end:
            try:
                self._read_into(file, partial, position, end)
            except TransientStoreError as error:
                attempt = 0 if partial.reached(number, start) > position else attempt + 1
                if attempt >= _ATTEMPTS:
                    raise EngineError("weights-download-failed", f"Gave up after {_ATTEMPTS} tries. {error}") from error
                self._pause(attempt)
        partial.mark(number)

    def _read_into(self, file: ManifestFile, partial: "_Partial", start: int, end: int) -> None:
        self._check_running()
        piece = self._store.open_range(file.path, start, end)
        if piece.total_bytes != file.size_bytes:
            where = self._store.describe(file.path)
            raise EngineError("weights-corrupt", f"{where} has {piece.total_bytes} bytes, the manifest says {file.size_bytes}.")
        number, position = start // self._part_bytes, start
        for chunk in piece.chunks:
            self._check_running()
            chunk = chunk[: end - position]  # noqa: PLW2901 - a store that sends more than asked must not overwrite the next part
            partial.write(number, position, chunk)
            position += len(chunk)
        if position < end:
            raise TransientStoreError(f"{self._store.describe(file.path)}: the connection ended {end - position} bytes early")

    def _pause(self, attempt: int) -> None:
        longest = min(self._first_pause * 2**attempt, _LONGEST_PAUSE_SECONDS)
        self._cancelled.wait(self._random.uniform(longest / 2, longest))

    def _check_running(self) -> None:
        if self._cancelled.is_set() or self._abort.is_set():
            raise CancelledWorkError


class _Partial:
    """A file being filled, and the journal of its parts that are whole; the journal is only a hint, the digest decides."""

    def __init__(self, path: Path, part_bytes: int) -> None:
        self._path = path
        self._data = path.with_name(path.name + ".partial")
        self._journal = path.with_name(path.name + ".parts")
        self._header = f"part_bytes {part_bytes}\n"
        self._fd = -1
        self._lock = threading.Lock()
        self._positions: dict[int, int] = {}
        self.done: set[int] = set()

    def open(self) -> bool:
        """Open for filling; True where parts of an earlier try are kept."""
        self.done = self._read_journal()
        self._fd = os.open(self._data, os.O_RDWR | os.O_CREAT, 0o644)
        if not self.done:
            self.forget()
        return bool(self.done)

    def write(self, number: int, position: int, chunk: bytes) -> None:
        """Write at a byte position of the file."""
        view = memoryview(chunk)
        while view:
            written = os.pwrite(self._fd, view, position)
            position += written
            view = view[written:]
        self._positions[number] = position

    def reached(self, number: int, otherwise: int) -> int:
        """Say up to which byte position a part has been written."""
        return self._positions.get(number, otherwise)

    def read(self, start: int, end: int) -> bytes:
        """Read back what was written; shorter where the file is."""
        return os.pread(self._fd, end - start, start)

    def mark(self, number: int) -> None:
        """Note that a part is whole."""
        with self._lock:
            self.done.add(number)
            with self._journal.open("a", encoding="ascii") as journal:
                journal.write(f"{number}\n")

    def forget(self) -> None:
        """Begin again from nothing."""
        self.done = set()
        self._positions.clear()
        os.ftruncate(self._fd, 0)
        self._journal.write_text(self._header, encoding="ascii")

    def finish(self) -> None:
        """Give the file its name."""
        self._data.replace(self._path)
        self._journal.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _read_journal(self) -> set[int]:
        try:
            header, _, numbers = self._journal.read_text(encoding="ascii").partition("\n")
        except (OSError, UnicodeDecodeError):
            return set()
        if not self._data.exists() or header + "\n" != self._header:
            return set()
        return {int(line) for line in numbers.split() if line.isdigit()}


def _of_disk(error: OSError, path: str) -> EngineError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return EngineError("disk-full", f"The disk filled up while {path} was being written.")
    return EngineError("weights-download-failed", f"{path} could not be written: {error.strerror or error}.")
