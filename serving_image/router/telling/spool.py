"""Records on disk until they have been sent: a segment that is written to, and batches that wait.

A record is one `write` to the open segment, so that a killed process loses none that was written: the kernel holds them. `fdatasync` comes
when a segment is sealed; the machine's own death loses what is younger than that, at most `seconds`. A sealed segment becomes batches (the
sums of its records, a few kilobytes) with ids that follow from the segment's; a batch's file goes once the queue has it. Whatever is found
at the start is taken up again, under the same ids. The open segment is locked: a process beside this one, which drains, keeps its own.

Its sums are kept beside it as it is written: to read 20,000 records again took a thread 130 ms, in which requests waited for the
interpreter, and 5 MB. What is found is read, since nobody has its sums. A segment is as long as its seconds allow: it sums up to a row for
every token and model, and of 10,000 tokens in turn, segments of 20,000 records took a tenth of all processor to make batches of.

Bounded: beyond `most_bytes` of waiting batches, or when the disk refuses, records are lost, counted, and told in the log.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from router.idents import ulid
from router.telling.batches import MOST_BATCHES, MOST_ROWS, Sums
from router.telling.record import Record

_OPEN, _SEALED, _BATCH = ".open", ".sealed", ".batch"
_MOST_RECORDS: Final = MOST_BATCHES * MOST_ROWS
"""Each may be a row of its own."""


class Spool:
    """One directory. `append`, `seal_if_due` and `seal` belong to the event loop's thread and never wait for anything but the page cache;
    `settle`, `waiting` and `depth` are called in a thread."""

    def __init__(
        self,
        path: Path,
        seconds: float,
        most_bytes: int,
        lost: Callable[[int, str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path, self._lost, self._clock = path, lost, clock
        self._seconds, self._most_bytes = seconds, most_bytes
        self._file: int | None = None
        self._name = ""
        self._count, self._opened_at = 0, 0.0
        self._sums = Sums()
        self._full = False
        self._closing: list[tuple[int, Path, Sums]] = []

    def append(self, record: Record) -> None:
        """Keep a record. A disk that refuses, or a spool that is full, loses it, which is counted."""
        if self._full:
            self._lost(1, "the spool is full")
            return
        line = record.line()
        try:
            written = os.write(self._descriptor(), line)
            reason = "written in part"
        except OSError as error:
            written, reason = 0, type(error).__name__
        if written != len(line):
            self._lost(1, reason)
            self.seal()  # behind half a line another would be lost as well
            return
        self._count += 1
        self._sums.add(record)
        if self._count >= _MOST_RECORDS:
            self.seal()

    def seal_if_due(self) -> None:
        """Close the open segment if it is old enough."""
        if self._file is not None and self._clock() - self._opened_at >= self._seconds:
            self.seal()

    def seal(self) -> None:
        """Close the open segment, whatever its age."""
        if self._file is not None:
            self._closing.append((self._file, self._path / f"{self._name}{_OPEN}", self._sums))
            self._file = None

    def settle(self) -> None:
        """Make every sealed segment into batches, those of dead processes too; OSError where the disk does not let us."""
        while self._closing:
            file, path, sums = self._closing[0]
            os.fdatasync(file)
            path.replace(path.with_suffix(_SEALED))
            os.close(file)
            del self._closing[0]
            self._keep(path.with_suffix(_SEALED), sums)
        for path in sorted(self._path.glob(f"*{_OPEN}")):
            _seal_orphan(path)
        for path in sorted(self._path.glob(f"*{_SEALED}")):
            with contextlib.suppress(FileNotFoundError):  # a process beside this one has just done it
                self._keep(path, self._read(path))
        self._full = self.depth()[1] >= self._most_bytes

    def waiting(self) -> list[Path]:
        """The file of each batch that was not sent yet, named by its id, the oldest first."""
        return sorted(self._path.glob(f"*{_BATCH}"))

    def depth(self) -> tuple[int, int]:
        """How many batches wait, and how many bytes they have."""
        sizes = [_size(path) for path in self.waiting()]
        return len(sizes), sum(sizes)

    def _descriptor(self) -> int:
        if self._file is None:
            with contextlib.suppress(FileNotFoundError):
                return self._open()
            return self._open()
        return self._file

    def _open(self) -> int:
        self._path.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = ulid()
        path = self._path / f"{name}{_OPEN}"
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(file, fcntl.LOCK_EX)
        if not path.exists():  # a process beside this one took it for an orphan before it was locked
            os.close(file)
            raise FileNotFoundError(path.name)
        self._name, self._file, self._count, self._opened_at = name, file, 0, self._clock()
        self._sums = Sums()
        return file

    def _read(self, path: Path) -> Sums:
        sums, broken = Sums(), 0
        with path.open("rb") as lines:
            for line in lines:
                record = Record.of(line)
                if record is None:
                    broken += 1
                else:
                    sums.add(record)
        if broken:
            self._lost(broken, "a line broke off")
        return sums

    def _keep(self, path: Path, sums: Sums) -> None:
        """A sealed segment's batches in its place. Where the disk does not take them all, it stays and is read at the next look."""
        for name, content in sums.batches(path.stem):
            _write(self._path / f"{name}{_BATCH}", content)
        path.unlink(missing_ok=True)  # a process beside this one may have done the same


def _seal_orphan(path: Path) -> None:
    """Seal a segment whose writer is dead: nobody holds its lock."""
    with contextlib.suppress(OSError):  # its writer lives, or somebody else was quicker
        file = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.replace(path.with_suffix(_SEALED))
        finally:
            os.close(file)


def _write(path: Path, content: bytes) -> None:
    """Replace a file as a whole: a crash leaves the old one, or none, or the new one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
