"""The row `LOAD` in a model's partition: what is known of its traffic."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from kit.clock import Clock
from kit.table import Table, Transaction
from serving.domain.scaling import History, Load, Step, Wish
from serving.domain.traffic import Traffic

LOAD = "LOAD"
_LIFETIME = timedelta(days=8)  # longer than a model may idle before it sleeps


class TableTraffic:
    """`ports.Traffics` on serving's table."""

    def __init__(self, table: Table, clock: Clock) -> None:
        self._table, self._clock = table, clock

    def read(self, model_id: str) -> Traffic | None:
        """See `ports.Traffics`."""
        row = self._table.get(_partition(model_id), LOAD)
        return traffic(row.document) if row else None

    def keep(self, known: Traffic) -> None:
        """See `ports.Traffics`."""
        self._table.commit(write(Transaction(), known, self._clock))


def write(transaction: Transaction, known: Traffic, clock: Clock) -> Transaction:
    """Add the row to `transaction`: it may happen if the row is still of the edition before."""
    where = _partition(known.model_id), LOAD
    plain: dict[str, Any] = {"edition": known.edition, "expires_at": int((clock.now() + _LIFETIME).timestamp())}
    if known.edition == 1:
        return transaction.insert("traffic", *where, asdict(known), **plain)
    return transaction.replace("traffic", *where, asdict(known), when={"edition": known.edition - 1}, **plain)


def traffic(document: Mapping[str, Any]) -> Traffic:
    """What is known of a model's traffic, from its row's document."""
    history = document["history"]
    return Traffic(
        **{
            **document,
            "loads": tuple(Load(**one) for one in document["loads"]),
            "history": History(
                since=history["since"],
                wishes=tuple(Wish(**one) for one in history["wishes"]),
                steps=tuple(Step(**one) for one in history["steps"]),
            ),
        }
    )


def _partition(model_id: str) -> str:
    return f"MODEL#{model_id}"
