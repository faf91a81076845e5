"""What a wish can make ECS run: nothing but what the platform chose, whatever stands in its texts."""

import ast
import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.engine import Variable
from contracts.model import MODEL_SPEC, Container, HealthCheck
from serving.adapters.task_definitions import service, task_definition
from serving.domain.naming import service_name
from tests.borders.injection.nasty import NAMES, everything, leaves, names, put, texts
from tests.evidence import counted, scaled
from tests.unit.serving.samples import created
from tests.unit.serving.test_task_definitions import PLACE

OURS = {variable.value for variable in Variable} | {"AWS_REGION"}
ALLOWED = re.compile(
    r"VLLM_(LOGGING_LEVEL|ATTENTION_BACKEND|ENGINE_READY_TIMEOUT_S|EXECUTE_MODEL_TIMEOUT_SECONDS|ENABLE_STARTUP_PLAN|SKIP_P2P_CHECK|MAX_N_SEQUENCES"
    r"|MAX_COMPLETION_PROMPTS|MAX_STOP_STRINGS|MEMORY_PROFILER_ESTIMATE_CUDAGRAPHS|CPU_KVCACHE_SPACE|CPU_OMP_THREADS_BIND|USE_V2_MODEL_RUNNER"
    r"|MAX_MEDIA_DOWNLOAD_SIZE_MB)|NCCL_DEBUG|NCCL_P2P_DISABLE|OMP_NUM_THREADS|TOKENIZERS_PARALLELISM|TZ|RUNAI_STREAMER_(CONCURRENCY|CHUNK_BYTESIZE"
    r"|MEMORY_LIMIT)|SLIPWAY_(DRAIN_SECONDS|START_TIMEOUT_SECONDS)"
)
"""Written down here once more: who widens the list has to say so twice."""
PRINTABLE = re.compile(r"[\x20-\x7e]*")


