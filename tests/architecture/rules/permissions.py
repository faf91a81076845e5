"""Rules of who may do what: actions and resources by name, no door open to strangers, no role handed on to whomever."""

import json
from typing import Any

from tests.architecture.reading import as_list
from tests.architecture.rules.platform import JSON, Found, Platform, breaks, first, rule, statements

# Where a resource says itself who may use it.
RESOURCE_POLICIES = {
    "AWS::SQS::QueuePolicy": "PolicyDocument",
    "AWS::S3::BucketPolicy": "PolicyDocument",
    "AWS::SNS::TopicPolicy": "PolicyDocument",
    "AWS::SecretsManager::ResourcePolicy": "ResourcePolicy",
    "AWS::Events::EventBusPolicy": "Statement",
    "AWS::ECR::Repository": "RepositoryPolicyText",
    "AWS::KMS::Key": "KeyPolicy",
    "AWS::DynamoDB::Table": "ResourcePolicy",
    "AWS::Logs::ResourcePolicy": "PolicyDocument",
    "AWS::IAM::Role": "AssumeRolePolicyDocument",
}
# A condition that keeps strangers out names the account, its organisation, or the one resource in whose name the service comes.
NARROWING = ("aws:SourceAccount", "aws:SourceArn", "aws:PrincipalAccount", "aws:PrincipalOrgID", "aws:PrincipalArn")


def _resource_statements(platform: Platform) -> list[tuple[str, JSON]]:
    found = []
    for kind, key in RESOURCE_POLICIES.items():
        for name, properties in platform.resources(kind):
            document = properties.get(key, {})
            document = document.get("PolicyDocument", document) if isinstance(document, dict) else json.loads(document)
            found += [(name, item) for item in as_list(document.get("Statement", [document] if "Effect" in document else []))]
    return found


def _anybody(principal: Any) -> bool:
    values = principal.values() if isinstance(principal, dict) else [principal]
    return any("*" in as_list(value) for value in values)


def _conditions(statement: JSON) -> set[str]:
    return {key for condition in statement.get("Condition", {}).values() for key in condition}


def _statement(statement: JSON) -> str:
    return str(statement.get("Sid") or "+".join(sorted(map(str, as_list(statement.get("Action", []))))))


@rule
def nobody_is_let_in_unnamed(platform: Platform) -> Found:
    """What has a policy of its own is open to named principals; to all only for a refusal, or narrowed to this account."""
    for name, statement in _resource_statements(platform):
        if statement["Effect"] == "Allow" and "NotPrincipal" in statement:
            yield name, "allows everybody but some"
        if statement["Effect"] == "Allow" and _anybody(statement.get("Principal", "")) and not _conditions(statement) & set(NARROWING):
            yield name, "is open to everybody"


@breaks(nobody_is_let_in_unnamed)
def an_open_bus(platform: Platform) -> str:
    """Whoever knows its name may say that a version is valid."""
    statement = {"Effect": "Allow", "Principal": "*", "Action": "events:PutEvents", "Resource": "*"}
    platform.root["BusPolicy"] = {"Type": "AWS::Events::EventBusPolicy", "Properties": {"StatementId": "all", "Statement": statement}}
    return "BusPolicy"


@breaks(nobody_is_let_in_unnamed)
def an_open_queue(platform: Platform) -> str:
    """Any account may start models."""
    name, policy = first(platform, "AWS::SQS::QueuePolicy")
    statement = policy["PolicyDocument"]["Statement"][0]
    statement["Principal"] = {"AWS": "*"}
    del statement["Condition"]
    return name


@breaks(nobody_is_let_in_unnamed)
def a_public_bucket(platform: Platform) -> str:
    """The statement that refuses plain connections turned round."""
    name, policy = first(platform, "AWS::S3::BucketPolicy")
    policy["PolicyDocument"]["Statement"][0]["Effect"] = "Allow"
    return name


@rule
def a_service_is_let_in_for_one_thing(platform: Platform) -> Found:
    """EventBridge, API Gateway and the like act for all their customers: each is let in by the ARN of ours, or at least for our account."""
    for name, permission in platform.resources("AWS::Lambda::Permission"):
        if not {"SourceArn", "SourceAccount"} & set(permission) or permission.get("SourceArn") == "*":
            yield name, f"any customer's {permission['Principal']} may call"
    for name, statement in _resource_statements(platform):
        service = isinstance(statement.get("Principal"), dict) and "Service" in statement["Principal"]
        trust = "sts:AssumeRole" in as_list(statement.get("Action", []))
        if statement["Effect"] == "Allow" and service and not trust and not _conditions(statement) & set(NARROWING):
            yield name, f"any customer's {statement['Principal']['Service']} may enter"


@breaks(a_service_is_let_in_for_one_thing)
def a_function_that_any_api_may_call(platform: Platform) -> str:
    """The confused deputy."""
    name, permission = first(platform, "AWS::Lambda::Permission")
    del permission["SourceArn"]
    return name


@breaks(a_service_is_let_in_for_one_thing)
def a_queue_that_any_rule_may_fill(platform: Platform) -> str:
    """The whole of EventBridge."""
    name, policy = first(platform, "AWS::SQS::QueuePolicy")
    del policy["PolicyDocument"]["Statement"][0]["Condition"]
    return name


