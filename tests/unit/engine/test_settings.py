"""The container's environment, read once."""

import pytest

from contracts.engine import EngineKind, EngineTask
from engine.errors import EngineError
from engine.settings import read_linger, read_listen, read_settings

GOOD = {
    "SLIPWAY_MODEL_ID": "m-1",
    "SLIPWAY_MODEL_VERSION": "1.0.0",
    "SLIPWAY_ENGINE_KIND": "llama.cpp",
    "SLIPWAY_ARTIFACT_URI": "s3://bucket/m/1.0.0/",
    "SLIPWAY_MANIFEST_SHA256": "a" * 64,
    "ENGINE_API_KEY": "k",
}


def test_the_defaults_are_the_contracts() -> None:
    """What is not set has the contract's value."""
    settings = read_settings(GOOD)
    assert (settings.kind, settings.task) == (EngineKind.LLAMA_CPP, EngineTask.CHAT)
    assert (str(settings.cache_dir), str(settings.baked_dir)) == ("/var/cache/slipway", "/opt/slipway/weights")
    assert (settings.drain_seconds, settings.cache_limit_bytes) == (60, None)
    listen = read_listen({})
    assert (listen.host, listen.port) == ("0.0.0.0", 8080)
    assert read_linger({}) == 5


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SLIPWAY_MODEL_ID", ""),
        ("SLIPWAY_MODEL_VERSION", ""),
        ("SLIPWAY_ENGINE_KIND", "tgi"),
        ("SLIPWAY_ENGINE_KIND", ""),
        ("SLIPWAY_TASK", "paint"),
        ("SLIPWAY_ARTIFACT_URI", ""),
        ("SLIPWAY_ARTIFACT_URI", "https://bucket/x"),
        ("SLIPWAY_MANIFEST_SHA256", ""),
        ("SLIPWAY_MANIFEST_SHA256", "A" * 64),
        ("SLIPWAY_ENGINE_ARGUMENTS", "{"),
        ("SLIPWAY_ENGINE_ARGUMENTS", "[]"),
        ("SLIPWAY_ENGINE_ARGUMENTS", "[" * 50_000),
        ("SLIPWAY_ENGINE_ARGUMENTS", " " * 70_000),
        ("SLIPWAY_DRAIN_SECONDS", "soon"),
        ("SLIPWAY_DRAIN_SECONDS", "nan"),
        ("SLIPWAY_DRAIN_SECONDS", "0"),
        ("ENGINE_API_KEY", ""),
    ],
)
def test_a_wrong_variable_is_named(name: str, value: str) -> None:
    """Each mistake ends in configuration-invalid with the variable's name."""
    with pytest.raises(EngineError, match=f"configuration-invalid: {name}"):
        read_settings(GOOD | {name: value})


def test_a_mock_needs_no_weights() -> None:
    """The mock engine starts without an artefact, so that a platform can be tried with nothing."""
    settings = read_settings(
        {"SLIPWAY_MODEL_ID": "m", "SLIPWAY_MODEL_VERSION": "1.0.0", "SLIPWAY_ENGINE_KIND": "mock", "ENGINE_API_KEY": "k"}
    )
    assert settings.artifact_uri is None
