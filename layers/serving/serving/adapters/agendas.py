"""The row `SCHEDULE` in a model's partition: what was done about its schedule."""

from dataclasses import asdict, replace

from kit.row import known
from kit.table import Table, Transaction
from serving.domain.agenda import Agenda

_SCHEDULE = "SCHEDULE"


class TableAgendas:
    """`ports.Agendas` on serving's table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def read(self, model_id: str) -> Agenda | None:
        """See `ports.Agendas`."""
        row = self._table.get(_partition(model_id), _SCHEDULE)
        return Agenda(**known(Agenda, row.document)) if row else None

    def keep(self, before: Agenda | None, after: Agenda) -> Agenda:
        """See `ports.Agendas`."""
        written = replace(after, edition=before.edition + 1 if before else 1)
        where = _partition(after.model_id), _SCHEDULE
        if before is None:
            self._table.commit(Transaction().insert("agenda", *where, asdict(written), edition=written.edition))
        else:
            when = {"edition": before.edition}
            self._table.commit(Transaction().replace("agenda", *where, asdict(written), when=when, edition=written.edition))
        return written

    def drop(self, known: Agenda) -> None:
        """See `ports.Agendas`."""
        transaction = Transaction().delete("agenda", _partition(known.model_id), _SCHEDULE, when={"edition": known.edition})
        self._table.commit(transaction)


def _partition(model_id: str) -> str:
    return f"MODEL#{model_id}"
