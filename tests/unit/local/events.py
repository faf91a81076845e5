"""Envelopes as the bus delivers them."""

from typing import Any


def envelope(kind: str, data: dict[str, Any]) -> dict[str, Any]:
    """An event of a type, with a cause."""
    metadata = {"id": "01EVENT", "occurred_at": "2026-01-01T00:00:00.000Z", "causation_id": "01CAUSE"}
    return {"detail-type": kind, "source": "slipway.serving", "detail": {"metadata": metadata, "data": data}}
