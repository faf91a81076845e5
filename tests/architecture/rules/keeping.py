"""Rules of what is kept: secrets by reference, data encrypted and not thrown away by accident, logs for a time that somebody chose."""

import json
import re
from typing import Any

from scripts.template import target_of
from tests.architecture.rules.platform import JSON, Found, Platform, breaks, first, rule

TELLING = re.compile(r"TOKEN|KEY|SECRET|PEPPER|PASSWORD|CREDENTIAL", re.IGNORECASE)
# Secrets have forms: of AWS, Hugging Face, OpenAI, GitHub, Slack, of this platform, private keys, JSON web tokens.
FORMS = re.compile(
    r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bhf_[A-Za-z0-9]{30,}|\bsk-[A-Za-z0-9_-]{20,}|\bgh[pousr]_[A-Za-z0-9]{30,}|\bxox[abp]-[A-Za-z0-9-]{10,}"
    r"|\bslp_[a-z2-7]{16}_[A-Za-z0-9]{43}|-----BEGIN [A-Z ]*PRIVATE KEY|\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\."
)
TABLE, BUCKET, QUEUE, LOGS = "AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::Logs::LogGroup"
PEOPLE, TASK = "AWS::Cognito::UserPool", "AWS::ECS::TaskDefinition"


def _variables(platform: Platform) -> list[tuple[str, str, Any]]:
    found = []
    for name, properties in platform.resources("AWS::Lambda::Function"):
        found += [(name, key, value) for key, value in properties.get("Environment", {}).get("Variables", {}).items()]
    for name, properties in platform.resources(TASK):
        found += [
            (name, item["Name"], item["Value"]) for part in properties["ContainerDefinitions"] for item in part.get("Environment", [])
        ]
    return found


@rule
def no_secret_is_written_down(platform: Platform) -> Found:
    """What is named like a secret holds a reference; nothing has the form of a secret; none is resolved into a property."""
    for name, key, value in _variables(platform):
        if TELLING.search(key) and isinstance(value, str):
            yield f"{name}:{key}", "is written into the template"
    for path, stack in platform.stacks.items():
        for name, parameter in stack.get("Parameters", {}).items():
            if TELLING.search(name) and parameter.get("Default") and not name.endswith("Arn"):
                yield f"{path}:{name}", "has a default"
        for match in FORMS.finditer(json.dumps(stack)):
            yield path, f"holds what looks like a secret: {match[0][:8]}…"
        if "{{resolve:secretsmanager" in json.dumps(stack) or "{{resolve:ssm-secure" in json.dumps(stack):
            yield path, "resolves a secret into a property, where it can be read"


@breaks(no_secret_is_written_down)
def a_pepper_in_the_environment(platform: Platform) -> str:
    """Whoever may read a function's configuration could read it."""
    name, function = first(platform, "AWS::Lambda::Function")
    function["Environment"]["Variables"]["PEPPER"] = "correct horse battery staple"
    return name


@breaks(no_secret_is_written_down)
def a_key_in_a_container(platform: Platform) -> str:
    """The same for a task."""
    name, task = first(platform, TASK)
    task["ContainerDefinitions"][0]["Environment"].append({"Name": "ENGINE_API_KEY", "Value": "0123"})
    return name


@breaks(no_secret_is_written_down)
def a_token_in_a_description(platform: Platform) -> str:
    """Anywhere at all, by its form. Put together here, so that nobody takes this line for one."""
    _, function = first(platform, "AWS::Lambda::Function")
    function["Description"] = "hf_" + "a1B2" * 9
    return "template.yaml"


@breaks(no_secret_is_written_down)
def a_secret_resolved_into_a_variable(platform: Platform) -> str:
    """CloudFormation would write it out."""
    _, function = first(platform, "AWS::Lambda::Function")
    function["Environment"]["Variables"]["GREETING"] = "{{resolve:secretsmanager:x}}"
    return "template.yaml"


@rule
def logs_are_kept_for_a_chosen_time(platform: Platform) -> Found:
    """Every group has a retention, and everything that logs names a group of a stack: one that AWS makes by itself is kept for ever."""
    groups = {name for name, _ in platform.resources(LOGS)}
    for name, group in platform.resources(LOGS):
        if "RetentionInDays" not in group:
            yield name, "is kept for ever"
    used = {name: item.get("LoggingConfig", {}).get("LogGroup") for name, item in platform.resources("AWS::Lambda::Function")}
    used |= {name: item.get("AccessLogSettings", {}).get("DestinationArn") for name, item in platform.resources("AWS::ApiGatewayV2::Stage")}
    for name, machine in platform.resources("AWS::StepFunctions::StateMachine"):
        used[name] = next(
            (item["CloudWatchLogsLogGroup"]["LogGroupArn"] for item in machine.get("LoggingConfiguration", {}).get("Destinations", [])),
            None,
        )
    for name, task in platform.resources(TASK):
        used[name] = task["ContainerDefinitions"][0].get("LogConfiguration", {}).get("Options", {}).get("awslogs-group")
    for name, group in used.items():
        if target_of(group) not in groups:
            yield name, "logs where no retention is set"


@breaks(logs_are_kept_for_a_chosen_time)
def a_group_for_ever(platform: Platform) -> str:
    """CloudWatch's default."""
    name, group = first(platform, LOGS)
    del group["RetentionInDays"]
    return name


@breaks(logs_are_kept_for_a_chosen_time)
def a_function_that_logs_by_itself(platform: Platform) -> str:
    """Lambda makes /aws/lambda/…, for ever."""
    name, function = first(platform, "AWS::Lambda::Function")
    del function["LoggingConfig"]
    return name