@rule
def actions_are_named_one_by_one(platform: Platform) -> Found:
    """No `*` in what is allowed, and nothing allowed by leaving something out."""
    allowed = [item for item in [*statements(platform), *_resource_statements(platform)] if item[1]["Effect"] == "Allow"]
    for name, statement in allowed:
        if {"NotAction", "NotResource"} & set(statement):
            yield name, "allows everything but something"
        for action in as_list(statement.get("Action", [])):
            if "*" in action or "?" in action:
                yield f"{name}:{_statement(statement)}", f"allows {action}"


@breaks(actions_are_named_one_by_one)
def a_whole_service(platform: Platform) -> str:
    """The usual shortcut."""
    name, statement = next(statements(platform))
    statement["Action"] = "dynamodb:*"
    return name


@breaks(actions_are_named_one_by_one)
def everything_but_iam(platform: Platform) -> str:
    """Reads like a restriction, and is none."""
    name, statement = next(statements(platform))
    statement["NotAction"] = "iam:*"
    return name


@rule
def resources_are_named(platform: Platform) -> Found:
    """`*` stands alone only where IAM knows no resource for the action, and then a listed sentence says so."""
    for name, statement in statements(platform):
        if statement["Effect"] == "Allow" and "*" in as_list(statement.get("Resource", "*")):
            yield f"{_statement(statement)}:{name}", f"allows {', '.join(as_list(statement.get('Action', [])))} on everything"


@breaks(resources_are_named)
def all_tables(platform: Platform) -> str:
    """Also those of others."""
    _, statement = next(item for item in statements(platform) if "dynamodb:GetItem" in as_list(item[1]["Action"]))
    statement["Resource"] = "*"
    return str(statement["Sid"])


@rule
def managed_policies_are_listed(platform: Platform) -> Found:
    """AWS may change what they allow, so each is on the list with a sentence."""
    for name, role in platform.resources("AWS::IAM::Role"):
        for policy in role.get("ManagedPolicyArns", []):
            text = policy if isinstance(policy, str) else policy.get("Fn::Sub", str(policy))
            yield f"{text.rpartition('/')[2]}:{name}", "is a policy that AWS may change"


@breaks(managed_policies_are_listed)
def an_administrator(platform: Platform) -> str:
    """For a moment only, of course."""
    _, role = first(platform, "AWS::IAM::Role", "ManagedPolicyArns")
    role["ManagedPolicyArns"].append("arn:aws:iam::aws:policy/AdministratorAccess")
    return "AdministratorAccess"


@rule
def roles_are_handed_to_named_services(platform: Platform) -> Found:
    """PassRole names the roles of this stack and the service that takes them; otherwise whoever may start a task may become anybody."""
    for name, statement in statements(platform):
        if "iam:PassRole" not in as_list(statement.get("Action", [])):
            continue
        services = [value for item in statement.get("Condition", {}).values() for value in as_list(item.get("iam:PassedToService", []))]
        if not services or any(not isinstance(service, str) or service.startswith("*") for service in services):
            yield name, "hands a role to any service"
        for resource in as_list(statement["Resource"]):
            if not (isinstance(resource, dict) and {"Fn::GetAtt", "Ref"} & set(resource)):
                yield name, f"hands on {resource}, which is not one role of this stack"
        if as_list(statement["Action"]) != ["iam:PassRole"]:
            yield name, "hides iam:PassRole among other actions"


def _passing(platform: Platform) -> tuple[str, JSON]:
    return next(item for item in statements(platform) if "iam:PassRole" in as_list(item[1].get("Action", [])))


@breaks(roles_are_handed_to_named_services)
def any_role_to_tasks(platform: Platform) -> str:
    """Escalation by RunTask."""
    name, statement = _passing(platform)
    statement["Resource"] = {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/*"}
    return name


@breaks(roles_are_handed_to_named_services)
def a_role_to_any_service(platform: Platform) -> str:
    """Escalation by a function of one's own."""
    name, statement = _passing(platform)
    del statement["Condition"]
    return name


@rule
def no_function_starts_another_unseen(platform: Platform) -> Found:
    """Roles of functions hold no InvokeFunction: an edge that no resource shows would have no dead letters."""
    roles = {str(item["Role"]) for _, item in platform.resources("AWS::Lambda::Function")}
    for name, statement in statements(platform):
        actions = set(as_list(statement.get("Action", [])))
        if str({"Fn::GetAtt": [name, "Arn"]}) in roles and actions & {"lambda:InvokeFunction", "lambda:InvokeAsync", "sns:Publish"}:
            yield name, "may start what nobody counts"


@breaks(no_function_starts_another_unseen)
def a_function_that_invokes(platform: Platform) -> str:
    """With InvocationType Event."""
    functions = {str(item["Role"]): name for name, item in platform.resources("AWS::Lambda::Function")}
    name, statement = next(item for item in statements(platform) if str({"Fn::GetAtt": [item[0], "Arn"]}) in functions)
    statement["Action"] = ["lambda:InvokeFunction"]
    return name
