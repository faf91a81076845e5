"""What operators see of this router: lines of the log in the embedded metric format, which become metrics without a call.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html: at most 100 values a
metric and line. A line goes out when that many requests have ended, and each minute in which one has: percentiles are of all requests,
and a router at rest tells nothing. Models are in the request lines, not here: each value of a dimension would be a metric of its own.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

from router.log import Log

NAMESPACE: Final = "Slipway"
SERVICE: Final = "router"
UNITS: Final = {
    "Requests": "Count",
    "RequestsFailed": "Count",
    "RequestSeconds": "Seconds",
    "FirstTokenSeconds": "Seconds",
    "TableRefusals": "Count",
    "UsageRecordsLost": "Count",
    "UsageNotSent": "Count",
    "LeasesNotHad": "Count",
}
_MOST_VALUES: Final = 100


class Pulse:
    """Requests that were sent on to a target, or should have been, since the last line. On the event loop's thread."""

    def __init__(self, log: Log, environment: str, *, seconds: float = 60.0, clock: Callable[[], float] = time.time) -> None:
        self._log, self._environment, self._seconds, self._clock = log, environment, seconds, clock
        self._failed = 0
        self._durations: list[float] = []
        self._first_tokens: list[float] = []

    def saw(self, seconds: float, *, first_token_seconds: float | None, failed: bool) -> None:
        """One has ended `seconds` after it was sent on; `failed` by our fault or its target's. Time to first token of streams alone."""
        self._failed += failed
        self._durations.append(round(seconds, 6))
        if first_token_seconds is not None:
            self._first_tokens.append(round(first_token_seconds, 6))
        if len(self._durations) >= _MOST_VALUES:
            self.tell()

    def tell(self) -> None:
        """Write what there is; nothing if nothing has ended."""
        if not self._durations:
            return
        told: dict[str, Any] = {"Requests": len(self._durations), "RequestsFailed": self._failed, "RequestSeconds": self._durations}
        if self._first_tokens:
            told["FirstTokenSeconds"] = self._first_tokens
        self._failed, self._durations, self._first_tokens = 0, [], []
        self._write(told)

    def refused(self) -> None:
        """A table, or a row of one, was refused: said at once, for somebody has to look."""
        self._write({"TableRefusals": 1})

    def lost(self, records: int) -> None:
        """Records of usage are lost: said at once, for nobody will be able to say what they were."""
        self._write({"UsageRecordsLost": records})

    def kept(self, batches: int) -> None:
        """The queue takes no usage; so many batches wait on disk."""
        self._write({"UsageNotSent": batches})

    def unleased(self) -> None:
        """The spend table cannot be used, so that limits hold by what is held here; at most once a second."""
        self._write({"LeasesNotHad": 1})

    def _write(self, told: dict[str, Any]) -> None:
        directive = {
            "Namespace": NAMESPACE,
            "Dimensions": [["environment", "service"]],
            "Metrics": [{"Name": name, "Unit": UNITS[name]} for name in told],
        }
        about = {"Timestamp": round(self._clock() * 1000), "CloudWatchMetrics": [directive]}
        self._log.info("pulse", **{"_aws": about, "environment": self._environment, "service": SERVICE, **told})

    async def run(self) -> None:
        """Tell once a minute, for ever."""
        while True:
            await asyncio.sleep(self._seconds)
            self.tell()