def _made(wish: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Task definition and service for a wish; None where the contract refuses it."""
    try:
        spec = MODEL_SPEC.validate_python(wish).model_dump(mode="json")
    except ValidationError:
        return None
    model, _ = created(**spec)
    name = service_name("test", model.model_id, model.version, model.generation)
    return task_definition(name, model, PLACE), service(name, "arn:definition", model, PLACE)


def _check(made: tuple[dict[str, Any], dict[str, Any]]) -> None:
    definition, service_made = made
    (container,) = definition["containerDefinitions"]
    for field in (
        "command",
        "entryPoint",
        "workingDirectory",
        "user",
        "privileged",
        "extraHosts",
        "dnsServers",
        "mountPoints",
        "volumesFrom",
    ):
        assert field not in container
    assert "volumes" not in definition
    program, *check = container["healthCheck"]["command"]
    assert program == "CMD"
    assert re.fullmatch(r"/[a-z0-9/_-]+", check[0])
    assert all(re.fullmatch(r"[A-Za-z0-9_./:=-]+", argument) for argument in check[1:])
    variables = {variable["name"]: variable["value"] for variable in container["environment"]}
    assert all(name in OURS or ALLOWED.fullmatch(name) for name in variables)
    assert all(PRINTABLE.fullmatch(value) for name, value in variables.items() if name not in OURS)
    assert [secret["valueFrom"] for secret in container["secrets"]] == [PLACE.key_secret]
    assert (definition["taskRoleArn"], definition["executionRoleArn"]) == (PLACE.task_role, PLACE.execution_role)
    options = container["logConfiguration"]["options"]
    assert options["awslogs-group"] == PLACE.log_group
    assert re.fullmatch(r"[a-z][a-z0-9-]{1,62}", options["awslogs-stream-prefix"])
    assert re.fullmatch(r"slipway-test-[a-z0-9A-Z-]+", definition["family"])
    assert service_made["serviceName"] == definition["family"]
    assert re.fullmatch(r"[a-z0-9][a-z0-9._:/@-]+", container["image"])
    for constraint in definition.get("placementConstraints", ()):
        assert re.fullmatch(r"attribute:ecs\.instance-type in \[[a-z0-9., -]+\]", constraint["expression"])
    for tag in (*definition["tags"], *service_made["tags"]):
        assert re.fullmatch(r"[A-Za-z0-9.+_-]+", tag["value"])


LEAVES = leaves(everything())


@settings(max_examples=scaled(500), deadline=None)
@given(st.lists(st.tuples(st.sampled_from(LEAVES), texts), min_size=1, max_size=3))
def test_no_text_of_a_wish_is_run(changes: list[tuple[tuple[str | int, ...], str]]) -> None:
    """Any text in any field: refused, or a value where values stand, and never a command, a role, a secret, a log group or a path."""
    wish = copy.deepcopy(everything())
    for path, value in changes:
        put(wish, path, value)
    made = _made(wish)
    if made is not None:
        _check(made)
        json.dumps(made, ensure_ascii=False).encode()
    counted("wishes_with_tricks", 1)


def test_the_plain_wish_passes() -> None:
    """What the tricks are put into is taken, so that refusals are theirs."""
    made = _made(everything())
    assert made is not None
    _check(made)


@pytest.mark.parametrize("name", NAMES)
def test_a_dangerous_variable_is_refused(name: str) -> None:
    """Loaders, interpreters, credentials, proxies, the platform's own names, and allowed names with something beside them."""
    with pytest.raises(ValidationError, match="allow-list"):
        Container.validate_document({"environment": {name: "x"}})
    counted("dangerous_variables_refused", 1)


@settings(max_examples=scaled(500), deadline=None)
@given(st.dictionaries(names | st.sampled_from(["TZ", "OMP_NUM_THREADS", "SLIPWAY_DRAIN_SECONDS"]), texts, max_size=4))
def test_the_environment_stays_on_the_list(environment: dict[str, str]) -> None:
    """Whatever names and values: what is taken is on the list, printable, and beneath what the platform says itself."""
    made = _made(everything() | {"container": {"environment": environment}})
    if made is None:
        return
    _check(made)
    (container,) = made[0]["containerDefinitions"]
    variables = {variable["name"]: variable["value"] for variable in container["environment"]}
    assert len(variables) == len(container["environment"])
    assert variables["SLIPWAY_MODEL_ID"] == "tiny"
    assert environment.items() <= variables.items()


@pytest.mark.parametrize(
    "command",
    [["/bin/sh"], ["/bin/sh", "-c", "id"], ["/bin/bash"], ["/usr/bin/env", "sh"], ["/bin/busybox", "sh"], ["/usr/bin/python3", "-c", "1"],
     ["/usr/bin/curl", "http://169.254.170.2/"], ["CMD-SHELL"], ["CMD-SHELL", "id"], ["NONE"], ["/app/health; id"], ["/app/health",
     "$(id)"],
     ["/app/health", "a b"], ["/app/health", "x\n"], ["/app/health\n"], ["/app/../bin/sh"], ["app/health"], [""], [],
     ["/app/health"] * 9],
    ids=json.dumps,
)  # fmt: skip
def test_a_health_check_is_a_program_and_plain_arguments(command: list[str]) -> None:
    """Neither a shell nor what a shell would read."""
    with pytest.raises(ValidationError):
        HealthCheck.validate_document({"command": command})


SHELLS = {"system", "popen", "getoutput", "getstatusoutput", "create_subprocess_shell", "spawnl", "spawnlp", "execl", "execlp"}


def test_no_shell_anywhere() -> None:
    """No module that is deployed, and none that starts a laptop's containers, starts a program through a shell or evaluates text."""
    looked_at = 0
    for folder in ("layers", "functions", "serving_image", "local", "cli"):
        for path in Path(folder).rglob("*.py"):
            if "python" in path.parts:  # wheels of others
                continue
            looked_at += 1
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                    shell = any(word.arg == "shell" and getattr(word.value, "value", True) is not False for word in node.keywords)
                    refused = (
                        SHELLS if folder == "local" else SHELLS | {"eval", "exec"}
                    )  # the emulator that tests run on is patched from text
                    assert name not in refused, f"{path}:{node.lineno}"
                    assert not shell, f"{path}:{node.lineno}"
    assert looked_at > 200
