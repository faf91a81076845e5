"""State machines as Step Functions gets them: the YAML definitions with their substitutions made, as SAM and CloudFormation make them."""

import re
from typing import Any

import yaml

from scripts.template import ROOT, load, target_of

# Any account and region; nothing is asked of AWS.
_PLACE = "eu-west-1:123456789012"


def rendered() -> dict[str, dict[str, Any]]:
    """Definition by the machine's logical id; ValueError names a substitution that the template does not give."""
    resources = load()["Resources"]
    return {name: definition(item["Properties"]) for name, item in resources.items() if item["Type"] == "AWS::Serverless::StateMachine"}


def definition(properties: dict[str, Any]) -> dict[str, Any]:
    """One machine's definition, from the properties of its resource."""
    given = {name: _value(name, value) for name, value in properties.get("DefinitionSubstitutions", {}).items()}
    path = properties["DefinitionUri"]

    def substitute(match: re.Match[str]) -> str:
        if match[1] not in given:
            raise ValueError(f"{path}: ${{{match[1]}}} is not among the template's DefinitionSubstitutions")
        return given[match[1]]

    content: dict[str, Any] = yaml.safe_load(re.sub(r"\$\{(\w+)\}", substitute, (ROOT / path).read_text()))
    return content


def _value(name: str, value: Any) -> str:
    target = target_of(value)
    if target == "AWS::Partition":
        return "aws"
    if target is None:
        raise ValueError(f"{name} is substituted by {value}, which this does not render")
    return f"arn:aws:lambda:{_PLACE}:function:{target}"


def called(resource: str) -> str:
    """The logical id of the function behind an ARN that `rendered` wrote."""
    return resource.rpartition(":")[2]
