"""What it brings to send a conversation where its beginning is in the cache, measured on the traffic itself.

One anonymous conversation in `CONTROL_OF` is sent to the less loaded of two, as if nobody knew that it was one. What engines tell of cached
prompt tokens, and how soon answers begin, is kept apart for these and for the others; the difference is the gain, shown on /metrics.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from router.choosing.seats import CONTROL, HOME, WAYS, Standing

_NAME: Final = "slipway_router_conversation"
_LABELS: Final = ("model", "way")


class GainMetrics(Collector):
    """A collector for Prometheus: reads what is known of models when somebody asks, so that a request only counts."""

    def __init__(self, standings: Callable[[], Mapping[str, Standing]]) -> None:
        self._standings = standings

    def collect(self) -> Iterable[Metric]:
        """Prometheus'."""
        requests = CounterMetricFamily(f"{_NAME}_requests", "Requests of conversations, by where they went.", labels=_LABELS)
        prompt = CounterMetricFamily(f"{_NAME}_prompt_tokens", "Prompt tokens of these.", labels=_LABELS)
        cached = CounterMetricFamily(f"{_NAME}_cached_tokens", "Of these, found in the engine's cache.", labels=_LABELS)
        begun = CounterMetricFamily(f"{_NAME}_streams", "Streams among these that began.", labels=_LABELS)
        seconds = CounterMetricFamily(f"{_NAME}_first_byte_seconds", "Their times to the first byte, added up.", labels=_LABELS)
        gain = GaugeMetricFamily("slipway_router_affinity_gain", "Cached share of prompts: home less control.", labels=["model"])
        for model_id, standing in list(self._standings().items()):
            for way, name in WAYS.items():
                for family, value in zip((requests, prompt, cached, begun, seconds), standing.learned[way].sums(), strict=True):
                    family.add_metric((model_id, name), value)
            difference = gain_of(standing)
            if difference is not None:
                gain.add_metric((model_id,), difference)
        return requests, prompt, cached, begun, seconds, gain


def gain_of(standing: Standing) -> float | None:
    """The share of prompt tokens that came from the cache at home, less that of the control group; None before both have had some."""
    home, control = standing.learned[HOME], standing.learned[CONTROL]
    if not home.prompt or not control.prompt:
        return None
    return home.cached / home.prompt - control.cached / control.prompt
