"""A function has what it uses and nothing else, and says why where IAM leaves no choice."""

import re
from functools import cache
from typing import Any

import pytest
import yaml

from scripts.template import ROOT
from tests.architecture.reading import CHILDREN, CONTEXTS, Function, actions, as_list, child, functions, needs, of_type, template

# Client → prefix of its actions.
SERVICES = {
    "dynamodb": "dynamodb",
    "events": "events",
    "s3": "s3",
    "secretsmanager": "secretsmanager",
    "stepfunctions": "states",
    "ecs": "ecs",
    "scheduler": "scheduler",
    "ec2": "ec2",
    "service-quotas": "servicequotas",
    "cloudwatch": "cloudwatch",
    "pricing": "pricing",
}
# What mappings need of the role, beside what the code calls.
STREAM = {"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams", "sqs:SendMessage"}
QUEUE = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
# Every statement that names no resource, by the sentence that is its reason.
UNBOUNDED = {
    "TaskTokensNameNoMachineSoNoResourceCanBeGiven": {"states:SendTaskSuccess", "states:SendTaskFailure", "states:SendTaskHeartbeat"},
    "InstanceTypesUseOfQuotasAndPricesKnowNoResource": {
        "ec2:DescribeInstanceTypes",
        "ec2:DescribeInstanceTypeOfferings",
        "cloudwatch:GetMetricStatistics",
        "pricing:GetProducts",
    },
    "ListingStreamsKnowsNoResource": {"dynamodb:ListStreams"},
    "TaskDefinitionsAreListedAndDeregisteredWithoutResource": {"ecs:ListTaskDefinitions", "ecs:DeregisterTaskDefinition"},
    "ListingAlarmsKnowsNoResource": {"scheduler:ListSchedules"},
    "ListingKnowsOnlyTheCluster": {"ecs:ListServices", "ecs:ListTasks"},
    "SigningInToTheRegistryKnowsNoResource": {"ecr:GetAuthorizationToken"},
}
DELIVERING_LOGS = "DeliveringLogsAndTracesKnowsNoResource"
# What serving's README abbreviates.
TERMS = {
    "table:read": {"dynamodb:GetItem"},
    "table:query": {"dynamodb:Query"},
    "table:put": {"dynamodb:PutItem"},
    "table:write": {"dynamodb:PutItem", "dynamodb:DeleteItem"},
    "table:index": {"dynamodb:Query"},
    "planning": {
        "s3:GetObject",
        "servicequotas:GetServiceQuota",
        "ec2:DescribeInstanceTypes",
        "ec2:DescribeInstanceTypeOfferings",
        "cloudwatch:GetMetricStatistics",
        "pricing:GetProducts",
    },
    "resume": {"states:SendTaskSuccess", "states:SendTaskFailure"},
    "beat": {"states:SendTaskHeartbeat"},
}
EVERYTHING = {"template.yaml": template(), **{path: child(path) for path in CHILDREN.values()}}

each = pytest.mark.parametrize("item", functions(), ids=lambda item: item.logical_id)


def _statements(content: dict[str, Any]) -> list[dict[str, Any]]:
    """Statements of every identity policy."""
    found = []
    for item in content["Resources"].values():
        for policy in item.get("Properties", {}).get("Policies") or [] if item["Type"] != "AWS::Cognito::UserPool" else []:
            document = policy.get("PolicyDocument", policy)
            found += document["Statement"]
    return found


STATEMENTS = [statement for content in EVERYTHING.values() for statement in _statements(content)]


def test_every_statement_says_in_a_sentence_what_it_is_for() -> None:
    """A `Sid` of two words or more."""
    assert [statement for statement in STATEMENTS if not re.fullmatch(r"([A-Z][a-z]*){2,}", statement.get("Sid", ""))] == []


def test_a_statement_without_resource_is_one_of_those_that_know_none() -> None:
    """Where IAM defines no resource for an action, the Sid says so; the list of them is here."""
    open_ones = [statement for statement in STATEMENTS if "*" in as_list(statement["Resource"])]
    assert {statement["Sid"] for statement in open_ones} <= {*UNBOUNDED, DELIVERING_LOGS}
    for statement in open_ones:
        named = set(as_list(statement["Action"]))
        assert named <= UNBOUNDED.get(statement["Sid"], {action for action in named if action.startswith(("logs:", "xray:"))})


