"""AWS: a layer's `python/` folder is importable by every function that names it; versions do not leak into one another."""

from tests.emulator.conformance.cloud import Cloud, archived


def test_two_versions_of_a_layer_stay_apart(cloud: Cloud) -> None:
    """On AWS a function sees exactly the layer version that it names."""
    client, name = cloud.client("lambda"), cloud.name("layer")
    versions = [
        client.publish_layer_version(LayerName=name, Content={"ZipFile": archived({"python/brought.py": f"VALUE = {value}"})})[
            "LayerVersionArn"
        ]
        for value in (1, 2)
    ]
    code = "import brought\ndef handler(event, context):\n    return brought.VALUE\n"
    assert [cloud.invoke(cloud.function(code, layers=[version]))["body"] for version in versions] == [1, 2]


def test_a_layer_is_unpacked_once(cloud: Cloud) -> None:
    """Two functions share one unpacked copy."""
    layer = cloud.client("lambda").publish_layer_version(
        LayerName=cloud.name("layer"), Content={"ZipFile": archived({"python/shared.py": f"VALUE = {cloud.name()!r}"})}
    )["LayerVersionArn"]
    code = "import os, shared\ndef handler(event, context):\n    return os.path.realpath(shared.__file__)\n"
    paths = {cloud.invoke(cloud.function(code, layers=[layer]))["body"] for _ in range(2)}
    assert len(paths) == 1
    assert paths.pop().startswith(str(cloud.settings.state / "layers"))
