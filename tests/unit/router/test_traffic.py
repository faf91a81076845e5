"""What is counted with every request, as Prometheus reads it."""

from prometheus_client.parser import text_string_to_metric_families

from router.metrics import Metrics


def _samples(metrics: Metrics) -> dict[tuple[str, ...], float]:
    families = text_string_to_metric_families(metrics.text().decode())
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def test_requests_are_counted_by_outcome_and_their_times_by_bucket() -> None:
    """Buckets hold what is in those below them, as scrapers expect."""
    metrics = Metrics()
    metrics.traffic.begun("m")
    metrics.traffic.begun("m")
    metrics.traffic.answered("m", "1.0.0", 200, 0.005, 0.004)
    metrics.traffic.answered("m", "1.0.0", 200, 400.0, None)
    metrics.traffic.answered("m", "1.0.0", 502, 0.2, None)
    metrics.traffic.answered("", "", 404, 0.1, None)
    metrics.traffic.ended("m")
    found = _samples(metrics)
    assert found["slipway_router_requests_total", "m", "200", "1.0.0"] == 2.0
    assert found["slipway_router_requests_total", "", "404", ""] == 1.0
    assert found["slipway_router_request_duration_seconds_bucket", "0.005", "m", "ok"] == 1.0
    assert found["slipway_router_request_duration_seconds_bucket", "300.0", "m", "ok"] == 1.0
    assert found["slipway_router_request_duration_seconds_bucket", "+Inf", "m", "ok"] == 2.0
    assert found["slipway_router_request_duration_seconds_count", "m", "ok"] == 2.0
    assert found["slipway_router_request_duration_seconds_sum", "m", "ok"] == 400.005
    assert found["slipway_router_request_duration_seconds_count", "m", "failed"] == 1.0
    assert found["slipway_router_first_byte_seconds_count", "m"] == 1.0
    assert found["slipway_router_in_flight", "m"] == 1.0
