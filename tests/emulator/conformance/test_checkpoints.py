"""AWS: nothing accepted is lost. Here a killed emulator comes back with what it had seconds before, and streams go on where they were."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from local import daemons
from local.settings import Settings
from tests.emulator.conformance.cloud import Cloud, eventually, free_ports
from tests.emulator.conformance.tasks import service
from tests.emulator.conformance.test_table_streams import bodies, stream


def written(path: Path) -> str:
    """A file's text; empty until it is there."""
    return path.read_text() if path.exists() else ""


@pytest.fixture
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """An emulator that may be killed, and its containers; stopped at the end."""
    emulator_port, router_port, containers_port = free_ports(3)
    settings = Settings(tmp_path_factory.mktemp("killed"), emulator_port, router_port, containers_port)
    programs = daemons.containers(settings), daemons.emulator(settings)
    try:
        for program in programs:
            program.start()
            program.wait()
        yield settings
    finally:
        for program in reversed(programs):
            program.stop()


def test_a_killed_emulator_comes_back(settings: Settings) -> None:
    """Rows, messages and services survive SIGKILL; a task of before is announced as stopped, and the scheduler starts another."""
    emulator, cloud = daemons.emulator(settings), Cloud(settings)
    cloud.deploy({"Bus": {"Type": "AWS::Events::EventBus", "Properties": {"Name": "b"}}})
    under = service(cloud)
    before = under.awaited(lastStatus="RUNNING")[0]["taskArn"]
    url, _ = cloud.queue()
    cloud.client("sqs").send_message(QueueUrl=url, MessageBody="kept")
    state = settings.state / "emulator"
    eventually(lambda: all(word in written(state / file) for word, file in (("kept", "sqs.json"), (before, "ecs.json"))))
    emulator.stop(kill=True)
    emulator.start()
    emulator.wait()
    assert [message["Body"] for message in cloud.received(url)] == ["kept"]
    assert under.awaited(taskArn=before, lastStatus="STOPPED")[0]["stopCode"] == "TerminationNotice"
    assert eventually(lambda: {event["taskArn"] for event in under.task_events(lastStatus="RUNNING")} - {before})
    assert "b" in [bus["Name"] for bus in cloud.client("events").list_event_buses()["EventBuses"]]


def test_a_stream_goes_on_though_its_reader_was_written_down_later(settings: Settings) -> None:
    """Functions are written down after tables: killed in between, a reader seems to have read what its stream does not hold any more."""
    emulator, cloud = daemons.emulator(settings), Cloud(settings)
    calls, _, put = stream(cloud, "return None", ["before"])
    assert bodies(cloud.received(calls)) == ["before"]
    cloud.deploy({"Bus": {"Type": "AWS::Events::EventBus", "Properties": {"Name": "b"}}})
    readers = settings.state / "emulator" / "lambda.json"
    queues, name = settings.state / "emulator" / "sqs.json", calls.rpartition("/")[2]
    assert eventually(lambda: "dynamodb_stream_positions" in written(readers) and name in written(queues))
    emulator.stop(kill=True)
    state = json.loads(readers.read_text())
    ahead = state["payload"]["dynamodb_stream_positions"]["data"]
    state["payload"]["dynamodb_stream_positions"]["data"] = dict.fromkeys(ahead, 100)
    readers.write_text(json.dumps(state))
    emulator.start()
    emulator.wait()
    put("after")
    assert "after" in "".join(bodies(cloud.received(calls)))


def test_a_checkpoint_has_all_of_a_transaction_or_nothing(settings: Settings) -> None:
    """AWS: TransactWriteItems is all or nothing, whenever something fails. A large table lies in between, so that reading takes time."""
    dynamodb, file = Cloud(settings).client("dynamodb"), settings.state / "emulator" / "dynamodb.json"
    tables, enough = ("first", "large", "second"), threading.Event()
    key = [{"AttributeName": "pk", "KeyType": "HASH"}], [{"AttributeName": "pk", "AttributeType": "S"}]
    for table in tables:
        dynamodb.create_table(TableName=table, KeySchema=key[0], AttributeDefinitions=key[1], BillingMode="PAY_PER_REQUEST")
    bulk = {"L": [{"M": {"n": {"N": str(number)}}} for number in range(2_000)]}
    for number in range(40):
        dynamodb.put_item(TableName="large", Item={"pk": {"S": str(number)}, "bulk": bulk})

    def write(writer: int) -> None:
        number = 0
        while not enough.is_set():
            item = {"pk": {"S": f"{writer}-{number}"}}
            dynamodb.transact_write_items(TransactItems=[{"Put": {"TableName": table, "Item": item}} for table in tables])
            number += 1

    seen: dict[str, tuple[set[str], ...]] = {}

    def checkpoints() -> int:
        text = written(file)
        if text and text not in seen:
            seen[text] = tuple(set(_items(text, table)) for table in tables)
        return sum(bool(keys[0]) for keys in seen.values())

    with ThreadPoolExecutor(2) as writers:
        work = [writers.submit(write, number) for number in range(2)]
        try:
            assert eventually(checkpoints, lambda count: count >= 3) >= 3
        finally:
            enough.set()
    assert [each.result() for each in work] == [None, None]
    for first, large, second in seen.values():
        assert first == second == {key for key in large if "-" in key}


def _items(text: str, table: str) -> dict[str, Any]:
    tables = json.loads(text)["payload"]["tables"]["data"]
    return next((held["items"] for name, held in tables.items() if name.endswith(f"'{table}'")), {})
