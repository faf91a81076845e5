"""A platform of the suite's own: patched emulator and process containers on free ports, with a home that is thrown away."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import daemons
from local.settings import Settings
from tests.emulator.conformance.cloud import Cloud, free_ports


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """The suite's platform, stopped and thrown away at the end."""
    emulator_port, router_port, containers_port = free_ports(3)
    home: Path = tmp_path_factory.mktemp("platform")
    settings = Settings(home=home, emulator_port=emulator_port, router_port=router_port, containers_port=containers_port)
    os.environ["SLIPWAY_FAULTS"] = "on"
    programs = [daemons.containers(settings), daemons.emulator(settings)]
    try:
        for program in programs:
            program.start()
            program.wait()
        yield Cloud(settings)
    finally:
        for program in reversed(programs):
            program.stop()
