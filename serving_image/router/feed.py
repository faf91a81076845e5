"""Following a table: its HEAD tells how far it is, its ledger what changed, its rows how everything stands.

Reads are strongly consistent and happen in a thread of their own; what they bring is applied on the event loop's thread. A row that cannot
be used is refused and the one held before stays. When reads fail, everything held goes on being served.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Protocol

from router.log import Log
from router.metrics import Metrics
from router.state import StateDirectory

MAX_DIFFERENCES = 500
_REGRESSIONS_BELIEVED = 3
_MAX_BACK_OFF = 15.0
_HOT_SECONDS = 5.0


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
    ) -> None:
        self.name, self.revision, self.loaded = name, 0, False
        self._table, self._source, self._store = table, source, store
        self._state, self._executor, self._metrics, self._log = state, executor, metrics, log
        self._idle, self._busy_seconds, self._busy = idle_seconds, busy_seconds, busy
        self._regressions = self._errors = 0
        self._hot_until = 0.0
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
        self._hot_until = max(self._hot_until, time.monotonic() + seconds)
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
        return self._busy_seconds if self._busy() or time.monotonic() < self._hot_until else self._idle

    async def step(self) -> bool:
        """Look once; whether anything was applied."""
        head = await self._read(self._source.head)
        if head < self.revision:
            return await self._went_back(head)
        self._regressions = 0
        changed = not self.loaded or head > self.revision
        if changed:
            changes = await self._differences(head) if self.loaded else None
            if changes is None:
                await self._read_everything(head)
            else:
                self._apply(await self._resolved(changes), force=False)
            self._advance(head)
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

    async def _read_everything(self, head: int, *, force: bool = False) -> None:
        self._metrics.feed_full_reads.labels(self.name).inc()
        entries: list[Entry] = await self._read(self._source.entries)
        self._apply(entries, force=force, removed=self._store.keys() - {entry.key for entry in entries})
        self._log.info("table read in full", feed=self.name, revision=head, rows=len(entries))

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
            self._log.warning("row refused, the one held before stays", feed=self.name, key=key, reason=type(error).__name__)
            return
        if force or revision >= self._store.revision_of(name):
            changed[name] = row

    async def _went_back(self, head: int) -> bool:
        """An older HEAD is not believed until it has been seen several times: then the table itself was restored or made anew."""
        self._regressions += 1
        self._log.warning("table's revision went back", feed=self.name, held=self.revision, read=head, times=self._regressions)
        if self._regressions < _REGRESSIONS_BELIEVED:
            return False
        await self._read_everything(head, force=True)
        self._regressions = 0
        self._advance(head)
        return True

    def _advance(self, head: int) -> None:
        self.revision, self.loaded = head, True
        self._hot_until = max(self._hot_until, time.monotonic() + _HOT_SECONDS)
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
