"""AWS: a function sees Lambda's runtime (boto3 and the standard library), its layers and its code; nothing else."""

import pytest

from tests.emulator.conformance.cloud import Cloud, archived


@pytest.mark.parametrize(("module", "present"), [("boto3", True), ("pydantic", False), ("ministack", False), ("local", False)])
def test_only_the_runtime_can_be_imported(cloud: Cloud, module: str, *, present: bool) -> None:
    """On AWS a dependency that no layer brings fails to import."""
    code = f"import importlib.util\ndef handler(event, context):\n    return importlib.util.find_spec({module!r}) is not None\n"
    assert cloud.invoke(cloud.function(code))["body"] is present


def test_another_runtime_is_refused(cloud: Cloud) -> None:
    """On AWS each runtime is its own interpreter; here the one there is must be asked for."""
    client = cloud.client("lambda")
    function = client.create_function(
        FunctionName=cloud.name(), Runtime="python3.10", Role=cloud.role("lambda.amazonaws.com"), Handler="app.handler",
        Code={"ZipFile": archived({"app.py": "def handler(event, context):\n    return 1\n"})},
    )  # fmt: skip
    answer = cloud.invoke(function["FunctionArn"])
    assert answer["error"]
    assert "not python3.10" in answer["body"]["errorMessage"]
