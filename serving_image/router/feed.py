"""Following a table: its HEAD tells how far it is, its ledger what changed, its rows how everything stands.

Reads are strongly consistent and happen in a thread of their own; what they bring is applied on the event loop's thread. A row that cannot
be used is refused and the one held before stays, and so is a table that cannot be right (`feed_doubts`). When reads fail, everything held
goes on being served.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Protocol

from router.feed_doubts import Doubts
from router.log import Log
from router.metrics import Metrics
from router.state import StateDirectory

MAX_DIFFERENCES = 500
_MAX_BACK_OFF = 15.0
_HOT_SECONDS = 5.0
_REMIND_SECONDS = 60.0


class SourceUnavailable(Exception):
    """The table cannot be read at the moment."""


@dataclass(frozen=True)
class Entry:
    """One row: the key behind its prefix and its document, None if that is not JSON."""

    key: str
    document: dict[str, Any] | None


@dataclass(frozen=True)
class Change:
    """One ledger row: its revision, and the entity that it is about with its document as of then.

    `document` None means that the entity is gone; `reread` that the row itself must be asked.
    """

    revision: int
    key: str
    document: dict[str, Any] | None
    reread: bool = False


class Source(Protocol):
    """A table's partition. All methods block and raise SourceUnavailable."""

    def head(self) -> int:
        """The newest revision, 0 for a table that holds nothing yet."""
        ...

    def changes(self, after: int, up_to: int) -> list[Change]:
        """The ledger's rows with after < revision <= up_to, in order."""
        ...

    def entries(self) -> list[Entry]:
        """Every entity's row."""
        ...

    def entry(self, key: str) -> Entry | None:
        """One entity's row, None if it is gone."""
        ...


class Store(Protocol):
    """What holds the rows in memory."""

    def parse(self, document: dict[str, Any]) -> tuple[str, int, Any]:
        """Key, revision and prepared row; ValueError for a row that cannot be used."""
        ...

    def apply(self, changed: Mapping[str, Any], removed: Iterable[str]) -> None:
        """Take over."""
        ...

    def keys(self) -> set[str]:
        """What is held."""
        ...

    def revision_of(self, key: str) -> int:
        """The revision of a row held, 0 for none."""
        ...

    def documents(self) -> list[dict[str, Any]]:
        """Every row as it came."""
        ...