@rule
def machines_and_apis_log_no_contents(platform: Platform) -> Found:
    """Executions are logged without their data, requests without their bodies."""
    for name, machine in platform.resources("AWS::StepFunctions::StateMachine"):
        if machine.get("LoggingConfiguration", {}).get("IncludeExecutionData", True):
            yield name, "writes inputs and outputs into its log"
    for name, stage in platform.resources("AWS::ApiGatewayV2::Stage"):
        if re.search(r"authorizer\.(?!error)|header|querystring", stage.get("AccessLogSettings", {}).get("Format", ""), re.IGNORECASE):
            yield name, "writes what callers sent into its log"


@breaks(machines_and_apis_log_no_contents)
def a_machine_that_tells_all(platform: Platform) -> str:
    """For the search of one error."""
    name, machine = first(platform, "AWS::StepFunctions::StateMachine")
    machine["LoggingConfiguration"]["IncludeExecutionData"] = True
    return name


@rule
def data_is_encrypted_where_it_lies(platform: Platform) -> Found:
    """Queues, buckets, images and disks; tables, secrets and logs are encrypted by AWS whatever one writes."""
    for name, queue in platform.resources(QUEUE):
        if queue.get("SqsManagedSseEnabled") is not True and "KmsMasterKeyId" not in queue:
            yield name, "keeps messages in clear"
    for name, bucket in platform.resources(BUCKET):
        if "BucketEncryption" not in bucket:
            yield name, "does not say how objects are encrypted"
        if set(bucket.get("PublicAccessBlockConfiguration", {}).values()) != {True} or len(bucket["PublicAccessBlockConfiguration"]) != 4:
            yield name, "may become public"
    for name, repository in platform.resources("AWS::ECR::Repository"):
        if "EncryptionConfiguration" not in repository or repository.get("ImageTagMutability") != "IMMUTABLE":
            yield name, "images are in clear or may be replaced"
    for name, template in platform.resources("AWS::EC2::LaunchTemplate"):
        disks = [disk["Ebs"] for disk in template["LaunchTemplateData"].get("BlockDeviceMappings", []) if "Ebs" in disk]
        if not disks or any(disk.get("Encrypted") is not True for disk in disks):
            yield name, "has a disk in clear"


@breaks(data_is_encrypted_where_it_lies)
def a_queue_in_clear(platform: Platform) -> str:
    """Somebody tried something."""
    name, queue = first(platform, QUEUE)
    queue["SqsManagedSseEnabled"] = False
    return name


@breaks(data_is_encrypted_where_it_lies)
def a_bucket_that_may_become_public(platform: Platform) -> str:
    """One of four switches."""
    name, bucket = first(platform, BUCKET)
    bucket["PublicAccessBlockConfiguration"]["BlockPublicPolicy"] = False
    return name


@breaks(data_is_encrypted_where_it_lies)
def a_disk_in_clear(platform: Platform) -> str:
    """With other people's weights on it."""
    name, template = first(platform, "AWS::EC2::LaunchTemplate")
    template["LaunchTemplateData"]["BlockDeviceMappings"][0]["Ebs"]["Encrypted"] = False
    return name


@rule
def data_survives_a_mistake(platform: Platform) -> Found:
    """What would be lost says what becomes of it: kept when replaced, protected where ProtectData asks, recoverable."""
    for name, resource in platform.whole(TABLE, BUCKET, PEOPLE):
        properties: JSON = resource["Properties"]
        if "DeletionPolicy" not in resource or resource.get("UpdateReplacePolicy") != "Retain":
            yield name, "is thrown away when CloudFormation replaces it"
        if resource["Type"] == TABLE and not properties.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled"):
            yield name, "cannot be taken back to an earlier second"
        guard = str(properties.get("DeletionProtectionEnabled", properties.get("DeletionProtection")))
        if resource["Type"] != BUCKET and "ProtectsData" not in guard:
            yield name, "cannot be protected from deletion"
        if resource["Type"] == BUCKET and properties.get("VersioningConfiguration") != {"Status": "Enabled"}:
            yield name, "overwrites objects"


@breaks(data_survives_a_mistake)
def a_table_that_goes_when_renamed(platform: Platform) -> str:
    """CloudFormation's default."""
    name, _ = first(platform, TABLE)
    del platform.root[name]["UpdateReplacePolicy"]
    return name


@breaks(data_survives_a_mistake)
def a_table_without_recovery(platform: Platform) -> str:
    """DynamoDB's default."""
    name, table = first(platform, TABLE)
    del table["PointInTimeRecoverySpecification"]
    return name


@breaks(data_survives_a_mistake)
def people_that_nothing_protects(platform: Platform) -> str:
    """The switch is gone."""
    name, pool = first(platform, PEOPLE)
    pool["DeletionProtection"] = "INACTIVE"
    return name


@rule
def a_message_reaches_its_dead_letters_before_it_is_forgotten(platform: Platform) -> Found:
    """All its tries take less time than the queue keeps it."""
    for name, queue in platform.resources(QUEUE):
        tries = queue.get("RedrivePolicy", {}).get("maxReceiveCount")
        if tries and tries * queue.get("VisibilityTimeout", 30) >= queue.get("MessageRetentionPeriod", 345600):
            yield name, "forgets before it gives up"


@breaks(a_message_reaches_its_dead_letters_before_it_is_forgotten)
def a_queue_that_forgets(platform: Platform) -> str:
    """A minute, the least that SQS allows."""
    name, queue = first(platform, QUEUE, "RedrivePolicy")
    queue["MessageRetentionPeriod"] = 60
    return name
