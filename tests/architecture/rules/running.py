"""Rules of what runs: machines that always come to an end, containers that can do little, a network with few doors."""

import re

from scripts.scanning.machines import called
from tests.architecture.rules.platform import JSON, Found, Platform, breaks, first, rule

TASK, GROUP = "AWS::ECS::TaskDefinition", "AWS::EC2::SecurityGroup"
WAITS = ".waitForTaskToken"
EVERYBODY = ("0.0.0.0/0", "::/0")


def _states(platform: Platform) -> list[tuple[str, JSON, str]]:
    """Name as `machine:state`, the state, and the function that it calls (or an empty text)."""
    found = []
    for machine, definition in platform.machines.items():
        for name, state in definition["States"].items():
            arn = state.get("Parameters", {}).get("FunctionName", state.get("Resource", ""))
            found.append((f"{machine}:{name}", state, called(arn)))
    return found


@rule
def every_task_of_a_machine_has_a_timeout(platform: Platform) -> Found:
    """Longer than its function's own, and finite: Step Functions' default is more than three years."""
    for name, state, function in _states(platform):
        if state["Type"] == "Task" and not platform.properties(function).get("Timeout", 0) < state.get("TimeoutSeconds", 0) <= 86400:
            yield name, f"ends after {state.get('TimeoutSeconds', 'years')}"


@breaks(every_task_of_a_machine_has_a_timeout)
def a_task_without_timeout(platform: Platform) -> str:
    """Nobody would miss it for years."""
    name, state, _ = next(item for item in _states(platform) if "TimeoutSeconds" in item[1])
    del state["TimeoutSeconds"]
    return name


@breaks(every_task_of_a_machine_has_a_timeout)
def a_task_more_impatient_than_its_function(platform: Platform) -> str:
    """It would be started again while it still works."""
    name, state, _ = next(item for item in _states(platform) if "TimeoutSeconds" in item[1])
    state["TimeoutSeconds"] = 1
    return name


@rule
def every_wait_has_a_heartbeat(platform: Platform) -> Found:
    """Shorter than its timeout: what waits for a token learns early that nobody works on it any more."""
    for name, state, _ in _states(platform):
        if state.get("Resource", "").endswith(WAITS) and not 0 < state.get("HeartbeatSeconds", 0) < state.get("TimeoutSeconds", 0):
            yield name, f"beats every {state.get('HeartbeatSeconds', 'never')}"
        if state["Type"] == "Wait":
            yield name, "waits for a clock; what is waited for should answer a token"


@breaks(every_wait_has_a_heartbeat)
def a_wait_without_heartbeat(platform: Platform) -> str:
    """It would last as long as its timeout."""
    name, state, _ = next(item for item in _states(platform) if "HeartbeatSeconds" in item[1])
    del state["HeartbeatSeconds"]
    return name


@breaks(every_wait_has_a_heartbeat)
def a_machine_that_polls(platform: Platform) -> str:
    """An hour, and look again."""
    name, definition = next(iter(platform.machines.items()))
    definition["States"]["Sleep"] = {"Type": "Wait", "Seconds": 3600, "End": True}
    return f"{name}:Sleep"


@rule
def every_step_is_tried_again_and_caught(platform: Platform) -> Found:
    """Retries wait longer each time, not all at once; what fails for good goes to the state that settles, which alone may fail."""
    for name, state, _ in _states(platform):
        if state["Type"] != "Task":
            continue
        for retry in state.get("Retry", [{}]):
            if not (retry.get("MaxAttempts", 0) > 0 and retry.get("BackoffRate", 1) > 1 and retry.get("JitterStrategy") == "FULL"):
                yield name, "is not tried again, or all at once"
        settles = any(
            name.split(":")[0] == other.split(":")[0] and _caught_by(item, name.split(":")[1]) for other, item, _ in _states(platform)
        )
        if not settles and not any(catch["ErrorEquals"] == ["States.ALL"] for catch in state.get("Catch", [])):
            yield name, "fails without anybody settling it"


def _caught_by(state: JSON, name: str) -> bool:
    return any(catch["ErrorEquals"] == ["States.ALL"] and catch["Next"] == name for catch in state.get("Catch", []))


@breaks(every_step_is_tried_again_and_caught)
def a_step_without_retry(platform: Platform) -> str:
    """One lost packet fails a model."""
    name, state, _ = next(item for item in _states(platform) if "Retry" in item[1])
    del state["Retry"]
    return name


@breaks(every_step_is_tried_again_and_caught)
def a_step_that_nobody_catches(platform: Platform) -> str:
    """The machine ends, the operation does not."""
    name, state, _ = next(item for item in _states(platform) if "Catch" in item[1])
    del state["Catch"]
    return name


@rule
def a_container_can_do_little(platform: Platform) -> Found:
    """It writes nowhere but in its volumes, has no privilege, no shell to enter by, and bears a digest given from outside, never a tag."""
    for name, task in platform.resources(TASK):
        for part in task["ContainerDefinitions"]:
            if (
                part.get("Privileged")
                or part.get("LinuxParameters", {}).get("Capabilities", {}).get("Add")
                or part.get("User") in {"0", "root"}
            ):
                yield name, "has privileges"
            if part.get("ReadonlyRootFilesystem") is not True:
                yield name, "may write into its own image"
            if isinstance(part["Image"], str) and "@sha256:" not in part["Image"]:
                yield name, f"runs {part['Image']}, which may be another image tomorrow"
        if task.get("PidMode") or task.get("IpcMode") or task.get("NetworkMode") != "awsvpc":
            yield name, "shares something with its host"
    for name, service in platform.resources("AWS::ECS::Service"):
        if service.get("EnableExecuteCommand"):
            yield name, "lets people in"


