"""CloudFormation types that the emulator does not know: made real where it has the API, recorded where nothing on a laptop depends on them.
Numbers of ECS resources may be given as strings, which is what a parameter of type Number is; a reference to a secret is its ARN.

Stock: deployment fails with `Unrecognized resource types`, or with a TypeError where it counts with a string; `Ref` of a secret is its
name, a container's `Secrets` and `HealthCheck` are lost, and a state machine's definition in YAML cannot be executed.
"""

import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import yaml
from ministack.core.responses import get_account_id, get_region, new_uuid
from ministack.services import ecs, eventbridge, stepfunctions
from ministack.services.cloudformation import provisioners

from local.emulator.pin import expect, replace

JSON = dict[str, Any]
NUMBERS = {
    "DesiredCount", "ContainerPort", "HostPort", "StopTimeout", "StartTimeout", "Weight", "Base", "MinimumHealthyPercent", "MaximumPercent",
    "Interval", "Timeout", "Retries", "StartPeriod", "HealthCheckGracePeriodSeconds", "MemoryReservation", "SharedMemorySize",
}  # fmt: skip
DETAILS = {
    "secrets",
    "healthCheck",
    "dependsOn",
    "ulimits",
    "resourceRequirements",
    "linuxParameters",
    "restartPolicy",
    "repositoryCredentials",
}
Create = Callable[[str, JSON, str], tuple[str, JSON]]


def apply() -> None:
    """Register the types, each only if it is still unknown."""
    expect(provisioners._provision_resource, 'return handler["create"](logical_id, props, stack_name)')
    for name, (create, delete) in _real().items():
        _register(name, create, delete)
    for name, attributes in RECORDED.items():
        _register(name, _recorder(name, attributes), _nothing)
    for name in ("AWS::ECS::Service", "AWS::ECS::TaskDefinition"):
        _count_with_numbers(provisioners._RESOURCE_HANDLERS[name])
    _refer_by_arn(provisioners._RESOURCE_HANDLERS["AWS::SecretsManager::Secret"])
    _keep_container_details()
    _read_yaml_definitions()
    _keep_tracing()


def _keep_tracing() -> None:
    """Whether a state machine is to be traced, which its role has to allow."""
    expect(provisioners._sfn_state_machine_create, "TracingConfiguration has no field in")
    handler = provisioners._RESOURCE_HANDLERS["AWS::StepFunctions::StateMachine"]
    create = handler["create"]

    def create_machine(logical_id: str, props: JSON, stack_name: str) -> tuple[str, JSON]:
        arn, attributes = create(logical_id, props, stack_name)
        stepfunctions._state_machines[arn]["tracingConfiguration"] = props.get("TracingConfiguration") or {}
        return arn, attributes

    handler["create"] = create_machine


def _read_yaml_definitions() -> None:
    """Turn a state machine's definition into JSON, as CloudFormation does."""
    expect(provisioners._sfn_definition, 'definition.replace("${" + str(k) + "}", str(v))')

    def definition(props: JSON) -> str:
        text: str = stock(props)
        return text if text.lstrip().startswith("{") else json.dumps(yaml.safe_load(text))

    stock = replace(provisioners, "_sfn_definition", definition)


def _keep_container_details() -> None:
    expect(provisioners._normalize_container_defs, 'elif camel == "mountPoints"')

    def normalize(definitions: list[JSON]) -> list[JSON]:
        found: list[JSON] = stock(definitions)
        for container in found:
            for name in DETAILS & container.keys():
                container[name] = provisioners._pascal_to_camel(container[name])
        return found

    stock = replace(provisioners, "_normalize_container_defs", normalize)


def _refer_by_arn(handler: dict[str, Any]) -> None:
    """Make the ARN the physical id of a secret; the stock handlers go on by its name."""
    expect(provisioners._sm_secret_create, 'return name, {"Id": arn, "Arn": arn}')
    create, update, delete = handler["create"], handler["update"], handler["delete"]

    def name(arn: str) -> str:
        return arn.rsplit(":", 1)[-1].rsplit("-", 1)[0]

    def create_secret(logical_id: str, props: JSON, stack_name: str) -> tuple[str, JSON]:
        _, attributes = create(logical_id, props, stack_name)
        return attributes["Arn"], attributes

    def update_secret(physical_id: str, *rest: Any) -> tuple[str, JSON]:
        _, attributes = update(name(physical_id), *rest)
        return attributes["Arn"], attributes

    handler.update(create=create_secret, update=update_secret, delete=lambda physical_id, props: delete(name(physical_id), props))


