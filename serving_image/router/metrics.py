"""What the router counts, in Prometheus' form."""

from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from router.traffic import NAMESPACE, Traffic


class Metrics:
    """One registry per router, so that tests can hold several."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        made: Any = {"registry": self.registry, "namespace": NAMESPACE}
        self.traffic = Traffic()
        self.registry.register(self.traffic)
        self.live = Gauge("live", "Live streams of timelines and operations.", **made)
        self.held = Gauge("held", "Of these, held until their model answers.", ["model"], **made)
        self.limited = Counter(
            "limited",
            "Requests refused with 429, by whose limit it was (token, group, model; room: the model's requests at a time) and of what.",
            ["model", "scope", "period"],
            **made,
        )
        self.leases = Counter("leases", "Writes of leases of limits and budgets.", **made)
        self.lease_failures = Counter(
            "lease_failures", "Times the spend table could not be used, or not in time for a request that went on without.", **made
        )
        self.wakes = Counter("wakes", "Times a sleeping model's waking was asked for.", ["model"], **made)
        self.retries = Counter("retries", "Requests sent again to another target before their first byte.", ["model"], **made)
        self.fallbacks = Counter("fallbacks", "Requests that another model answered.", ["model", "answered_by"], **made)
        self.ejections = Counter("ejections", "Targets taken out for a cooldown.", ["model"], **made)
        self.tokens = Counter("tokens", "Tokens of answered requests.", ["model", "kind"], **made)
        self.usage_batches = Counter("usage_batches", "Batches of usage, sent to the queue or refused by it.", ["outcome"], **made)
        self.usage_lost = Counter("usage_records_lost", "Records of usage that the disk did not take.", **made)
        self.spool_batches = Gauge("usage_spool_batches", "Batches of usage that wait to be sent.", **made)
        self.spool_bytes = Gauge("usage_spool_bytes", "Size of these.", **made)
        self.spans = Counter("spans", "Spans of traces, sent to the collector or lost on the way.", ["outcome"], **made)
        self.cut = Counter("streams_cut", "Requests ended because their token was revoked.", **made)
        self.feed_revision = Gauge("feed_revision", "Revision of the table held.", ["feed"], **made)
        self.feed_errors = Counter("feed_errors", "Reads of a feed that failed.", ["feed"], **made)
        self.feed_full_reads = Counter("feed_full_reads", "Times a whole table was read.", ["feed"], **made)
        self.feed_poison = Counter("feed_poison_rows", "Rows refused; the row held before stays.", ["feed"], **made)
        self.feed_refused = Counter("feed_refused", "Looks at a table that cannot be right.", ["feed", "reason"], **made)
        self.feed_synchronised = Gauge(
            "feed_synchronised_timestamp_seconds", "When the feed was last known to be current.", ["feed"], **made
        )
        self.events = Counter("events", "Events put on the bus.", ["outcome"], **made)

    def text(self) -> bytes:
        """The exposition format."""
        return generate_latest(self.registry)