@breaks(a_container_can_do_little)
def a_privileged_container(platform: Platform) -> str:
    """Root on the host."""
    name, task = first(platform, TASK)
    task["ContainerDefinitions"][0]["Privileged"] = True
    return name


@breaks(a_container_can_do_little)
def an_image_by_its_tag(platform: Platform) -> str:
    """The latest."""
    name, task = first(platform, TASK)
    task["ContainerDefinitions"][0]["Image"] = "slipway/router:latest"
    return name


@breaks(a_container_can_do_little)
def a_service_with_a_shell(platform: Platform) -> str:
    """ECS Exec."""
    name, service = first(platform, "AWS::ECS::Service")
    service["EnableExecuteCommand"] = True
    return name


@rule
def an_instance_keeps_its_credentials(platform: Platform) -> Found:
    """Session tokens for the metadata service, one hop, and none for containers."""
    for name, template in platform.resources("AWS::EC2::LaunchTemplate"):
        data = template["LaunchTemplateData"]
        if data.get("MetadataOptions") != {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}:
            yield name, "gives its credentials to whoever can make it ask"
        if "ECS_AWSVPC_BLOCK_IMDS=true" not in str(data.get("UserData")):
            yield name, "gives its credentials to containers"


@breaks(an_instance_keeps_its_credentials)
def an_instance_of_the_old_kind(platform: Platform) -> str:
    """IMDSv1."""
    name, template = first(platform, "AWS::EC2::LaunchTemplate")
    template["LaunchTemplateData"]["MetadataOptions"]["HttpTokens"] = "optional"
    return name


@rule
def nothing_is_open_to_the_internet(platform: Platform) -> Found:
    """Nobody outside the network enters but by the balancer, to whom a parameter says; nothing leaves but by HTTPS."""
    for name, group in platform.resources(GROUP):
        for entry in group.get("SecurityGroupIngress", []):
            if any(entry.get(key) in EVERYBODY for key in ("CidrIp", "CidrIpv6")):
                yield name, f"port {entry.get('FromPort')} is open to the internet"
        if not group.get("SecurityGroupEgress"):
            yield name, "anything may leave"
        for entry in group.get("SecurityGroupEgress", []):
            if any(entry.get(key) in EVERYBODY for key in ("CidrIp", "CidrIpv6")) and (entry.get("FromPort"), entry.get("ToPort")) != (
                443,
                443,
            ):
                yield name, "more than HTTPS may leave"


@breaks(nothing_is_open_to_the_internet)
def a_port_for_everybody(platform: Platform) -> str:
    """SSH, for a moment."""
    name, group = first(platform, GROUP)
    group["SecurityGroupIngress"].append({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": "0.0.0.0/0"})
    return name


@breaks(nothing_is_open_to_the_internet)
def a_group_that_lets_everything_out(platform: Platform) -> str:
    """EC2's default."""
    name, group = first(platform, GROUP)
    del group["SecurityGroupEgress"]
    return name


# Places written out: an ARN's partition, AWS's domain, a region, an account.
# Service principals are alike in every partition, and so are the names of gateway endpoints.
PLACE = re.compile(r"arn:aws(?:-[a-z-]+)?:|amazonaws\.com|\b(?:us|eu|ap|sa|ca|me|af|cn|il)-(?:gov-)?[a-z]+-\d\b|(?<![\d.])\b\d{12}\b(?!\d)")
ALIKE = re.compile(r"(?<![\w./-])[a-z0-9-]+\.amazonaws\.com\b(?![./])|com\.amazonaws\.\$\{AWS::Region\}\.")


@rule
def no_partition_region_or_account_is_written_out(platform: Platform) -> Found:
    """GovCloud, China and isolated regions run the same templates, machines, code and images: places are asked for, never written."""
    for path, text in platform.texts.items():
        for number, line in enumerate(text.splitlines(), 1):
            for match in PLACE.finditer(ALIKE.sub("", line)):
                yield f"{path}:{match[0]}", f"line {number}"


@breaks(no_partition_region_or_account_is_written_out)
def an_arn_in_code(platform: Platform) -> str:
    """Works in Ireland, not in Beijing."""
    path = next(path for path in platform.texts if path.startswith("layers/") and path.endswith(".py"))
    platform.texts[path] += "\nARN = 'arn:aws" + ":s3:::x'\n"
    return path


@breaks(no_partition_region_or_account_is_written_out)
def a_region_in_a_template(platform: Platform) -> str:
    """The region of whoever wrote it."""
    platform.texts["template.yaml"] += "\n# eu-west-1\n"
    return "template.yaml"


@breaks(no_partition_region_or_account_is_written_out)
def an_address_in_a_machine(platform: Platform) -> str:
    """AWS's domain differs by partition."""
    path = next(path for path in platform.texts if path.endswith(".asl.yaml"))
    platform.texts[path] += "\n# https://sqs.region.amazonaws.com/queue\n"
    return path
