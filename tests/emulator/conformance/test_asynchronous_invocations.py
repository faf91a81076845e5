"""AWS: a function's asynchronous invocations wait in a line for a free instance; one that will be tried again is not in the way."""

import json
import textwrap
from pathlib import Path
from typing import Any

from tests.emulator.conformance.cloud import Cloud, eventually

AT_ONCE, FLOOD = 4, 40
CODE = """
    import os, time

    def handler(event, context):
        with open({said!r}, "a") as said:
            said.write(f"{{os.getpid()}} {{event['detail']['way']}}\\n")
        if event["detail"]["way"] == "fails":
            raise ValueError("as told")
        time.sleep(0.05)
"""


def told(cloud: Cloud, said: Path, ways: list[str]) -> list[list[str]]:
    """Puts an event for each way at a rule before a function; process and way of each invocation, once all were invoked."""
    events, name = cloud.client("events"), cloud.name("rule")
    arn = cloud.function(textwrap.dedent(CODE.format(said=str(said))))
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    events.put_targets(Rule=name, Targets=[{"Id": "t", "Arn": arn}])
    entries: list[Any] = [{"Source": name, "DetailType": "Happened", "Detail": json.dumps({"way": way})} for way in ways]
    for start in range(0, len(entries), 10):
        assert events.put_events(Entries=entries[start : start + 10])["FailedEntryCount"] == 0

    def lines() -> list[list[str]]:
        return [line.split() for line in said.read_text().splitlines()] if said.exists() else []

    wanted = sum(3 if way == "fails" else 1 for way in ways)
    return eventually(lines, lambda found: len(found) >= wanted)


def test_a_flood_is_worked_off_by_a_few_instances(cloud: Cloud, tmp_path: Path) -> None:
    """On AWS as many as concurrency allows; each event once, however many wait."""
    found = told(cloud, tmp_path / "said", ["ends"] * FLOOD)
    assert len(found) == FLOOD
    assert 1 < len({process for process, _ in found}) <= AT_ONCE


def test_what_waits_to_be_tried_again_lets_others_go_first(cloud: Cloud, tmp_path: Path) -> None:
    """On AWS a failed event goes back into the line for a minute or two."""
    ways = [way for _, way in told(cloud, tmp_path / "said", ["fails"] * AT_ONCE + ["ends"])]
    assert ways.count("fails") == 3 * AT_ONCE
    assert ways.index("ends") < 2 * AT_ONCE