class Follower:
    """Keeps one store equal to one table. `name` is the feed's in metrics, logs and on disk; `table` tells its file from another's."""

    def __init__(
        self,
        name: str,
        table: str,
        source: Source,
        store: Store,
        *,
        state: StateDirectory,
        executor: Executor,
        metrics: Metrics,
        log: Log,
        idle_seconds: float = 1.0,
        busy_seconds: float = 0.2,
        busy: Callable[[], bool] = lambda: False,
        most_rows: int = 10_000,
        alarm: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name, self.revision, self.loaded = name, 0, False
        self._table, self._source, self._store = table, source, store
        self._state, self._executor, self._metrics, self._log = state, executor, metrics, log
        self._idle, self._busy_seconds, self._busy = idle_seconds, busy_seconds, busy
        self._doubts, self._alarm, self._clock = Doubts(most_rows), alarm, clock
        self._errors = 0
        self._hot_until = 0.0
        self._reminded: tuple[str, float] = ("", 0.0)
        self._wake = asyncio.Event()

    def restore(self) -> bool:
        """Load the table kept on disk; whether there was one."""
        content = self._state.load(self.name)
        if content is None or content.get("table") != self._table or not isinstance(content.get("rows"), list):
            return False
        changed: dict[str, Any] = {}
        for document in content["rows"]:
            self._admit(document, changed, force=True)
        self._store.apply(changed, ())
        self.revision, self.loaded = int(content.get("revision", 0)), True
        self._metrics.feed_revision.labels(self.name).set(self.revision)
        return True

    def hurry(self, seconds: float = _HOT_SECONDS) -> None:
        """Follow closely for a while: something of ours is about to change the table."""
        self._hot_until = max(self._hot_until, self._clock() + seconds)
        self._wake.set()

    async def run(self) -> None:
        """Follow for ever."""
        while True:
            try:
                if await self.step():
                    await self._save()
                self._errors = 0
            except SourceUnavailable as error:
                self._note_failure(error)
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), self.delay())

    def delay(self) -> float:
        """Seconds until the next look."""
        if self._errors:
            return random.uniform(0.5, 1.0) * min(_MAX_BACK_OFF, self._idle * 2.0**self._errors)  # noqa: S311 - jitter
        return self._busy_seconds if self._busy() or self._clock() < self._hot_until else self._idle

    async def step(self) -> bool:
        """Look once; whether anything was applied."""
        try:
            head: int = await self._read(self._source.head)
        except (ValueError, KeyError, TypeError, AttributeError):
            return self._refuse("unreadable-head", read=None)
        doubt = self._doubts.about_head(self.revision, head, loaded=self.loaded)
        if doubt is not None:
            return self._refuse(doubt, read=head) or (self._doubts.persist() and await self._believe(head))
        changed = not self.loaded or head > self.revision
        if changed:
            changes = await self._differences(head) if self.loaded else None
            if changes is not None:
                self._apply(await self._resolved(changes), force=False)
            elif not await self._read_everything(head):
                return False
            self._advance(head)
        self._doubts.calm()
        self._metrics.feed_synchronised.labels(self.name).set_to_current_time()
        return changed

    async def _differences(self, head: int) -> list[Change] | None:
        """The changes between what is held and `head`; None when a full read is needed."""
        if head - self.revision > MAX_DIFFERENCES:
            return None
        changes: list[Change] = await self._read(self._source.changes, self.revision, head)
        complete = [change.revision for change in changes] == list(range(self.revision + 1, head + 1))
        return changes if complete else None

    async def _resolved(self, changes: list[Change]) -> list[Entry]:
        newest = {change.key: change for change in changes if change.key}
        entries = []
        for key, change in newest.items():
            found = await self._read(self._source.entry, key) if change.reread else Entry(key, change.document)
            entries.append(found or Entry(key, None))
        gone = {key for key, change in newest.items() if not change.reread and change.document is None}
        gone |= {entry.key for entry in entries if entry.document is None and newest[entry.key].reread}
        self._store.apply({}, gone & self._store.keys())
        return [entry for entry in entries if entry.key not in gone]

    async def _read_everything(self, head: int, *, force: bool = False) -> bool:
        """Read every row; False if the table as a whole is refused."""
        self._metrics.feed_full_reads.labels(self.name).inc()
        entries: list[Entry] = await self._read(self._source.entries)
        held, read = self._store.keys(), {entry.key for entry in entries}
        doubt = None if force else self._doubts.about_rows(len(held), len(held & read), len(read))
        if doubt is not None:
            self._refuse(doubt, read=head)
            if not self._doubts.persist():
                return False
        self._apply(entries, force=force, removed=held - read)
        self._log.info("table read in full", feed=self.name, revision=head, rows=len(entries))
        return True

    def _apply(self, entries: Iterable[Entry], *, force: bool, removed: Iterable[str] = ()) -> None:
        changed: dict[str, Any] = {}
        for entry in entries:
            self._admit(entry.document, changed, force=force, key=entry.key)
        self._store.apply(changed, removed)

    def _admit(self, document: dict[str, Any] | None, changed: dict[str, Any], *, force: bool, key: str = "") -> None:
        try:
            name, revision, row = self._store.parse(document or {})
            if key and name != key:
                raise ValueError("the row's key and its document name different things")  # noqa: TRY301 - refused like any other
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            self._metrics.feed_poison.labels(self.name).inc()
            self._alarm()
            self._log.warning("row refused, the one held before stays", feed=self.name, key=key, reason=type(error).__name__)
            return
        if force or revision >= self._store.revision_of(name):
            changed[name] = row

    async def _believe(self, head: int) -> bool:
        """Take the table as it is, older rows and all: what is held came from the disk, and may be of a former life of the table."""
        await self._read_everything(head, force=True)
        self._doubts.calm()
        self._advance(head)
        return True

    def _refuse(self, reason: str, read: int | None) -> bool:
        """Keep what is held, count the refusal and tell of it, once a minute while it lasts; False."""
        self._metrics.feed_refused.labels(self.name, reason).inc()
        told, at = self._reminded
        if told != reason or self._clock() - at >= _REMIND_SECONDS:
            self._reminded = (reason, self._clock())
            self._alarm()
            self._log.warning("table refused, the one held stays", feed=self.name, reason=reason, held=self.revision, read=read)
        return False

    def _advance(self, head: int) -> None:
        self.revision, self.loaded = head, True
        self._hot_until = max(self._hot_until, self._clock() + _HOT_SECONDS)
        self._metrics.feed_revision.labels(self.name).set(head)

    async def _read(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._executor, function, *arguments)

    async def _save(self) -> None:
        content = {"table": self._table, "revision": self.revision, "rows": self._store.documents()}
        try:
            await self._read(self._state.save, self.name, content)
        except OSError as error:
            self._log.warning("table not kept on disk", feed=self.name, reason=error.strerror or type(error).__name__)

    def _note_failure(self, error: Exception) -> None:
        self._errors = min(self._errors + 1, 10)
        self._metrics.feed_errors.labels(self.name).inc()
        if self._errors in {1, 5, 10}:
            self._log.warning("table cannot be read, serving what is held", feed=self.name, reason=str(error), times=self._errors)
