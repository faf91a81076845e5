"""What people ask of the data plane at the management API: how a model's traffic is shared, and what was used."""

from datetime import UTC, datetime, timedelta

from tests.e2e.platform import Started, eventually

MODEL = "smollm2-135m"


def test_traffic_is_shared_shown_and_left_to_the_targets_again(started: Started) -> None:
    """All of it to the one version that there is; the router goes on answering."""
    platform = started.platform
    path = f"/models/{MODEL}/traffic"
    version = platform.call("GET", f"/models/{MODEL}").json["version"]
    shares = [{"version": version, "weight": 10_000}]
    assert platform.call("PUT", path, {"versions": shares}).status == 200
    shown = platform.call("GET", path)
    assert shown.status == 200
    assert [(one["version"], one["weight"]) for one in shown.json["versions"]] == [(version, 10_000)]
    platform.answers(MODEL)
    assert platform.call("PUT", path, {"versions": []}).status == 200


def test_what_was_asked_is_shown_as_used(started: Started) -> None:
    """The router's batches come by themselves, and are added up."""
    platform = started.platform
    platform.answers(MODEL)
    today = datetime.now(UTC).date()
    path = f"/usage?from={today - timedelta(days=1)}&to={today}&model={MODEL}"

    def counted() -> bool:
        told = platform.call("GET", path)
        assert told.status == 200, told
        return bool(told.json["totals"]["requests"] >= 1 and told.json["totals"]["output_tokens"] >= 1)

    eventually(counted, "the answer is counted")