@each
def test_variables_are_what_the_wiring_reads(item: Function) -> None:
    """Each variable that the use case must have is given, and none is given that it does not read."""
    wanted = needs(item.context, item.name)
    assert wanted.required - {"ENVIRONMENT"} <= set(item.environment)
    assert set(item.environment) <= wanted.required | wanted.optional


@each
def test_services_are_those_that_the_wiring_calls(item: Function) -> None:
    """A client in the use case's wiring has grants, and no service is granted without a client or a mapping."""
    called = {SERVICES[service] for service in needs(item.context, item.name).services}
    granted = {action.split(":")[0] for action in actions(item) - STREAM - QUEUE - {"iam:PassRole"}}
    assert granted <= called
    # A use case's collaborators may reach further than the one path through them that its trigger takes.
    assert {service for service in called if service in {"events", "secretsmanager", "s3", "dynamodb"}} <= granted


@cache
def _readme(context: str) -> str:
    return (ROOT / "functions" / context / "README.md").read_text()


@cache
def _serving() -> dict[str, Any]:
    """Serving's README has one block for all functions."""
    block = re.search(r"```yaml\n(.*?)```", _readme("serving"), re.DOTALL)
    assert block is not None
    allowed: dict[str, Any] = yaml.load(block[1], Loader=yaml.CSafeLoader)
    return allowed


def _promised(item: Function) -> set[str]:
    """The actions that the context's README names for a function."""
    text = _readme(item.context)
    if item.context == "serving":
        terms = _serving()[item.name]["allow"]
        return {action for term in terms for action in TERMS.get(term, {term.split()[0]})}
    (row,) = [line for line in text.splitlines() if line.startswith(f"| `{item.name}` |")]
    cell = row.split("|")[4]
    found = set(re.findall(r"`([a-z0-9]+:[A-Z][A-Za-z]+)`", cell))
    return found | ({"events:PutEvents"} if "as above" in cell else set())


@each
def test_grants_are_those_that_the_readme_names(item: Function) -> None:
    """The context's owner and the template say the same (a key of one's own would add kms:Decrypt; AWS-managed ones need none)."""
    assert actions(item) - STREAM - QUEUE == _promised(item) - {"kms:Decrypt"} - STREAM


@each
def test_a_trigger_is_granted_what_its_mapping_needs(item: Function) -> None:
    """Streams and queues are read by the function's own role, one mapping each, and by no other."""
    mapping = {"stream": STREAM, "queue": QUEUE}.get(item.kind, set())
    assert actions(item) & (STREAM | QUEUE) == mapping


@each
def test_a_function_speaks_in_its_own_name_only(item: Function) -> None:
    """PutEvents is bound to the context's source."""
    for statement in item.statements:
        if "events:PutEvents" in as_list(statement["Action"]):
            assert statement["Resource"] == {"Fn::GetAtt": ["Bus", "Arn"]}
            assert statement["Condition"] == {"StringEquals": {"events:source": f"slipway.{item.context}"}}


def test_roles_are_handed_to_tasks_and_alarms_only() -> None:
    """PassRole names its roles and the service that takes them; otherwise whoever may start a task may become anybody."""
    passing = [statement for statement in STATEMENTS if "iam:PassRole" in as_list(statement["Action"])]
    to_scheduler = [statement for statement in passing if "scheduler.amazonaws.com" in str(statement["Condition"])]
    assert (len(passing), len(to_scheduler)) == (5, 3)
    for statement in passing:
        assert all("iam:PassedToService" in condition for condition in statement["Condition"].values())
        assert "*" not in str(statement["Resource"])


def test_roles_that_we_write_are_assumed_for_this_account_only() -> None:
    """The confused deputy: a service acts for us only when the request began here."""
    exempt = {"InfrastructureRole", "ManagedInstanceRole", "GroupInstanceRole"}  # EC2 and ECS document no such condition for these
    for content in EVERYTHING.values():
        for name, role in of_type("AWS::IAM::Role", content).items():
            for statement in role["AssumeRolePolicyDocument"]["Statement"]:
                assert name in exempt or "aws:SourceAccount" in statement["Condition"]["StringEquals"], name


@pytest.mark.parametrize("context", CONTEXTS)
def test_a_context_has_a_readme_row_for_no_function_that_is_not_there(context: str) -> None:
    """The README names no function that the template has not."""
    text = (ROOT / "functions" / context / "README.md").read_text()
    rows = set(re.findall(r"^\| `([a-z_]+)` \|", text, re.MULTILINE))
    assert rows <= {item.name for item in functions() if item.context == context}
