"""What has happened can be read by those who audit, and followed live while it happens, with the rights that the template grants."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from typing import Any

import pytest

from tests.e2e.platform import Platform, Started, eventually

_MODEL = "followed"


@contextmanager
def _stream(platform: Platform, path: str, token: str, last: int | None = None) -> Iterator[Iterator[str]]:
    """Lines of a live stream, as they come."""
    headers = {"Authorization": f"Bearer {token}"} | ({"Last-Event-ID": str(last)} if last is not None else {})
    request = urllib.request.Request(platform.values["OPENAI_BASE_URL"].removesuffix("/v1") + path, headers=headers)
    with eventually(lambda: _opened(request), f"{path} is open") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield (line.decode().rstrip("\n") for line in answer)


def _opened(request: urllib.request.Request) -> HTTPResponse | None:
    """The answer; none where the router asks to be asked again, as a busy machine's table may be too slow for it."""
    try:
        answer: HTTPResponse = urllib.request.urlopen(request, timeout=120)
    except urllib.error.HTTPError as error:
        if error.code != 503 or not error.headers["Retry-After"]:
            raise
        return None
    return answer


def _data(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


@pytest.fixture(scope="module")
def operation(started: Started) -> Iterator[str]:
    """A model that is on its way into service: its operation."""
    platform = started.platform
    accepted = platform.call("POST", "/models", platform.parrot(_MODEL, ["research"]))
    assert accepted.status == 202, accepted.text
    yield accepted.json["operation_id"]
    platform.settled(platform.call("DELETE", f"/models/{_MODEL}"))


def test_an_operation_and_its_model_are_followed_live(platform: Platform, operation: str) -> None:
    """To the operation's end, over the router, by somebody who may only read; the entries are those of the pages."""
    token = platform.issue("a follower", ["research"], ["models:read"])
    with _stream(platform, f"/live/operations/{operation}", token) as lines:
        seen = list(_data(lines))
    assert seen[-1]["status"] == "Succeeded"
    pages = platform.call("GET", f"/models/{_MODEL}/events").json["items"]
    with _stream(platform, f"/live/models/{_MODEL}/events", token, last=0) as lines:
        live = _data(lines)
        assert [next(live) for _ in pages] == pages


def test_everything_is_in_the_audit(platform: Platform, operation: str) -> None:
    """The model's facts with what they changed, the token's too; as pages and as lines."""

    def facts(query: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = platform.call("GET", f"/audit?{query}").json["items"]
        return items

    wanted = f"model_id={_MODEL}&order=asc"
    eventually(lambda: "ModelInService" in [item["event_type"] for item in facts(wanted)], "the audit has heard of it")
    items = facts(wanted)
    assert items[0]["event_type"] == "ModelRequested"
    in_service = next(item for item in items if item["event_type"] == "ModelInService")
    assert (in_service["before"]["status"], in_service["after"]["status"]) == ("Creating", "InService")
    assert in_service["correlation_id"] == operation
    assert facts("event_type=TokenIssued")
    lines = platform.call("GET", f"/audit?{wanted}&format=ndjson")
    assert lines.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line)["event_id"] for line in lines.text.splitlines()][: len(items)] == [item["event_id"] for item in items]
    reader = platform.issue("no auditor", ["research"], ["models:read"])
    assert platform.call("GET", "/audit", token=reader).status == 403
