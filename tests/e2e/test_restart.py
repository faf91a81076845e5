"""The platform is killed in the middle of something, comes back, and settles it; then it is stopped for good. Runs last."""

import os
from pathlib import Path

from tests.e2e.hastened import ago, often_swept, rewritten
from tests.e2e.platform import Platform, eventually, send


def test_an_operation_settles_though_the_platform_was_killed(platform: Platform) -> None:
    """The emulator gets SIGKILL while an engine loads. After `make up` the model comes into service and answers."""
    created = platform.call("POST", "/models", platform.parrot("survivor", load_seconds=15))
    (task,) = eventually(lambda: platform.tasks_of("survivor"), "the engine has been started")
    eventually(lambda: platform.is_on_disk(dynamodb=created.json["operation_id"], ecs=task), "operation and task are on disk")
    platform.kill_emulator()
    platform.up()
    # What was lost in flight is found by the sweep, which leaves alone for a minute whatever has just moved.
    rewritten(platform, created.json["operation_id"], updated_at=ago(minutes=3))
    with often_swept(platform):
        operation = platform.settled(created)
    assert operation["status"] == "Succeeded", operation
    platform.answers("survivor")
    assert platform.settled(platform.call("DELETE", "/models/survivor"))["status"] == "Succeeded"
    platform.assert_nothing_left("survivor")


def test_the_router_goes_on_while_the_control_plane_is_dead(platform: Platform) -> None:
    """With the emulator gone the router answers from its last good table."""
    platform.kill_emulator()
    assert platform.ask("smollm2-135m").status == 200


def test_down_stops_everything(platform: Platform) -> None:
    """After `make down` no process has this platform's home in its environment, and no port answers."""
    platform.down()
    eventually(lambda: not processes_of(platform.home), "every process is gone", seconds=60)
    for port in ("SLIPWAY_EMULATOR_PORT", "SLIPWAY_CONTAINERS_PORT", "SLIPWAY_ROUTER_PORT"):
        try:
            send("GET", f"http://127.0.0.1:{platform.environment[port]}/")
        except OSError:
            continue
        raise AssertionError(f"{port} still answers")


def processes_of(home: Path) -> list[int]:
    """Processes that were started with this SLIPWAY_HOME, ours excepted."""
    found, wanted = [], f"SLIPWAY_HOME={home}".encode()
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and int(folder.name) != os.getpid():
            try:
                if wanted in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
            except OSError:
                continue
    return found
