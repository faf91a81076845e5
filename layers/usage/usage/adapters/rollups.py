"""Sums by day in usage's table: a partition a day, in it a row for each caller, group, model and version, and one for its copies.

A batch is one transaction: its mark, which must not be there yet, and its rows, each as it was read. Two routers that write to the same
rows at once overtake one another; whoever is overtaken reads again. DynamoDB's transactions take 100 rows, a batch has 90 at most.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from kit.clock import Clock, iso, parse
from kit.row import known
from kit.table import ConditionFailed, Row, Table, Transaction
from usage.domain.hosts import Ran, Standing
from usage.domain.rollup import Used
from usage.ports import Taken

_USED, _HOST, _MODEL, _COPIES = "USED#", "HOST#", "MODEL#", "COPIES"
_MARK_DAYS = 30
_AT_ONCE = 90


class RollupTable:
    """`ports.Rollups`. `retention_days`: how long sums are kept after they were written last; 0 = for ever."""

    def __init__(self, table: Table, clock: Clock, retention_days: int = 0) -> None:
        self._table, self._clock, self._retention_days = table, clock, retention_days

    def add(self, batch_id: str, rows: Sequence[Used]) -> None:
        """See `ports.Rollups`."""
        if self._table.get(f"BATCH#{batch_id}", "BATCH") is not None:
            raise Taken
        transaction = Transaction().insert("batch", f"BATCH#{batch_id}", "BATCH", {"rows": len(rows)}, expires_at=self._after(_MARK_DAYS))
        for number, used in enumerate(rows):
            sk = _USED + "#".join(used.place)
            held = self._table.get(_day(used.day), sk)
            whole = _used(held).plus(used) if held else used
            self._write(transaction, f"row {number}", _day(used.day), sk, asdict(whole), held)
        try:
            self._table.commit(transaction)
        except ConditionFailed as error:
            if "batch" in error.labels:
                raise Taken from error
            raise

    def used(self, day: str) -> Iterator[Used]:
        """See `ports.Rollups`."""
        return (_used(row) for row in self._table.query(_day(day), prefix=_USED))

    def hosts(self, day: str) -> Iterator[Ran]:
        """See `ports.Rollups`."""
        return (_ran(row) for row in self._table.query(_day(day), prefix=_HOST))

    def standings(self) -> Iterator[tuple[str, Standing]]:
        """See `ports.Rollups`."""
        return ((row.sk.removeprefix(_MODEL), _standing(row)) for row in self._table.query(_COPIES, prefix=_MODEL))

    def stand(self, model_id: str, standing: Standing, reckon: Callable[[Standing], list[Ran]]) -> None:
        """See `ports.Rollups`. What ran for more days than a transaction takes is written in several, each moving `since` on."""
        held = self._table.get(_COPIES, _MODEL + model_id)
        before = _standing(held) if held else None
        if before is not None and standing.since <= before.since:
            return
        parts = reckon(before) if before else []
        if before is not None and len(parts) > _AT_ONCE:
            day = parts[_AT_ONCE].day
            self._write_standing(model_id, _later(before, day), [part for part in parts if part.day < day], held)
            self.stand(model_id, standing, reckon)
            return
        self._write_standing(model_id, standing, parts, held)

    def _write_standing(self, model_id: str, standing: Standing, parts: Sequence[Ran], held: Row | None) -> None:
        transaction = Transaction()
        document = {"since": iso(standing.since), "copies": dict(standing.copies), "hourly": standing.hourly}
        self._write(transaction, "copies", _COPIES, _MODEL + model_id, document, held, lasting=True)
        for part in parts:
            sk = f"{_HOST}{part.model_id}#{part.version}"
            there = self._table.get(_day(part.day), sk)
            whole = _ran(there).plus(part) if there else part
            self._write(transaction, f"{part.day} {part.version}", _day(part.day), sk, asdict(whole), there)
        self._table.commit(transaction)

    def _write(
        self,
        transaction: Transaction,
        label: str,
        pk: str,
        sk: str,
        document: Mapping[str, Any],
        held: Row | None,
        *,
        lasting: bool = False,
    ) -> None:
        expires_at = self._after(self._retention_days) if self._retention_days and not lasting else None
        if held is None:
            transaction.insert(label, pk, sk, document, revision=1, expires_at=expires_at)
            return
        revision = int(held.attributes["revision"])
        transaction.replace(label, pk, sk, document, when={"revision": revision}, revision=revision + 1, expires_at=expires_at)

    def _after(self, days: int) -> int:
        return int((self._clock.now() + timedelta(days=days)).timestamp())


def _used(row: Row) -> Used:
    return Used(**known(Used, row.document))


def _ran(row: Row) -> Ran:
    return Ran(**known(Ran, row.document))


def _later(standing: Standing, day: str) -> Standing:
    return Standing(datetime.fromisoformat(f"{day}T00:00:00+00:00"), standing.copies, standing.hourly)


def _standing(row: Row) -> Standing:
    return Standing(parse(row.document["since"]), row.document["copies"], row.document["hourly"])


def _day(day: str) -> str:
    return f"DAY#{day}"
