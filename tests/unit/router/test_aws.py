"""What routers ask of AWS: an answer that breaks off is none."""

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from router import aws
from router.feed import SourceUnavailable

BROKEN = [b"", b'{"Item": {"pk": {"S": "a', b"\xff"]


def _answer(monkeypatch: pytest.MonkeyPatch, service: str, body: bytes) -> object:
    for name, value in {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s", "AWS_DEFAULT_REGION": "eu-central-1"}.items():
        monkeypatch.setenv(name, value)
    client = aws.client(service)
    raw = type("Raw", (), {"stream": lambda *_, **__: iter([body])})()
    client.meta.events.register("before-send", lambda **_: AWSResponse("https://x", 200, HTTPHeaders(), raw))
    return client


@pytest.mark.parametrize("body", BROKEN)
def test_a_broken_answer_is_no_missing_row(monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
    """A token or a route would be dropped that is there."""
    feed = aws.token_feed(_answer(monkeypatch, "dynamodb", body), "t")
    for look in (feed.head, feed.entries, lambda: feed.entry("x")):
        with pytest.raises(SourceUnavailable):
            look()


@pytest.mark.parametrize("body", [*BROKEN, b"{}", b'{"FailedEntryCount": 0, "Entries": [{}]}'])
def test_what_the_bus_does_not_confirm_is_not_sent(monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
    """It has to name an id for each event."""
    with pytest.raises(aws.BusUnavailable):
        aws.EventBus(_answer(monkeypatch, "events", body), "bus").put([("slipway.routing", "LoadObserved", {})])


def test_a_whole_answer_goes_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """A document without fields says that there is no such row."""
    assert aws.token_feed(_answer(monkeypatch, "dynamodb", b"{}"), "t").entry("x") is None
