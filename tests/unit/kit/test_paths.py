"""Which field a refused wish is told about, for the model contract's unions."""

from typing import Any

import pytest

from contracts.model import MODEL_SPEC
from kit.errors import InvalidRequest
from kit.validation import validated

PROVIDER: dict[str, Any] = {"model_id": "m1", "hosting": "provider", "allowed_groups": ["g"], "provider": {"name": "openai", "model": "m"}}
HOSTED: dict[str, Any] = {
    "model_id": "m1",
    "hosting": "hosted",
    "allowed_groups": ["g"],
    "artifact": {"uri": "s3://slipway-bucket/m1/1.0.0/", "manifest_sha256": "0" * 64},
    "engine": {"kind": "mock"},
}


@pytest.mark.parametrize(
    ("wish", "paths"),
    [
        (PROVIDER | {"provider": {"name": "openai", "model": "m", "api_base": "file:///etc/passwd"}}, ["provider.api_base"]),
        (PROVIDER | {"provider": 1}, ["provider"]),
        ({name: value for name, value in PROVIDER.items() if name != "provider"}, ["provider"]),
        (PROVIDER | {"hosting": "elsewhere"}, ["hosting"]),
        ({name: value for name, value in PROVIDER.items() if name != "hosting"}, ["hosting"]),
        (HOSTED | {"engine": {"kind": "perpetuum"}}, ["engine.kind"]),
        (HOSTED | {"engine": {}}, ["engine.kind"]),
        (HOSTED | {"engine": {"kind": "mock", "surprise": 1}}, ["engine.surprise"]),
        (HOSTED | {"description": "artifact", "artifact": {"uri": "x", "manifest_sha256": "0" * 64}}, ["artifact.uri"]),
        (HOSTED | {"capacity": {"min": "two"}}, ["capacity.min"]),
    ],
)
def test_the_path_is_the_fields_own(wish: dict[str, Any], paths: list[str]) -> None:
    """Neither the union's tags nor the contracts' class names are in a path; a wrong choice is about the field that chooses."""
    with pytest.raises(InvalidRequest) as refused:
        validated(MODEL_SPEC.validate_python, wish)
    assert [violation.path for violation in refused.value.violations] == paths
