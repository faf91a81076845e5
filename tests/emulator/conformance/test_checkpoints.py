"""AWS: nothing accepted is lost. Here a killed emulator comes back with what it had seconds before, and streams go on where they were."""

from pathlib import Path

import pytest

from local import daemons
from local.settings import Settings
from tests.emulator.conformance.cloud import Cloud, eventually, free_ports
from tests.emulator.conformance.tasks import service


def written(path: Path) -> str:
    """A file's text; empty until it is there."""
    return path.read_text() if path.exists() else ""


def test_a_killed_emulator_comes_back(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Rows, messages and services survive SIGKILL; a task of before is announced as stopped, and the scheduler starts another."""
    emulator_port, router_port, containers_port = free_ports(3)
    settings = Settings(tmp_path_factory.mktemp("killed"), emulator_port, router_port, containers_port)
    containers, emulator, cloud = daemons.containers(settings), daemons.emulator(settings), Cloud(settings)
    try:
        for program in (containers, emulator):
            program.start()
            program.wait()
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
    finally:
        emulator.stop()
        containers.stop()
