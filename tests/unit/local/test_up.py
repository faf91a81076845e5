"""What `make up` refuses before it starts anything."""

from dataclasses import replace
from pathlib import Path

import pytest

from local import environment
from local.settings import Settings
from local.up import PrerequisiteError, check_port


def test_state_is_not_taken_to_another_port(tmp_path: Path) -> None:
    """Queues keep the port in their addresses, and would go unheard: the sentence says how to go on. Without state any port will do."""
    settings = Settings(home=tmp_path, emulator_port=4566, router_port=4000, containers_port=4567)
    moved = replace(settings, emulator_port=5566)
    check_port(settings)
    environment.write(settings.env_file, {"AWS_ENDPOINT_URL": settings.endpoint})
    check_port(moved)
    settings.state.mkdir()
    check_port(settings)
    check_port(replace(settings, router_port=5000))
    with pytest.raises(PrerequisiteError, match="SLIPWAY_EMULATOR_PORT=4566 make up"):
        check_port(moved)
