"""Which ports and folders a platform instance uses."""

from pathlib import Path

import pytest

from local.settings import Settings, SettingsError


def test_everything_follows_from_the_emulators_port(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Two checkouts need one variable each to stay apart."""
    monkeypatch.setenv("SLIPWAY_HOME", str(tmp_path))
    monkeypatch.setenv("SLIPWAY_EMULATOR_PORT", "5000")
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    settings = Settings.from_environment()
    assert (settings.containers_port, settings.endpoint) == (5001, "http://127.0.0.1:5000")
    assert settings.docker_host == "tcp://127.0.0.1:5001"
    assert settings.env_file == tmp_path / "env"


def test_a_docker_engine_of_the_persons_own_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """DOCKER_HOST wins over process containers."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///var/run/docker.sock")
    settings = Settings.from_environment()
    assert not settings.uses_process_containers
    assert settings.docker_host == "unix:///var/run/docker.sock"


@pytest.mark.parametrize("port", ["http", "0", "70000", "-1"])
def test_what_is_no_port_is_named(monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    """The message says which variable is wrong."""
    monkeypatch.setenv("SLIPWAY_ROUTER_PORT", port)
    with pytest.raises(SettingsError, match="SLIPWAY_ROUTER_PORT"):
        Settings.from_environment()
