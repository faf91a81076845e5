"""A crossing of a budget as the fact that is recorded with the write that crossed it."""

from datetime import UTC, datetime
from typing import Any

from contracts.limits import BudgetThresholdCrossed
from contracts.spending import Crossing, dollars, ledger_key
from router.idents import iso, metadata
from router.limits.purse import Purse
from router.limits.spend_table import Told

_PRODUCER = "access"


def told(purse: Purse, crossing: Crossing, *, environment: str, router_id: str) -> Told:
    """The ledger row of `BudgetThresholdCrossed`, in the form of `kit.ledger`."""
    shown = dollars if crossing.unit == "usd" else float
    data: dict[str, Any] = {
        "kind": purse.kind,
        "subject_id": purse.subject_id,
        "period": purse.window.period,
        "starts_at": iso(datetime.fromtimestamp(purse.window.starts, UTC)),
        "ends_at": iso(datetime.fromtimestamp(purse.window.ends, UTC)),
        "unit": crossing.unit,
        "threshold": crossing.threshold,
        "budget": shown(crossing.budget),
        "spent": shown(crossing.spent),
    }
    event = BudgetThresholdCrossed.validate_document(data)
    correlation = f"spend:{purse.kind}/{purse.subject_id}"
    about = metadata(event.contract_version, producer=_PRODUCER, environment=environment, correlation_id=correlation, router_id=router_id)
    change: dict[str, Any] = {"before": None, "after": None, "revision": 0}
    document = {"event_type": event.event_type(), "metadata": about, "data": event.document()} | change
    return Told(ledger_key(purse.window, crossing), about["id"], document)
