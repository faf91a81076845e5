"""The template is one map that reads the same everywhere: bounded contexts, any partition, no default that only fits us."""

import re
import tomllib
from typing import Any

import pytest

from scripts.template import ROOT
from tests.architecture.reading import CHILDREN, CONTEXTS, child, functions, of_type, pascal, references, template

# What every context may lean on.
SHARED = {"Bus", "Sweeps", "ManagementApi", "DataPlane", "OidcLayer"}
OWN_SHARED = {
    "access": {"TokenPepper", "UserPool", "UserPoolClient"},
    "registry": {"ArtifactBucket"},
    "serving": {"EngineKey", "ArtifactBucket"},
    "routing": set[str](),
    "usage": set[str](),
}
WITHOUT_SWEEP = {"usage"}  # it announces nothing, so nothing of it can stay unannounced
TABLES = {"access": 2}  # what routers write, they write in a table of its own
TEMPLATES = ("template.yaml", *CHILDREN.values())
EXPANDED_RESOURCES = 400  # beyond it, a context becomes a stack of its own
CONTROL_PLANE_LIMIT = 500


def _owner(logical_id: str) -> str | None:
    return next((context for context in CONTEXTS if logical_id.startswith(pascal(context))), None)


@pytest.mark.parametrize("context", CONTEXTS)
def test_a_context_refers_to_nothing_of_another(context: str) -> None:
    """One template, and yet no context can lean on another's table, queue or function."""
    resources = template()["Resources"]
    own = {name for name in resources if _owner(name) == context}
    allowed = own | SHARED | OWN_SHARED[context] | set(template()["Parameters"])
    conditions = set(template()["Conditions"])
    for name in own:
        assert references(resources[name]) - conditions <= allowed, name


@pytest.mark.parametrize("context", CONTEXTS)
def test_a_context_has_its_table_logs_layer_and_dead_letters(context: str) -> None:
    """What every context has, every context has alike."""
    name = pascal(context)
    resources = set(template()["Resources"])
    assert {f"{name}Layer", f"{name}Logs", f"{name}DeadLetters"} <= resources
    assert (f"{name}SweepRole" in resources) == (context not in WITHOUT_SWEEP)
    tables = [item for key, item in of_type("AWS::DynamoDB::Table").items() if _owner(key) == context]
    assert len(tables) == TABLES.get(context, 1)
    for table in tables:
        assert table["BillingMode"] == "PAY_PER_REQUEST"
        assert table["StreamSpecification"] == {"StreamViewType": "NEW_IMAGE"}
        assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}


