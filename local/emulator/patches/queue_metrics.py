"""Queues have their metrics, and an alarm looks at the metric of its own dimensions.

Stock: SQS measures nothing, so that no alarm on a queue ever rings, and an alarm takes every metric of its name, whosever it is.
Points come each minute, as on AWS, and at once when a queue gets its first message or loses its last: nobody here wants to wait.
"""

import contextvars
import logging
import threading
import time
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import cloudwatch, sqs

from local.emulator.pin import rewrite

JSON = dict[str, Any]
log = logging.getLogger("slipway.queue_metrics")
LOOK_SECONDS, REPEAT_SECONDS = 1.0, 60.0
POINTS_KEPT = 500
ANY_DIMENSIONS = """    for (k_ns, k_mn, _), pts in _metrics.items():
        if k_ns == ns and k_mn == mn:
"""
ITS_DIMENSIONS = """    wanted = _dims_key(_dims_from_list(alarm.get("Dimensions") or []))
    for (k_ns, k_mn, k_dims), pts in _metrics.items():
        if k_ns == ns and k_mn == mn and k_dims == wanted:
"""


class Meter:
    """Measures every queue, and tells CloudWatch what is new or a minute old."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str, str, str], tuple[float, float]] = {}

    def run(self) -> None:
        """Measure for ever."""
        while True:
            time.sleep(LOOK_SECONDS)
            try:
                self.measure(time.time())
            except Exception:
                log.exception("queues were not measured")

    def measure(self, now: float) -> None:
        """One round over all queues; `now` in seconds since 1970."""
        for (account, region, url), queue in list(sqs._queues._data.items()):
            with request_scope(account, region):
                fresh = [self._tell((account, region, url, name), value, now) for name, value in measured(queue, now).items()]
                if any(fresh):
                    cloudwatch._evaluate_all_alarms()

    def _tell(self, key: tuple[str, str, str, str], value: float, now: float) -> bool:
        before, at = self._told.get(key, (None, 0.0))
        if (value == 0.0) == (before == 0.0) and now - at < REPEAT_SECONDS:
            return False
        self._told[key] = (value, now)
        dimensions = {"QueueName": key[2].rsplit("/", 1)[-1]}
        unit = "Seconds" if "Age" in key[3] else "Count"
        cloudwatch.record_metric("AWS/SQS", key[3], value, unit, dimensions)
        points = cloudwatch._metric_bucket(("AWS/SQS", key[3], cloudwatch._dims_key(dimensions)))
        del points[:-POINTS_KEPT]
        return True


def measured(queue: JSON, now: float) -> dict[str, float]:
    """What CloudWatch would be told of a queue: messages that can be received, and the age of the oldest in seconds."""
    messages = list(queue["messages"])
    visible = sum(message["visible_at"] <= now for message in messages)
    oldest = max((now - message["sent_at"] for message in messages), default=0.0)
    return {"ApproximateNumberOfMessagesVisible": float(visible), "ApproximateAgeOfOldestMessage": float(int(oldest))}


def apply() -> None:
    """Correct the alarms, and start measuring."""
    rewrite(cloudwatch, "_evaluate_alarm", (ANY_DIMENSIONS, ITS_DIMENSIONS))
    threading.Thread(target=contextvars.Context().run, args=(Meter().run,), daemon=True, name="queue-metrics").start()
