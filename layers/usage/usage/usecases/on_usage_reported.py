"""A router has sent sums of what was used: they are added up, once, and told."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from kit.clock import iso
from kit.envelope import Envelope, Metadata
from kit.errors import Broken
from kit.ids import derived, moment_of
from kit.patience import Patience
from usage.domain.rollup import TOLD, Used
from usage.ports import Announcer, Rollups, Taken


class OnUsageReported:
    """Each batch once, however often it is delivered. Its events are told each time, under the same ids: who hears them twice knows it."""

    def __init__(self, rollups: Rollups, announcer: Announcer, environment: str, patience: Patience) -> None:
        self._rollups, self._announcer, self._environment, self._patience = rollups, announcer, environment, patience

    def __call__(self, batch_id: str, router_id: str, rows: Sequence[Used]) -> bool:
        """Answers whether it was new."""
        try:
            self._patience.persist(lambda: self._rollups.add(batch_id, rows))
            new = True
        except Taken:
            new = False
        self._announcer.publish(self._told(batch_id, router_id, rows))
        return new

    def _told(self, batch_id: str, router_id: str, rows: Sequence[Used]) -> list[Envelope]:
        moment = moment_of(batch_id.partition("-")[0])
        if moment is None:
            raise Broken("batch-malformed", f"{batch_id} is no batch of ours", "Only routers write to the queue.")
        sums: dict[tuple[str, str, str], Used] = {}
        for row in rows:
            key = row.day, row.model_id, row.version
            sums[key] = sums[key].plus(row) if key in sums else replace(row, subject="", group="")
        return [self._envelope(batch_id, router_id, moment, used) for used in sums.values()]

    def _envelope(self, batch_id: str, router_id: str, moment: datetime, used: Used) -> Envelope:
        data = {
            "model_id": used.model_id,
            "version": used.version,
            "day": used.day,
            "router_id": router_id,
            "usage": {name: getattr(used, name) for name in TOLD},
        }
        metadata = Metadata(
            id=derived(moment, f"{batch_id}/{used.day}/{used.model_id}/{used.version}"),
            version="1.0",
            occurred_at=iso(moment),
            producer="usage",
            environment=self._environment,
            correlation_id=batch_id,
            causation_id=None,
            actor=f"router/{router_id}",
        )
        return Envelope("UsageRecorded", metadata, data)