def _count_with_numbers(handler: dict[str, Any]) -> None:
    create, update = handler["create"], handler.get("update")
    handler["create"] = lambda logical_id, props, stack_name: create(logical_id, numbered(props), stack_name)
    if update:
        handler["update"] = lambda physical_id, old, new, *rest: update(physical_id, numbered(old), numbered(new), *rest)


def numbered(value: Any) -> Any:
    """A resource's properties with numbers where ECS has numbers."""
    if isinstance(value, list):
        return [numbered(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: int(item) if key in NUMBERS and isinstance(item, str) and item.isdigit() else numbered(item) for key, item in value.items()
    }


def _register(name: str, create: Create, delete: Callable[[str, JSON], object]) -> None:
    def update(physical_id: str, old: JSON, new: JSON, stack_name: str, logical_id: str | None = None) -> tuple[str, JSON]:
        delete(physical_id, old)
        return create(logical_id or physical_id, new, stack_name)

    handler = {"create": create, "update": update, "update_with_logical_id": True, "delete": delete}
    provisioners._RESOURCE_HANDLERS.setdefault(name, handler)


def _nothing(_physical_id: str, _props: JSON) -> None:
    """Nothing was made, so nothing is deleted."""


def _arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{get_region()}:{get_account_id()}:{resource}"


def _checked(answer: Any) -> Any:
    if answer[0] >= HTTPStatus.BAD_REQUEST:
        raise ValueError(answer[2].decode() if isinstance(answer[2], bytes) else str(answer[2]))
    return answer


def _name(props: JSON, key: str, stack_name: str, logical_id: str) -> str:
    return str(props.get(key) or provisioners._physical_name(stack_name, logical_id, max_len=48))


# Recorded: the type's GetAtt attributes, from its physical id.
RECORDED: dict[str, dict[str, Callable[[str], str]]] = {
    "AWS::ApplicationAutoScaling::ScalableTarget": {"Id": str},
    "AWS::ApplicationAutoScaling::ScalingPolicy": {"Arn": lambda name: _arn("autoscaling", f"scalingPolicy:{name}")},
    "AWS::CloudWatch::CompositeAlarm": {"Arn": lambda name: _arn("cloudwatch", f"alarm:{name}")},
    "AWS::CloudWatch::AnomalyDetector": {"Id": str},
    "AWS::Logs::QueryDefinition": {"QueryDefinitionId": str},
    "AWS::EC2::EIP": {"AllocationId": str},
    "AWS::EC2::NatGateway": {"NatGatewayId": str},
    "AWS::EC2::FlowLog": {"Id": str},
    "AWS::EC2::PrefixList": {"PrefixListId": str},
    "AWS::EC2::GatewayRouteTableAssociation": {},
    "AWS::ResourceGroups::Group": {"Arn": lambda name: _arn("resource-groups", f"group/{name}")},
    "AWS::XRay::Group": {"GroupARN": lambda name: _arn("xray", f"group/{name}")},
    "AWS::XRay::SamplingRule": {"RuleARN": lambda name: _arn("xray", f"sampling-rule/{name}")},
    "AWS::Budgets::Budget": {},
    "AWS::ServiceCatalogAppRegistry::Application": {"Arn": lambda name: _arn("servicecatalog", f"/applications/{name}"), "Id": str},
    "AWS::SecretsManager::ResourcePolicy": {"Id": str},
    "AWS::SecretsManager::RotationSchedule": {"Id": str},
    "AWS::WAFv2::WebACLAssociation": {},
}


def _recorder(type_name: str, attributes: dict[str, Callable[[str], str]]) -> Create:
    named = {"AWS::CloudWatch::CompositeAlarm": "AlarmName", "AWS::ApplicationAutoScaling::ScalingPolicy": "PolicyName"}.get(
        type_name, "Name"
    )

    def create(logical_id: str, props: JSON, stack_name: str) -> tuple[str, JSON]:
        if type_name == "AWS::ApplicationAutoScaling::ScalableTarget":
            physical_id = "|".join(str(props[key]) for key in ("ResourceId", "ScalableDimension", "ServiceNamespace"))
        else:
            physical_id = _name(props, named, stack_name, logical_id)
        return physical_id, {key: make(physical_id) for key, make in attributes.items()}

    return create


def _real() -> dict[str, tuple[Create, Callable[[str, JSON], object]]]:
    """Types whose effect is real in the emulator."""
    return {
        "AWS::Events::Archive": (create_archive, lambda name, _: eventbridge._delete_archive({"ArchiveName": name})),
        "AWS::Events::EventBusPolicy": (create_bus_policy, delete_bus_policy),
        "AWS::ECS::CapacityProvider": (create_capacity_provider, lambda name, _: ecs._capacity_providers.pop(name, None)),
        "AWS::ECS::ClusterCapacityProviderAssociations": (associate_providers, _nothing),
        "AWS::EC2::SecurityGroupIngress": (_security_group_rule("IpPermissions"), _nothing),
        "AWS::EC2::SecurityGroupEgress": (_security_group_rule("IpPermissionsEgress"), _nothing),
    }


def create_archive(logical_id: str, props: JSON, stack_name: str) -> tuple[str, JSON]:
    """AWS::Events::Archive."""
    name = _name(props, "ArchiveName", stack_name, logical_id)
    pattern = json.dumps(props["EventPattern"]) if props.get("EventPattern") else ""
    request = {
        "ArchiveName": name,
        "EventSourceArn": props["SourceArn"],
        "EventPattern": pattern,
        "RetentionDays": int(props.get("RetentionDays") or 0),
    }
    _checked(eventbridge._create_archive(request))
    return name, {"Arn": _arn("events", f"archive/{name}"), "ArchiveName": name}


def create_bus_policy(_logical_id: str, props: JSON, _stack_name: str) -> tuple[str, JSON]:
    """AWS::Events::EventBusPolicy, given as a statement."""
    bus, statement = props.get("EventBusName", "default"), props.get("Statement") or {}
    request = {
        "EventBusName": bus,
        "StatementId": props["StatementId"],
        "Principal": props.get("Principal") or statement.get("Principal", "*"),
    }
    request |= {
        "Action": props.get("Action") or statement.get("Action", "events:PutEvents"),
        "Condition": props.get("Condition") or statement.get("Condition"),
    }
    _checked(eventbridge._put_permission(request))
    return f"{bus}|{props['StatementId']}", {}


def delete_bus_policy(physical_id: str, _props: JSON) -> None:
    """Remove the statement."""
    bus, _, statement = physical_id.partition("|")
    eventbridge._remove_permission({"EventBusName": bus, "StatementId": statement})


def create_capacity_provider(logical_id: str, props: JSON, stack_name: str) -> tuple[str, JSON]:
    """AWS::ECS::CapacityProvider; a Managed Instances provider is kept as given, and its tasks say so."""
    name = _name(props, "Name", stack_name, logical_id)
    groups = provisioners._pascal_to_camel(props.get("AutoScalingGroupProvider") or {})
    _checked(
        ecs._create_capacity_provider(
            {"name": name, "autoScalingGroupProvider": groups, "tags": provisioners._pascal_to_camel(props.get("Tags") or [])}
        )
    )
    if props.get("ManagedInstancesProvider"):
        ecs._capacity_providers[name] |= {
            "managedInstancesProvider": provisioners._pascal_to_camel(props["ManagedInstancesProvider"]),
            "cluster": props.get("ClusterName"),
        }
    return name, {"Arn": _arn("ecs", f"capacity-provider/{name}")}


def associate_providers(logical_id: str, props: JSON, stack_name: str) -> tuple[str, JSON]:
    """AWS::ECS::ClusterCapacityProviderAssociations."""
    strategy = provisioners._pascal_to_camel(props.get("DefaultCapacityProviderStrategy") or [])
    request = {
        "cluster": props["Cluster"],
        "capacityProviders": props.get("CapacityProviders") or [],
        "defaultCapacityProviderStrategy": strategy,
    }
    _checked(ecs._put_cluster_capacity_providers(request))
    return _name({}, "", stack_name, logical_id), {}


def _security_group_rule(direction: str) -> Create:
    def create(_logical_id: str, props: JSON, _stack_name: str) -> tuple[str, JSON]:
        group = provisioners._ec2._security_groups[props["GroupId"]]
        group[direction] = [*group.get(direction, []), *provisioners._ec2_sg_permissions([props])]
        identifier = f"sgr-{new_uuid().replace('-', '')[:17]}"
        return identifier, {"Id": identifier}

    return create