@pytest.mark.parametrize("item", functions(), ids=lambda item: item.logical_id)
def test_a_function_stands_on_its_own_layer_and_logs_to_its_context(item: Any) -> None:
    """Vendor, kit and contracts come from Globals; the authorizer alone carries the token libraries. Five layers are Lambda's limit."""
    layers = [layer["Ref"] for layer in item.properties["Layers"]]
    assert layers == [f"{pascal(item.context)}Layer", *(["OidcLayer"] if item.name == "authorize_request" else [])]
    assert item.properties["LoggingConfig"]["LogGroup"] == {"Ref": f"{pascal(item.context)}Logs"}
    assert item.properties["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] == item.context


def test_only_the_api_document_is_open() -> None:
    """Every other route asks the authorizer."""
    routes = [(item.name, event["Properties"]) for item in functions() for event in item.events.values() if event["Type"] == "HttpApi"]
    assert [name for name, route in routes if "Auth" in route] == ["read_api_document"]
    assert template()["Resources"]["ManagementApi"]["Properties"]["Auth"]["DefaultAuthorizer"] == "Principal"


def test_no_two_functions_answer_one_route() -> None:
    """Method and path belong to one function."""
    routes = [
        (event["Properties"]["Method"], event["Properties"]["Path"])
        for item in functions()
        for event in item.events.values()
        if event["Type"] == "HttpApi"
    ]
    assert len(routes) == len(set(routes))


@pytest.mark.parametrize("path", TEMPLATES)
def test_every_parameter_is_described_and_used(path: str) -> None:
    """Nobody has to guess what a parameter means, and none is left over."""
    content = child(path)
    used = references({key: value for key, value in content.items() if key != "Metadata"})
    for name, item in content["Parameters"].items():
        assert item["Description"].strip(), name
        assert name in used, name


def test_every_parameter_of_the_root_is_constrained_or_free_for_a_reason() -> None:
    """What can be wrong is refused before anything is built."""
    free = {
        "OidcAudience",
        "RouterImage",
        "ApiBaseAllowList",
        "GpuInstanceTypes",
        "EngineImageVllm",
        "EngineImageLlamaCpp",
        "EngineImageMock",
    }
    constraints = {"AllowedPattern", "AllowedValues", "MinValue"}
    loose = {name for name, item in template()["Parameters"].items() if not constraints & set(item)}
    assert loose == free


@pytest.mark.parametrize(("stack", "path"), CHILDREN.items())
def test_a_child_is_given_every_parameter_it_has_and_no_other(stack: str, path: str) -> None:
    """The parameters are the contract between root and child; outputs that are read exist."""
    properties = template()["Resources"][stack]["Properties"]
    assert properties["TemplateURL"] == path
    assert set(properties["Parameters"]) == set(child(path)["Parameters"])
    read = set(re.findall(rf"'{stack}', 'Outputs\.(\w+)'|{stack}\.Outputs\.(\w+)", str(template())))
    assert {one or other for one, other in read} <= set(child(path).get("Outputs", {}))


@pytest.mark.parametrize("environment", ["local", "dev", "staging", "prod"])
def test_a_configuration_gives_parameters_that_the_template_accepts(environment: str) -> None:
    """samconfig.toml names only parameters that exist, with values that they allow."""
    configured = tomllib.loads((ROOT / "samconfig.toml").read_text())[environment]
    given = dict(item.split("=", 1) for item in configured["deploy"]["parameters"]["parameter_overrides"])
    declared = template()["Parameters"]
    assert given["Environment"] == environment
    for name, value in given.items():
        assert re.fullmatch(declared[name].get("AllowedPattern", ".*"), value), name
        assert value in [str(item) for item in declared[name].get("AllowedValues", [value])], name
    assert "CAPABILITY_AUTO_EXPAND" in configured["deploy"]["parameters"]["capabilities"]
    assert configured["global"]["parameters"]["stack_name"] == f"slipway-{environment}"


def test_the_stack_stays_far_from_cloudformations_limit() -> None:
    """Counted after the transform, where one function is six resources."""
    from scripts.check_templates import transformed

    assert len(transformed()["Resources"]) <= EXPANDED_RESOURCES < CONTROL_PLANE_LIMIT


def test_an_idle_environment_costs_no_more_than_promised() -> None:
    """Five dollars a month for the control plane, 45 with two routers and their balancer."""
    from scripts import cost_at_rest

    templates = {path: child(path) for path in TEMPLATES}
    parameters = {name: str(item.get("Default", "")) for name, item in template()["Parameters"].items()}
    lines = cost_at_rest.bill(templates, parameters)
    assert 0 < sum(line.monthly for line in lines if not line.router) <= cost_at_rest.GOAL_WITHOUT_ROUTER
    assert sum(line.monthly for line in lines) <= cost_at_rest.GOAL_WITH_ROUTER


def test_a_resource_that_nobody_has_priced_is_noticed() -> None:
    """A NAT gateway would be the largest line of the bill; it cannot come in silently."""
    from scripts import cost_at_rest

    with pytest.raises(ValueError, match="AWS::EC2::NatGateway"):
        cost_at_rest.bill({"x": {"Resources": {"Gateway": {"Type": "AWS::EC2::NatGateway"}}}}, {})
