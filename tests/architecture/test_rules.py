"""What the template refuses before anything is built, tried out as CloudFormation would; and figures that must fit each other."""

import ast
from typing import Any

import pytest

from scripts.template import ROOT
from tests.architecture.reading import child, template

DECLARED = template()["Parameters"]
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html: MiB by CPU units, as far as the parameters reach.
FARGATE = {
    256: {512, 1024, 2048},
    512: set(range(1024, 4096 + 1, 1024)),
    1024: set(range(2048, 8192 + 1, 1024)),
    2048: set(range(4096, 16384 + 1, 1024)),
    4096: set(range(8192, 30720 + 1, 1024)),
}


def _value(expression: Any, given: dict[str, str]) -> Any:
    """The value of a rule's expression; KeyError for a function that this does not know."""
    if not isinstance(expression, dict):
        return expression
    ((name, argument),) = expression.items()
    if name == "Ref":
        return given[argument]
    parts = [_value(part, given) for part in argument]
    known: dict[str, Any] = {
        "Fn::Not": lambda: not parts[0],
        "Fn::Equals": lambda: parts[0] == parts[1],
        "Fn::Contains": lambda: parts[1] in parts[0],
    }
    return known[name]()


def _refusals(**changes: str) -> list[str]:
    """What is said to parameters that differ so from the defaults."""
    given = {name: str(item.get("Default", "")) for name, item in DECLARED.items()} | changes
    return [
        assertion["AssertDescription"]
        for rule in template()["Rules"].values()
        if _value(rule["RuleCondition"], given)
        for assertion in rule["Assertions"]
        if not _value(assertion["Assert"], given)
    ]


def test_the_defaults_are_accepted() -> None:
    """No rule stands in the way of who changes nothing."""
    assert _refusals() == []


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({"OidcIssuer"}, 2),
        ({"OidcAudience"}, 1),
        ({"OidcJwksUri"}, 1),
        ({"OidcIssuer", "OidcAudience"}, 1),
        ({"OidcIssuer", "OidcJwksUri"}, 1),
        ({"OidcAudience", "OidcJwksUri"}, 2),
        ({"OidcIssuer", "OidcAudience", "OidcJwksUri"}, 0),
    ],
    ids=lambda value: "+".join(sorted(value)) if isinstance(value, set) else "",
)
def test_a_foreign_identity_is_given_whole_or_not_at_all(given: set[str], refused: int) -> None:
    """An issuer without audience stops the router; an audience without issuer would silently not be checked."""
    assert len(_refusals(**dict.fromkeys(given, "https://issuer.example"))) == refused


@pytest.mark.parametrize("memory", DECLARED["RouterMemoryMiB"]["AllowedValues"])
@pytest.mark.parametrize("cpu", DECLARED["RouterCpu"]["AllowedValues"])
def test_a_router_is_of_a_size_that_fargate_has(cpu: int, memory: int) -> None:
    """Otherwise ECS refuses the task definition half-way through a deployment."""
    assert bool(_refusals(RouterCpu=str(cpu), RouterMemoryMiB=str(memory))) is (memory not in FARGATE[cpu])


def test_a_router_on_the_internet_has_a_certificate() -> None:
    """Tokens do not travel in clear."""
    assert len(_refusals(RouterScheme="internet-facing")) == 1
    assert _refusals(RouterScheme="internet-facing", RouterCertificateArn="arn:x:acm:y") == []


def test_gpu_tasks_are_defined_for_the_capacity_that_there_is() -> None:
    """A definition for Managed Instances is refused on an Auto Scaling group's instances, and the other way round."""
    variables = template()["Resources"]["ServingLaunchEngineFunction"]["Properties"]["Environment"]["Variables"]
    assert variables["ENGINE_GPU_LAUNCH_TYPE"] == {"Fn::If": ["UsesAutoScalingGroup", "EC2", "MANAGED_INSTANCES"]}


def test_logs_that_aws_delivers_spare_the_accounts_resource_policy() -> None:
    """Groups of another beginning are added to one policy of 5,120 characters, which in the end refuses the deployment."""
    resources = template()["Resources"]
    delivered = {name for name in resources if name in {"ManagementApiLogs", "ServingMachineLogs"}}
    assert len(delivered) == 2
    for name in delivered:
        assert resources[name]["Properties"]["LogGroupName"]["Fn::Sub"].startswith("/aws/vendedlogs/")


def test_a_router_starts_and_ends_while_it_has_the_internet() -> None:
    """Its image comes, and its last events go, through the default route of both its subnets."""
    waits = child("serving_image/stack.yaml")["Resources"]["RouterService"]["DependsOn"]
    assert {"DefaultRoute", "FirstSubnetRoutes", "SecondSubnetRoutes", "RouterListener"} <= set(waits)


def _figure(path: str, name: str) -> float:
    """The number that a module or a class in it assigns to `name`."""
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if not isinstance(node, ast.Assign | ast.AnnAssign) or not isinstance(node.value, ast.Constant):
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            return float(str(node.value.value))
    raise KeyError(name)


def test_the_balancer_waits_longer_than_the_router_and_lets_go_before_it() -> None:
    """A silent engine gets our answer and not the balancer's; a connection that the router closed first would cost a request."""
    attributes = child("serving_image/stack.yaml")["Resources"]["RouterBalancer"]["Properties"]["LoadBalancerAttributes"]
    (idle,) = [float(item["Value"]) for item in attributes if item["Key"] == "idle_timeout.timeout_seconds"]
    assert _figure("serving_image/router/settings.py", "silence_seconds") < idle
    assert idle < _figure("serving_image/router/server.py", "_KEEP_ALIVE_SECONDS")


def test_a_router_drains_within_the_time_that_fargate_leaves_it() -> None:
    """And not much shorter: a running stream may use all of it."""
    (container,) = child("serving_image/stack.yaml")["Resources"]["RouterTask"]["Properties"]["ContainerDefinitions"]
    (drain,) = [float(item["Value"]) for item in container["Environment"] if item["Name"] == "SLIPWAY_DRAIN_SECONDS"]
    assert container["StopTimeout"] / 2 < drain < container["StopTimeout"] <= 120
