"""AWS: execution environments share nothing with one another. https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html"""

import os
import signal
import time

from tests.emulator.conformance.cloud import Cloud, archived

LOOK = """
import os, random, sys
CALLS = []
def handler(event, context):
    CALLS.append(event)
    import boto3
    return {"calls": len(CALLS), "pid": os.getpid(), "parent": os.getppid(), "random": random.random(), "cwd": os.getcwd(),
            "name": os.environ["AWS_LAMBDA_FUNCTION_NAME"], "argv": sys.argv, "print": print("said by", os.getpid())}
"""


def test_environments_have_nothing_in_common(cloud: Cloud) -> None:
    """Neither what modules hold, nor variables, nor a folder, nor chance; and each has a log of its own."""
    functions = [cloud.function(LOOK) for _ in range(2)]
    first, second, again = (cloud.invoke(function)["body"] for function in (*functions, functions[0]))
    assert [one["calls"] for one in (first, second, again)] == [1, 1, 2]
    for own in ("pid", "random", "cwd", "name", "argv"):
        assert first[own] != second[own], own
    assert (first["pid"], first["cwd"]) == (again["pid"], again["cwd"])
    assert first["parent"] == second["parent"], "they were forked from one interpreter"


def test_a_layers_own_packages_are_seen(cloud: Cloud) -> None:
    """Though the interpreter has imported a package of that name already, for others."""
    code = "import pydantic\ndef handler(event, context):\n    return pydantic.VALUE\n"
    lambdas, found = cloud.client("lambda"), []
    for value in (1, 2):
        content = {"ZipFile": archived({"python/pydantic/__init__.py": f"VALUE = {value}"})}
        layer = lambdas.publish_layer_version(LayerName=cloud.name("layer"), Content=content)["LayerVersionArn"]
        found.append(cloud.invoke(cloud.function(code, layers=[layer]))["body"])
    assert found == [1, 2]


def test_who_was_killed_is_replaced(cloud: Cloud) -> None:
    """An environment that dies between two calls is made anew, and so is the interpreter from which it was forked."""
    function = cloud.function(LOOK)
    for victim in ("pid", "parent"):
        before = cloud.invoke(function)["body"]
        os.kill(before[victim], signal.SIGKILL)
        if victim == "parent":
            os.kill(before["pid"], signal.SIGKILL)
        _gone(before["pid"])
        after = cloud.invoke(function)["body"]
        assert (after["calls"], after["pid"] != before["pid"]) == (1, True)
        assert (after["parent"] == before["parent"]) == (victim == "pid")


def test_who_dies_within_a_call_fails_it(cloud: Cloud) -> None:
    """On AWS the call ends with Runtime.ExitError, and the next one gets a new environment."""
    code = "import os\ndef handler(event, context):\n    return os._exit(3) if event.get('die') else 'alive'\n"
    function = cloud.function(code)
    assert cloud.invoke(function)["body"] == "alive"
    died = cloud.invoke(function, {"die": True})
    assert died["body"]["errorType"] == "Runtime.ExitError"
    assert cloud.invoke(function)["body"] == "alive"


def _gone(pid: int) -> None:
    """Wait for its end."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.01)
    raise AssertionError(f"{pid} lives")
