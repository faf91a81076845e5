"""What may be used is set by the command line, held to by the router, and told by both."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from scripts.template import ROOT
from tests.e2e.platform import Platform, Reply, Started, eventually


@pytest.fixture(scope="module")
def quota(started: Started) -> Iterator[Platform]:
    """A model for the group quota, in service."""
    platform = started.platform
    assert platform.settled(platform.call("POST", "/models", platform.parrot("quota", ["quota"])))["status"] == "Succeeded"
    yield platform
    platform.settled(platform.call("DELETE", "/models/quota"))


def slipway(platform: Platform, *words: str) -> Any:
    """What the command line says to these words, as JSON."""
    environment = platform.values | {"PYTHONPATH": str(ROOT / "cli"), "PATH": os.environ["PATH"], "HOME": "/nowhere", "LC_ALL": "C.UTF-8"}
    command = [sys.executable, "-m", "slipway_cli", *words, "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_limit_is_set_held_to_and_removed(quota: Platform) -> None:
    """Three requests a minute: the router tells what remains, then refuses with 429 and the time to come back; removed, it answers."""
    token = quota.issue("a limited one", ["quota"], ["inference"])
    eventually(lambda: quota.ask("quota", token=token).status == 200, "the router has the route", seconds=10)
    subject = ("token", token.split("_")[1])
    assert slipway(quota, "limits", "set", *subject, "--rpm", "3")["requests_per_minute"] == 3
    told = eventually(lambda: _with_quota(quota.ask("quota", token=token)), "the router holds to it", seconds=20)
    assert told.headers["x-ratelimit-limit-requests"] == "3"
    refused = eventually(lambda: _refused(quota.ask("quota", token=token)), "more than three were asked within a minute", seconds=20)
    assert refused.json["error"]["code"] == "rate_limit_exceeded"
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert subject[1] in [item["subject_id"] for item in slipway(quota, "limits", "list", "--kind", "token")["items"]]
    slipway(quota, "limits", "remove", *subject, "--yes")
    eventually(lambda: quota.ask("quota", token=token).status == 200, "it is limited no longer", seconds=20)


def test_a_budget_is_spent_shown_and_told(quota: Platform) -> None:
    """A hundred tokens a day: asked until they are used up, shown as spent, and everybody who listens hears once that half of it is."""
    group = "quota"
    slipway(quota, "limits", "set", "group", group, "--budget", "100tokens/day")
    token = quota.issue("a thrifty one", [group], ["inference"])
    try:
        out_of = eventually(lambda: _refused(quota.ask("quota", token=token)), "the budget is used up", seconds=60)
        assert out_of.json["error"]["code"] in {"insufficient_quota", "rate_limit_exceeded"}

        def spent() -> float:
            [period] = slipway(quota, "limits", "show", "group", group)["periods"]
            assert period["spent"] <= period["budget"] == 100
            return float(period["spent"])

        eventually(lambda: spent() >= 50, "what was used is written down", seconds=30)
        query = "/audit?event_type=BudgetThresholdCrossed&limit=100"
        facts = eventually(lambda: quota.call("GET", query).json["items"], "the audit has heard of it", seconds=60)
        thresholds = [fact["data"]["threshold"] for fact in facts if fact["data"]["subject_id"] == group]
        assert 50 in thresholds
        assert len(thresholds) == len(set(thresholds))
    finally:
        slipway(quota, "limits", "remove", "group", group, "--yes")


def _with_quota(reply: Reply) -> Reply | None:
    """The answer, if it tells what remains."""
    return reply if "x-ratelimit-limit-requests" in reply.headers else None


def _refused(reply: Reply) -> Reply | None:
    """The answer, if it is a refusal."""
    return reply if reply.status == 429 else None
