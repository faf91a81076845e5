"""What is counted with every request, in plain numbers on the event loop's thread.

prometheus_client's own counters, each with its lock and its look-up of labels, would be a tenth of all that a request costs.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from typing import Any, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from router.statuses import BAD_REQUEST, CLIENT_GONE, SERVER_ERROR

NAMESPACE: Final = "slipway_router"
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
_BOUNDS: Final = (*map(str, _SECONDS), "+Inf")


class _Times:
    """How often something took so long: `counts` of each bucket by itself, `total` seconds."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * len(_BOUNDS)
        self.total = 0.0

    def took(self, seconds: float) -> None:
        self.counts[bisect_left(_SECONDS, seconds)] += 1
        self.total += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """As Prometheus has them: each with what is in those below it."""
        reached, found = 0, []
        for bound, count in zip(_BOUNDS, self.counts, strict=True):
            reached += count
            found.append((bound, float(reached)))
        return found


class Traffic(Collector):
    """Requests by model, version and status; how long they took, by model and outcome; how many are under way."""

    def __init__(self) -> None:
        self._requests: dict[tuple[str, str, int], int] = {}
        self._durations: dict[tuple[str, ...], _Times] = {}
        self._first_bytes: dict[tuple[str, ...], _Times] = {}
        self._in_flight: dict[str, int] = {}

    def begun(self, model: str) -> None:
        """A request for the model is under way."""
        self._in_flight[model] = self._in_flight.get(model, 0) + 1

    def ended(self, model: str) -> None:
        """It is no longer."""
        self._in_flight[model] -= 1

    def answered(self, model: str, version: str, status: int, seconds: float, first_byte: float | None) -> None:
        """A request has been answered (`model` empty: it named none that there is), `seconds` after it came, its first byte before that."""
        key = (model, version, status)
        self._requests[key] = self._requests.get(key, 0) + 1
        if not model:
            return
        outcome = "ok" if status < BAD_REQUEST else "left" if status == CLIENT_GONE else "refused" if status < SERVER_ERROR else "failed"
        times = self._durations.get((model, outcome))
        if times is None:
            times = self._durations[model, outcome] = _Times()
        times.took(seconds)
        if first_byte is not None:
            times = self._first_bytes.get((model,))
            if times is None:
                times = self._first_bytes[model,] = _Times()
            times.took(first_byte)

    def collect(self) -> Iterator[Any]:
        """prometheus_client's."""
        requests = CounterMetricFamily(f"{NAMESPACE}_requests", "Requests answered.", labels=["model", "version", "status"])
        for (model, version, status), count in self._requests.items():
            requests.add_metric([model, version, str(status)], count)
        yield requests
        said = "From the request's arrival to its last byte, by what became of it."
        yield _histogram("request_duration_seconds", said, ["model", "outcome"], self._durations)
        yield _histogram("first_byte_seconds", "From the request's arrival to the answer's first byte.", ["model"], self._first_bytes)
        in_flight = GaugeMetricFamily(f"{NAMESPACE}_in_flight", "Requests under way.", labels=["model"])
        for model, count in self._in_flight.items():
            in_flight.add_metric([model], count)
        yield in_flight


def _histogram(name: str, said: str, labels: list[str], held: Mapping[tuple[str, ...], _Times]) -> HistogramMetricFamily:
    family = HistogramMetricFamily(f"{NAMESPACE}_{name}", said, labels=labels)
    for values, times in held.items():
        family.add_metric(list(values), times.buckets(), times.total)
    return family
