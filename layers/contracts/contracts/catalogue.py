"""Every event there is, by detail type."""

from contracts import access, limits, registry, routing, serving, usage
from contracts.common import EventContract

EVENTS: dict[str, type[EventContract]] = {
    event.event_type(): event for module in (registry, serving, routing, access, limits, usage) for event in module.EVENTS
}
"""Detail type → contract."""
